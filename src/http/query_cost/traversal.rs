//! Measures the operations and fragments of a parsed document.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
    },
};

use super::{
    excess::{Exceeded, LEVELS},
    figures::Figures,
};
use crate::graphql::cost::Costs;

/// Default and maximum page size of the API: the rows that a connection counts for without
/// arguments, and at most.
const PAGES: (u64, u64) = (25, 200);

/// Rows that a list counts for that is no connection and declares no size: an upper estimate of the
/// number of members.
const LIST: u64 = 50;

/// Bytes of a string or a response key that count as one more field, since repeated ones cost by
/// their length.
const CHUNK: usize = 64;

/// A variable with its known properties.
#[derive(Clone, Default)]
struct Variable {
    /// Its size for `expansion`.
    weight: u64,
    /// Cost of its input fields.
    points: u64,
    /// Stand-in for its value with the readable part: a number, null, a list's length, or the
    /// lengths of the lists of an input.
    readable: Value,
}

/// The arguments of a field or directive, with the readable parts of variables in their place.
#[derive(Default)]
struct Arguments {
    values: Vec<(Name, Value)>,
    /// Size for `expansion`.
    weight: u64,
    /// Cost of their input fields.
    points: u64,
}

pub(super) struct Measure<'a> {
    document: &'a ExecutableDocument,
    costs: &'a Costs,
    variables: HashMap<&'a str, Variable>,
    /// Figures of each fragment, calculated a single time, and the fragments that are spread
    /// anywhere.
    fragments: HashMap<&'a str, Figures>,
    spread: HashSet<&'a str>,
    /// Fragments that are being measured, the outermost first.
    open: Vec<&'a str>,
    circle: Vec<String>,
    visited: usize,
}

impl<'a> Measure<'a> {
    pub(super) fn of(
        document: &'a ExecutableDocument,
        chosen: &'a OperationDefinition,
        given: &'a Variables,
        costs: &'a Costs,
    ) -> Result<(Figures, usize), Exceeded> {
        let (variables, fragments, spread) = (HashMap::new(), HashMap::new(), HashSet::new());
        let mut measure = Self {
            document,
            costs,
            variables,
            fragments,
            spread,
            open: Vec::new(),
            circle: Vec::new(),
            visited: 0,
        };
        let defaults = chosen.variable_definitions.iter().map(|definition| &definition.node);
        let defaults = defaults.filter_map(|definition| {
            Some((&definition.name.node, &definition.default_value.as_ref()?.node))
        });
        for (name, value) in defaults.chain(given.iter()) {
            let weight = measure.weight(value);
            let readable = readable(value);
            let points = measure.points(value);
            measure.variables.insert(name, Variable { weight, points, readable });
        }
        let mut all = Figures::default();
        for (_, operation) in document.operations.iter() {
            all.add(measure.operation(&operation.node));
        }
        let fragments: Vec<_> = document
            .fragments
            .keys()
            .map(|name| (name.as_str(), measure.fragment(name, 0)))
            .collect();
        fragments
            .into_iter()
            .filter(|(name, _)| !measure.spread.contains(name))
            .for_each(|(_, figures)| all.add(figures));
        if !measure.circle.is_empty() {
            return Err(Exceeded::Cycle(measure.circle));
        }
        let chosen = measure.operation(chosen);
        let complexity = chosen.complexity.saturating_add(chosen.paged.unwrap_or_default());
        Ok((
            Figures { nesting: all.nesting, expansion: all.expansion, complexity, ..chosen },
            measure.visited,
        ))
    }

    fn operation(&mut self, operation: &'a OperationDefinition) -> Figures {
        let mut figures =
            self.selections(&operation.selection_set.node, self.costs.root(operation.ty), 0);
        let on_variables = operation
            .variable_definitions
            .iter()
            .flat_map(|definition| &definition.node.directives);
        self.directives(operation.directives.iter().chain(on_variables), &mut figures);
        figures
    }

    fn fragment(&mut self, name: &'a str, level: u64) -> Figures {
        let Some(fragment) = self.document.fragments.get(name) else { return Figures::default() };
        if let Some(figures) = self.fragments.get(name) {
            return *figures;
        }
        if let Some(position) = self.open.iter().position(|open| *open == name) {
            self.circle = self.open.iter().skip(position).map(|name| (*name).to_owned()).collect();
            return Figures::default();
        }
        self.open.push(name);
        let on = fragment.node.type_condition.node.on.node.as_str();
        let mut figures = self.selections(&fragment.node.selection_set.node, on, level);
        self.directives(&fragment.node.directives, &mut figures);
        self.open.pop();
        self.fragments.insert(name, figures);
        figures
    }

