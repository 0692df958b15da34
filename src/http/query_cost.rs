//! The measure of a GraphQL document before it is executed, in time linear in its length, so that a
//! hostile one costs next to nothing.

use std::collections::{HashMap, HashSet};
use std::{convert::Infallible, fmt};

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType,
};
use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{Name, Pos, Positioned, Value, Variables, parser};

use crate::graphql::cost::Costs;

/// The API's default and its largest page: the rows that a connection counts for when no number is
/// asked for, and at most.
const PAGES: (u64, u64) = (25, 200);
/// The rows that a list counts for that is no connection and declares no size: as many as there may
/// be members.
const LIST: u64 = 50;
/// The most brackets of any kind within each other. Not a setting: the parser recurses for each,
/// and this many fit its stack.
const BRACKETS: u64 = 100;
/// The most levels of fields, inline fragments and spreads within each other. Not a setting: the
/// library recurses for each, and at 32 it would answer in its own words.
const LEVELS: u64 = 32;
/// The bytes of a string or a response key that count as one field more: what is repeated costs by
/// its length.
const CHUNK: usize = 64;

/// What a document may have at most. Figures count a fragment again at each spread, as executing it
/// does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names, strings, punctuation and the parts of numbers, but not commas and comments.
    pub tokens: usize,
    /// Levels of fields; fragments add none.
    pub depth: usize,
    /// Cost in points: of each field what it declares and what its children cost, which count once
    /// for each row of a list: of a connection, the rows asked for, and of another list, as many as
    /// it declares.
    pub complexity: u64,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives on the operation, its variables, fields and fragments.
    pub directives: usize,
    /// Selections, directives and values of all operations and of unused fragments, all of which
    /// the library validates. A variable counts with its value, a string once for each 64 bytes.
    pub expansion: usize,
    /// Levels of fields from `__schema` or `__type` down, which count for neither `depth` nor
    /// `complexity`.
    pub introspection_depth: usize,
    /// Cost of what is asked about the schema, in fields, by the usual length of each of its lists.
    pub introspection_complexity: u64,
    /// Costs that the schema declares for each field.
    pub costs: Costs,
    /// Whether the schema may be asked about at all.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: 20_000,
            depth: 15,
            complexity: 50_000,
            aliases: 200,
            directives: 50,
            expansion: 100_000,
            introspection_depth: 20,
            introspection_complexity: 1_000_000,
            costs: Costs::default(),
            introspection: true,
        }
    }
}

/// A document within its limits.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Whether the chosen operation is a query, a mutation or a subscription.
    pub operation: OperationType,
    /// What the chosen operation adds up to, and for nesting and expansion, the document.
    pub figures: Figures,
    /// Selections, directives and values looked at to measure: at most twice the request's own
    /// number of them.
    pub visited: usize,
    /// The document as parsed, for `Request::set_parsed_query`, so that it isn't parsed again.
    pub document: ExecutableDocument,
}

/// What a document has of what [`Limits`] limits, each field as described there, and the levels of
/// fields, inline fragments and spreads within each other (`nesting`). A sum that overflows stays
/// at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Limits")]
pub struct Figures {
    pub tokens: u64,
    pub depth: u64,
    pub complexity: u64,
    pub aliases: u64,
    pub directives: u64,
    pub nesting: u64,
    pub expansion: u64,
    pub introspection_depth: u64,
    pub introspection_complexity: u64,
    /// `true` if a field's value may change without a new revision.
    pub is_unversioned: bool,
    /// `true` if a field's value is not the same for all who have the same rights.
    pub is_personal: bool,
    /// Depth and cost when it stands within `__schema` or `__type`; a fragment may stand on both
    /// sides.
    inside: (u64, u64),
    /// The part of the cost that counts once for each row of the connection that it stands in;
    /// `None` if it selects neither `edges` nor `nodes`.
    paged: Option<u64>,
}

/// Why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// It exceeds these limits: every one, but those of the text (tokens, brackets) come first and
    /// without the others.
    Limits(Vec<Excess>),
    /// These fragments spread each other in a circle.
    Cycle(Vec<String>),
    /// It is not a GraphQL document: what is wrong, and where if a place can be named.
    Syntax(Option<Pos>, String),
    /// It has no such operation, or several and none was named.
    Operation(String),
    /// It asks about the schema on a server whose introspection is off.
    Introspection,
}

