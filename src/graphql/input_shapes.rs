//! Checks that each input object of a mutation is an object, and that no string of a document
//! stands for a value of an enum, before anything is executed.
//!
//! The library validates the fields of an object, but takes any other value for one, and finds out
//! when it resolves the mutation. Mutations before it in the document are committed then, and their
//! payloads would be lost with the rest of the data. It also takes a string for a value of an enum,
//! which the specification allows in variables only.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    convert::Infallible,
};

use async_graphql::{
    OutputType, SubscriptionType, Value, Variables,
    parser::types::{
        ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
    },
    registry::{MetaType, MetaTypeName, Registry},
};

use super::{Mutation, Query, Subscription};
use domain::error::{FieldErrorCode, ValidationErrors};

/// Input objects, enums, and the arguments of the fields that an operation reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputShapes {
    /// Names of the types of queries, mutations and subscriptions.
    roots: [String; 3],
    /// Names of the enums.
    enums: HashSet<String>,
    /// The type of each field, by input object.
    objects: HashMap<String, HashMap<String, String>>,
    /// The fields that an operation reaches, by type.
    types: HashMap<String, HashMap<String, FieldShape>>,
}

/// The type of a field and of each of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldShape {
    type_name: String,
    arguments: HashMap<String, String>,
}

impl InputShapes {
    /// Reads the shapes of the schema.
    #[must_use]
    pub fn of_schema() -> Self {
        let mut registry = Registry::default();
        Query::create_type_info(&mut registry);
        Mutation::create_type_info(&mut registry);
        Subscription::create_type_info(&mut registry);
        let roots = [Query::type_name(), Mutation::type_name(), Subscription::type_name()];
        let mut shapes = Self { roots: roots.map(Cow::into_owned), ..Self::default() };
        for (name, known) in &registry.types {
            if let MetaType::Enum { .. } = known {
                shapes.enums.insert(name.clone());
            }
            if let MetaType::InputObject { input_fields, .. } = known {
                let fields = input_fields.values();
                let fields = fields.map(|field| (field.name.clone(), field.ty.clone())).collect();
                shapes.objects.insert(name.clone(), fields);
            }
            let Some(fields) = known.fields() else { continue };
            let fields = fields.values().map(|field| {
                let arguments = field.args.values();
                let arguments = arguments.map(|own| (own.name.clone(), own.ty.clone())).collect();
                let type_name = MetaTypeName::concrete_typename(&field.ty).to_owned();
                (field.name.clone(), FieldShape { type_name, arguments })
            });
            shapes.types.insert(name.clone(), fields.collect());
        }
        shapes
    }

    /// Adds an error for each input object of a mutation that is another value. Unknown fields,
    /// types and fragments are left to validation.
    pub fn check(
        &self,
        document: &ExecutableDocument,
        mutation: &OperationDefinition,
        variables: &Variables,
        errors: &mut ValidationErrors,
    ) {
        let [_, root, _] = &self.roots;
        Visit { shapes: self, document, variables: Some(variables), errors, seen: HashSet::new() }
            .selections(root, &mutation.selection_set.node);
    }

    /// Adds an error for each string in the place of a value of an enum, in the document and in the
    /// defaults of its variables. The fields of a document without strings are not visited.
    pub fn check_literals(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        errors: &mut ValidationErrors,
    ) {
        let mut visit =
            Visit { shapes: self, document, variables: None, errors, seen: HashSet::new() };
        for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
            if let Some(default) = &definition.default_value {
                let path = format!("variables.{}", definition.name.node);
                visit.value(&definition.var_type.node.to_string(), &default.node, &path);
            }
        }
        let parts = document.fragments.values().map(|part| &part.node.selection_set.node);
        if parts.chain([&operation.selection_set.node]).any(has_string) {
            let [query, mutation, subscription] = &self.roots;
            let root = match operation.ty {
                OperationType::Query => query,
                OperationType::Mutation => mutation,
                OperationType::Subscription => subscription,
            };
            visit.selections(root, &operation.selection_set.node);
        }
    }
}

/// Returns `true` if an argument of these fields has a string in the document.
fn has_string(selections: &SelectionSet) -> bool {
    selections.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => {
            let mut arguments = field.node.arguments.iter();
            arguments.any(|(_, value)| value.node.to_string().contains('"'))
                || has_string(&field.node.selection_set.node)
        }
        Selection::InlineFragment(part) => has_string(&part.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

/// A visit of the fields of a document.
struct Visit<'a> {
    shapes: &'a InputShapes,
    document: &'a ExecutableDocument,
    /// Values of the variables, to check objects; `None` to check the values in the document.
    variables: Option<&'a Variables>,
    errors: &'a mut ValidationErrors,
    /// Fragments that were visited.
    seen: HashSet<&'a str>,
}

impl<'a> Visit<'a> {
    fn selections(&mut self, type_name: &str, selections: &'a SelectionSet) {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => self.field(type_name, &field.node),
                Selection::InlineFragment(part) => {
                    let condition = part.node.type_condition.as_ref();
                    let type_name = condition.map_or(type_name, |of| of.node.on.node.as_str());
                    self.selections(type_name, &part.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(part) = self.document.fragments.get(name) else { continue };
                    if self.seen.insert(name.as_str()) {
                        let type_name = part.node.type_condition.node.on.node.as_str();
                        self.selections(type_name, &part.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn field(&mut self, type_name: &str, field: &'a Field) {
        let shapes = self.shapes;
        let fields = shapes.types.get(type_name);
        let name = field.name.node.as_str();
        let Some(shape) = fields.and_then(|fields| fields.get(name)) else { return };
        for (name, value) in &field.arguments {
            let Some(expected) = shape.arguments.get(name.node.as_str()) else { continue };
            let known = |name| {
                let found = self.variables.and_then(|variables| variables.get(&name));
                Ok::<_, Infallible>(found.cloned().unwrap_or_default())
            };
            let Ok(value) = value.node.clone().into_const_with(known);
            self.value(expected, &value, name.node.as_str());
        }
        self.selections(&shape.type_name, &field.selection_set.node);
    }

    fn value(&mut self, expected: &str, value: &Value, path: &str) {
        match (MetaTypeName::create(expected), value) {
            (MetaTypeName::NonNull(expected), value) => self.value(expected, value, path),
            (MetaTypeName::List(expected), Value::List(values)) => {
                for (position, value) in values.iter().enumerate() {
                    self.value(expected, value, &format!("{path}.{position}"));
                }
            }
            (MetaTypeName::List(expected), value) => self.value(expected, value, path),
            (MetaTypeName::Named(expected), value) => {
                let shapes = self.shapes;
                let is_literal = self.variables.is_none();
                if is_literal
                    && matches!(value, Value::String(_))
                    && shapes.enums.contains(expected)
                {
                    let problem = format!("must be a value of the enum {expected}, without quotes");
                    self.errors.add(path, FieldErrorCode::WrongType.problem(problem));
                }
                let Some(fields) = shapes.objects.get(expected) else { return };
                match value {
                    Value::Object(values) => {
                        for (name, value) in values {
                            if let Some(expected) = fields.get(name.as_str()) {
                                self.value(expected, value, &format!("{path}.{name}"));
                            }
                        }
                    }
                    Value::Null => {}
                    _ if is_literal => {}
                    _ => {
                        let problem = format!("must be an object of the type {expected}");
                        self.errors.add(path, FieldErrorCode::WrongType.problem(problem));
                    }
                }
            }
        }
    }
}