    fn selections(&mut self, set: &'a SelectionSet, on: &'a str, level: u64) -> Figures {
        let mut figures = Figures::default();
        // Stopping here limits the stack; the count so far is enough to refuse the document.
        if level > LEVELS {
            return figures;
        }
        for selection in &set.items {
            self.visited += 1;
            let mut part = match &selection.node {
                Selection::Field(field) => self.field(&field.node, on, level),
                Selection::InlineFragment(fragment) => {
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(on, |condition| condition.node.on.node.as_str());
                    self.selections(&fragment.node.selection_set.node, on, level + 1).nested()
                }
                Selection::FragmentSpread(spread) => {
                    self.spread.insert(&spread.node.fragment_name.node);
                    self.fragment(&spread.node.fragment_name.node, level + 1).nested()
                }
            };
            self.directives(selection.node.directives(), &mut part);
            part.expansion = part.expansion.saturating_add(1);
            figures.add(part);
        }
        figures
    }

    fn field(&mut self, field: &'a Field, on: &'a str, level: u64) -> Figures {
        let (name, set) = (field.name.node.as_str(), &field.selection_set.node);
        let declared = self.costs.field(on, name);
        let below = declared.map_or("", |declared| declared.type_name.as_str());
        let mut figures = if set.items.is_empty() {
            Figures::default()
        } else {
            self.selections(set, below, level + 1).nested()
        };
        let arguments = self
            .arguments(Directive { name: field.name.clone(), arguments: field.arguments.clone() });
        let key = (field.response_key().node.len() / CHUNK) as u64;
        figures.aliases = figures.aliases.saturating_add(u64::from(field.alias.is_some()));
        figures.expansion = figures.expansion.saturating_add(arguments.weight);
        figures.inside = (
            figures.inside.0 + 1,
            figures.inside.1.saturating_mul(usual_length(name)).saturating_add(1 + key),
        );
        figures.is_unversioned |= declared.is_some_and(|declared| declared.is_unversioned);
        figures.is_logged |= self.costs.is_logged(on, name);
        figures.has_revision |= self.costs.is_revision(on, name);
        figures.is_personal |=
            !name.starts_with("__") && !declared.is_some_and(|declared| declared.is_shared);
        if matches!(name, "__schema" | "__type") {
            (figures.depth, figures.complexity, figures.paged) = (0, 0, None);
            (figures.introspection_depth, figures.introspection_complexity) = figures.inside;
            return figures;
        }
        figures.depth += 1;
        let sliced_by = declared.map_or(&[] as &[String], |declared| declared.sliced_by.as_slice());
        let requested = rows(&arguments.values, sliced_by);
        // A bulk mutation applies its rule to each item.
        let is_bulk = declared.is_some_and(|declared| declared.is_bulk());
        let times = requested.filter(|_| is_bulk).map_or(1, |items| items.max(1));
        let own = declared
            .map_or(1, |declared| declared.weight)
            .saturating_mul(times)
            .saturating_add(key)
            .saturating_add(arguments.points);
        // Selections outside them (`totalCount`, `pageInfo`) count a single time.
        let is_page =
            matches!(name, "edges" | "nodes") && (declared.is_none() || on.ends_with("Connection"));
        figures.complexity = match figures.paged {
            Some(paged) => figures
                .complexity
                .saturating_add(paged.saturating_mul(requested.unwrap_or(PAGES.0))),
            None if is_page || below.ends_with("Connection") => figures.complexity,
            None => {
                let usual = declared.map_or(1, |declared| {
                    declared.rows.unwrap_or(if declared.is_list { LIST } else { 1 })
                });
                figures.complexity.saturating_mul(requested.unwrap_or(usual))
            }
        };
        figures.complexity = figures.complexity.saturating_add(own);
        (figures.complexity, figures.paged) =
            if is_page { (0, Some(figures.complexity)) } else { (figures.complexity, None) };
        figures
    }