/// One exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The limit's word, for programs.
    pub limit: &'static str,
    /// What the document has.
    pub found: u64,
    /// What it may have at most.
    pub most: u64,
    /// What it has in words, with `#` for the figure.
    words: &'static str,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(excesses) => excesses.iter().enumerate().try_for_each(|(position, Excess { found, most, words, .. })| {
                // Doubling reaches figures that nobody reads.
                let found = if *found > 1_000_000_000 { "over 1000000000".to_owned() } else { found.to_string() };
                let subject = if position == 0 { "The document" } else { " It" };
                write!(f, "{subject} {}; at most {most} are allowed.", words.replace('#', &found))
            }),
            // What is wrong with the field `query`, whose name comes first.
            Self::Cycle(names) => write!(f, "has fragments that spread themselves in a circle: {}; take one spread out", names.join(", ")),
            Self::Syntax(Some(at), message) => write!(f, "has a syntax error at {at}: {message}"),
            Self::Syntax(None, message) => write!(f, "has a syntax error: {message}"),
            Self::Operation(message) => f.write_str(message),
            Self::Introspection => f.write_str(
                "The document asks about the schema, and introspection is off on this server. Use the file schema.graphql of its version, or ask \
                 its operator to set SAMREGISTER_INTROSPECTION.",
            ),
        }
    }
}

impl std::error::Error for Exceeded {}

/// Measures the document and holds it against the limits; `operation` is the request's
/// operationName.
///
/// The text is scanned before it is parsed, since the parser recurses. Every operation and fragment
/// is measured, not only those to be executed, since the library validates them all. Unknown fields
/// and fragments are left to validation.
///
/// # Errors
/// Every limit that the document exceeds, or why it can't be measured.
pub fn measure(
    document: &str,
    variables: &Variables,
    operation: Option<&str>,
    limits: &Limits,
) -> Result<Measured, Exceeded> {
    let (tokens, brackets) = scan(document)?;
    within([
        ("LIMIT_TOKENS", "has # tokens", tokens, limits.tokens as u64),
        ("LIMIT_NESTING", "nests brackets # levels deep", brackets, BRACKETS),
    ])?;
    let document = parser::parse_query(document).map_err(refused)?;
    let chosen = choose(&document.operations, operation)?;
    let (figures, visited) = Measure::of(&document, chosen, variables, &limits.costs)?;
    let figures = Figures { tokens, ..figures };
    within([
        ("LIMIT_DEPTH", "is # levels deep", figures.depth, limits.depth as u64),
        ("LIMIT_COMPLEXITY", "has a cost of # points", figures.complexity, limits.complexity),
        ("LIMIT_ALIASES", "has # aliases", figures.aliases, limits.aliases as u64),
        ("LIMIT_DIRECTIVES", "has # directives", figures.directives, limits.directives as u64),
        ("LIMIT_NESTING", NESTING, figures.nesting, LEVELS),
        (
            "LIMIT_EXPANSION",
            "grows to # parts when its fragments are spread",
            figures.expansion,
            limits.expansion as u64,
        ),
        (
            "LIMIT_INTROSPECTION_DEPTH",
            "has introspection # levels deep",
            figures.introspection_depth,
            limits.introspection_depth as u64,
        ),
        (
            "LIMIT_INTROSPECTION_COMPLEXITY",
            "has an introspection cost of #",
            figures.introspection_complexity,
            limits.introspection_complexity,
        ),
    ])?;
    if figures.introspection_complexity > 0 && !limits.introspection {
        return Err(Exceeded::Introspection);
    }
    Ok(Measured { operation: chosen.ty, figures, visited, document })
}

/// Checks the figures of several documents against the limits, which they share.
///
/// # Errors
/// Every limit that they exceed together.
pub fn within_together(
    figures: impl Iterator<Item = Figures>,
    limits: &Limits,
) -> Result<(), Exceeded> {
    let all = figures.fold(Figures::default(), |mut all, one| {
        all.add(one);
        all.tokens = all.tokens.saturating_add(one.tokens);
        all
    });
    within([
        ("LIMIT_TOKENS", "has # tokens", all.tokens, limits.tokens as u64),
        ("LIMIT_COMPLEXITY", "has a cost of # points", all.complexity, limits.complexity),
        ("LIMIT_ALIASES", "has # aliases", all.aliases, limits.aliases as u64),
        ("LIMIT_DIRECTIVES", "has # directives", all.directives, limits.directives as u64),
        (
            "LIMIT_EXPANSION",
            "grows to # parts when its fragments are spread",
            all.expansion,
            limits.expansion as u64,
        ),
        (
            "LIMIT_INTROSPECTION_COMPLEXITY",
            "has an introspection cost of #",
            all.introspection_complexity,
            limits.introspection_complexity,
        ),
    ])
}

const NESTING: &str = "nests fields and fragments # levels deep or more";

fn within<const N: usize>(
    figures: [(&'static str, &'static str, u64, u64); N],
) -> Result<(), Exceeded> {
    let exceeded = figures.into_iter().filter(|(_, _, found, most)| found > most);
    let exceeded: Vec<_> =
        exceeded.map(|(limit, words, found, most)| Excess { limit, found, most, words }).collect();
    if exceeded.is_empty() { Ok(()) } else { Err(Exceeded::Limits(exceeded)) }
}

/// Counts tokens and the deepest bracket. Splits the text as the parser does, so that nothing hides
/// in what only looks like a string.
fn scan(document: &str) -> Result<(u64, u64), Exceeded> {
    let (mut tokens, mut deepest, mut open, mut at) = (0u64, 0u64, 0u64, 0);
    while let Some(rest) = document.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let run = |belongs: fn(&u8) -> bool| rest.iter().take_while(|byte| belongs(byte)).count();
        let (length, count) = match rest {
            [b' ' | b'\t' | b'\n' | b'\r' | b',', ..] => (1, 0),
            [b'#', ..] => (run(|byte| !matches!(byte, b'\n' | b'\r')), 0),
            [b'"', ..] => (string_length(rest).ok_or_else(|| unterminated(document, at))?, 1),
            [b'{' | b'[' | b'(', ..] => {
                open += 1;
                deepest = deepest.max(open);
                (1, 1)
            }
            [b'}' | b']' | b')', ..] => {
                open = open.saturating_sub(1);
                (1, 1)
            }
            // The parser reads `00` as two numbers.
            [b'0', ..] => (1, 1),
            [b'1'..=b'9', ..] => (run(u8::is_ascii_digit), 1),
            [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let length = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                // The parser reads `truetrue` in a list as two values.
                let splits =
                    ["true", "false", "null"].iter().any(|word| rest.starts_with(word.as_bytes()));
                (length, if splits { length.div_ceil(5) } else { 1 })
            }
            [b'.', b'.', b'.', ..] => (3, 1),
            // Parts of numbers, which are counted, or nothing that the parser takes.
            [b'.' | b'-' | b'+' | 0x80.., ..] => (1, 0),
            _ => (1, 1),
        };
        (at, tokens) = (at + length, tokens + count as u64);
    }
    Ok((tokens, deepest))
}

/// The length of the string that `rest` begins with, its quotes included; none when it doesn't end.
fn string_length(rest: &[u8]) -> Option<usize> {
    let block = rest.starts_with(b"\"\"\"");
    let quotes: &[u8] = if block { b"\"\"\"" } else { b"\"" };
    let mut at = quotes.len();
    loop {
        at += match rest.get(at..)? {
            rest if rest.starts_with(quotes) => return Some(at + quotes.len()),
            [b'\\', b'"', b'"', b'"', ..] if block => 4,
            [b'\\', ..] if !block => 2,
            [] => return None,
            [b'\n' | b'\r', ..] if !block => return None,
            _ => 1,
        };
    }
}

fn unterminated(document: &str, at: usize) -> Exceeded {
    let before = document.get(..at).unwrap_or_default();
    let (line, column) = (
        before.matches('\n').count() + 1,
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
    );
    Exceeded::Syntax(Some(Pos { line, column }), "this string has no end".to_owned())
}

/// The parser's error in words, without the source line that it draws.
fn refused(error: parser::Error) -> Exceeded {
    let message = match &error {
        parser::Error::RecursionLimitExceeded => {
            return Exceeded::Limits(vec![Excess {
                limit: "LIMIT_NESTING",
                found: LEVELS + 1,
                most: LEVELS,
                words: NESTING,
            }]);
        }
        parser::Error::MultipleOperations { .. } => {
            "an operation without a name must be the only one of its document".to_owned()
        }
        parser::Error::Syntax { message, .. } => {
            // After the drawing comes the reason, and a number's has a place within the number.
            let reason = message
                .rsplit("= ")
                .next()
                .and_then(|reason| reason.split(" at line").next())
                .unwrap_or_default();
            reason.replace("EOI", "the end").replace("type_", "type").replace('_', " ")
        }
        _ => error.to_string(),
    };
    Exceeded::Syntax(error.positions().next(), message)
}