    fn directives(
        &mut self,
        directives: impl IntoIterator<Item = &'a Positioned<Directive>>,
        figures: &mut Figures,
    ) {
        for directive in directives {
            self.visited += 1;
            let Arguments { weight, .. } = self.arguments(directive.node.clone());
            figures.directives = figures.directives.saturating_add(1);
            figures.expansion = figures.expansion.saturating_add(weight).saturating_add(1);
        }
    }

    /// Converts a field's arguments, as those of a directive: the library has one type for the
    /// values of both, which can't be named from outside, only converted to constants.
    fn arguments(&mut self, of: Directive) -> Arguments {
        let mut read = Arguments::default();
        for (name, value) in of.arguments {
            let Ok(value) = value.node.into_const_with(|variable| {
                let its = self.variables.get(variable.as_str()).cloned().unwrap_or_default();
                read.weight = read.weight.saturating_add(its.weight);
                read.points = read.points.saturating_add(its.points);
                Ok::<_, Infallible>(its.readable)
            });
            read.weight = read.weight.saturating_add(self.weight(&value));
            read.points = read.points.saturating_add(self.points(&value));
            read.values.push((name.node, value));
        }
        read
    }

    /// Returns the cost of the input fields within a value.
    fn points(&self, value: &Value) -> u64 {
        match value {
            Value::List(values) => values.iter().map(|value| self.points(value)).sum(),
            Value::Object(fields) => {
                let given = fields.iter().filter(|(_, value)| **value != Value::Null);
                given
                    .map(|(name, value)| self.costs.input(name).saturating_add(self.points(value)))
                    .fold(0, u64::saturating_add)
            }
            _ => 0,
        }
    }

    /// Returns the size of a value. Recurses within [`BRACKETS`](super::BRACKETS) or, for a
    /// variable, within the limit of the JSON parser.
    fn weight(&mut self, value: &Value) -> u64 {
        self.visited += 1;
        1 + match value {
            Value::String(text) => (text.len() / CHUNK) as u64,
            Value::List(values) => values.iter().map(|value| self.weight(value)).sum(),
            Value::Object(fields) => fields.values().map(|value| self.weight(value)).sum(),
            Value::Null
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_) => 0,
        }
    }
}

/// Returns the readable part of the value of a variable.
fn readable(value: &Value) -> Value {
    match value {
        Value::Null | Value::Number(_) => value.clone(),
        Value::List(values) => Value::from(values.len()),
        Value::Object(fields) => {
            let lists = fields.iter().filter_map(|(name, value)| match value {
                Value::List(values) => Some((name.clone(), Value::from(values.len()))),
                _ => None,
            });
            Value::Object(lists.collect())
        }
        _ => Value::Boolean(true),
    }
}

/// Returns the number of rows that the arguments request, if they do.
fn rows(arguments: &[(Name, Value)], sliced_by: &[String]) -> Option<u64> {
    arguments
        .iter()
        .filter(|(_, value)| *value != Value::Null)
        .filter_map(|(name, value)| match (name.as_str(), value) {
            ("first" | "last", Value::Number(rows)) if rows.is_i64() => {
                Some(rows.as_u64().unwrap_or(1).clamp(1, PAGES.1))
            }
            ("first" | "last", _) => Some(PAGES.1),
            (name, value) => {
                let sliced = sliced_by.iter().find_map(|slice| sliced(slice, name, value))?;
                Some(match sliced {
                    Value::List(values) => values.len() as u64,
                    Value::Number(length) => length.as_u64().unwrap_or(1),
                    _ => 1,
                })
            }
        })
        .max()
}

/// Returns the part of an argument that a slice names: the argument, or as `input.items` a field of
/// it.
fn sliced<'v>(slice: &str, name: &str, value: &'v Value) -> Option<&'v Value> {
    match slice.split_once('.') {
        None => (slice == name).then_some(value),
        Some((argument, field)) if argument == name => match value {
            Value::Object(fields) => fields.get(field),
            _ => None,
        },
        Some(_) => None,
    }
}

/// Returns the usual length of an introspection field's list in a schema of this size.
fn usual_length(field: &str) -> u64 {
    match field {
        "types" => 100,
        "fields" | "inputFields" | "enumValues" | "possibleTypes" => 20,
        "args" | "directives" | "interfaces" => 5,
        _ => 1,
    }
}