/// The operation that is meant.
pub(super) fn choose<'a>(
    operations: &'a DocumentOperations,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Exceeded> {
    let chosen = match (operations, name) {
        (DocumentOperations::Single(only), None) => Some(only),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next(),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => None,
    };
    let missing = || match name {
        Some(name) => format!("has no operation named {name}"),
        None => format!(
            "has {} operations; name the one to execute in operationName",
            operations.iter().len()
        ),
    };
    chosen.map(|operation| &operation.node).ok_or_else(|| Exceeded::Operation(missing()))
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.complexity = self.complexity.saturating_add(other.complexity);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.nesting = self.nesting.max(other.nesting);
        self.expansion = self.expansion.saturating_add(other.expansion);
        self.introspection_depth = self.introspection_depth.max(other.introspection_depth);
        self.introspection_complexity =
            self.introspection_complexity.saturating_add(other.introspection_complexity);
        self.is_unversioned |= other.is_unversioned;
        self.is_personal |= other.is_personal;
        self.inside =
            (self.inside.0.max(other.inside.0), self.inside.1.saturating_add(other.inside.1));
        self.paged = match (self.paged, other.paged) {
            (Some(own), Some(other)) => Some(own.saturating_add(other)),
            (own, other) => own.or(other),
        };
    }

    fn nested(self) -> Self {
        Self { nesting: self.nesting + 1, ..self }
    }
}

/// A variable, as far as it is known.
#[derive(Clone, Default)]
struct Variable {
    /// Its size for `expansion`.
    weight: u64,
    /// Cost of its input fields.
    points: u64,
    /// A stand-in for its value with what can be read from it: a number, null, or a list's length.
    readable: Value,
}

/// The arguments of a field or directive, with what can be read from variables in their place.
#[derive(Default)]
struct Arguments {
    values: Vec<(Name, Value)>,
    /// Their size for `expansion`.
    weight: u64,
    /// Cost of their input fields.
    points: u64,
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    costs: &'a Costs,
    variables: HashMap<&'a str, Variable>,
    /// Each fragment's figures, made once, and the fragments that something spreads.
    fragments: HashMap<&'a str, Figures>,
    spread: HashSet<&'a str>,
    /// The fragments that are being measured, outermost first.
    open: Vec<&'a str>,
    circle: Vec<String>,
    visited: usize,
}

impl<'a> Measure<'a> {
    fn of(
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
            let readable = match value {
                Value::Null | Value::Number(_) => value.clone(),
                Value::List(values) => Value::from(values.len()),
                _ => Value::Boolean(true),
            };
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
        // Going no further keeps the stack; what was counted so far is enough to refuse the
        // document.
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
        figures.is_personal |=
            !name.starts_with("__") && !declared.is_some_and(|declared| declared.is_shared);
        if matches!(name, "__schema" | "__type") {
            (figures.depth, figures.complexity, figures.paged) = (0, 0, None);
            (figures.introspection_depth, figures.introspection_complexity) = figures.inside;
            return figures;
        }
        figures.depth += 1;
        let own = declared
            .map_or(1, |declared| declared.weight)
            .saturating_add(key)
            .saturating_add(arguments.points);
        let sliced_by = declared.map_or(&[] as &[String], |declared| declared.sliced_by.as_slice());
        let asked = rows(&arguments.values, sliced_by);
        // What doesn't stand below them (`totalCount`, `pageInfo`) is there once.
        let is_page =
            matches!(name, "edges" | "nodes") && (declared.is_none() || on.ends_with("Connection"));
        figures.complexity = match figures.paged {
            Some(paged) => {
                figures.complexity.saturating_add(paged.saturating_mul(asked.unwrap_or(PAGES.0)))
            }
            None if is_page || below.ends_with("Connection") => figures.complexity,
            None => {
                let usual = declared.map_or(1, |declared| {
                    declared.rows.unwrap_or(if declared.is_list { LIST } else { 1 })
                });
                figures.complexity.saturating_mul(asked.unwrap_or(usual))
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

    /// A field's arguments come as a directive's: the library has one type for the values of both,
    /// but it can't be named from outside, only turned into constants.
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

    /// Recurses within [`BRACKETS`] or, for a variable, within what the reader of the request's
    /// JSON allows.
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

/// How many rows a field's children are asked for, if the arguments say so.
fn rows(arguments: &[(Name, Value)], sliced_by: &[String]) -> Option<u64> {
    arguments
        .iter()
        .filter(|(_, value)| *value != Value::Null)
        .filter_map(|(name, value)| match (name.as_str(), value) {
            ("first" | "last", Value::Number(rows)) if rows.is_i64() => {
                Some(rows.as_u64().unwrap_or(1).clamp(1, PAGES.1))
            }
            ("first" | "last", _) => Some(PAGES.1),
            (name, value) if sliced_by.iter().any(|slice| slice == name) => Some(match value {
                Value::List(values) => values.len() as u64,
                Value::Number(length) => length.as_u64().unwrap_or(1),
                _ => 1,
            }),
            _ => None,
        })
        .max()
}

/// How many of them a schema of this size has, where a field of introspection answers a list.
fn usual_length(field: &str) -> u64 {
    match field {
        "types" => 100,
        "fields" | "inputFields" | "enumValues" | "possibleTypes" => 20,
        "args" | "directives" | "interfaces" => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
