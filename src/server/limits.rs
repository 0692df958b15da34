//! The measure of a GraphQL document before it is executed, in time linear in its length, so that a hostile one costs next to nothing.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use async_graphql::{
    Name, Number, Pos, Positioned, Value, Variables,
    parser::{
        self,
        types::{Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet},
    },
};

/// The rows that a connection is weighed by when it is asked for rows and no number of them; the API's default page.
const PAGE: u64 = 25;
/// The most rows that a connection is weighed by; the API's largest page.
const LARGEST_PAGE: u64 = 200;
/// The most brackets of any kind within each other. Not a setting: the parser recurses once for each, and this many fit its stack.
const BRACKETS: usize = 100;
/// The levels of selections that the parser itself allows below an operation.
const PARSER_LEVELS: usize = 64;
/// The bytes of a string that weigh as much as one field.
const CHUNK: usize = 64;

/// What a document may have at most. All figures but those of the text count a fragment again at each spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document's text.
    pub bytes: usize,
    /// Tokens of the text: names, numbers, strings and punctuation, but not commas and comments.
    pub tokens: usize,
    /// Bytes of its longest name; a long alias would come back once for each row.
    pub name_length: usize,
    /// Levels of fields; fragments add none.
    pub depth: usize,
    /// Cost: a field costs one and its children, and a connection's children count once for each row asked for.
    pub complexity: u64,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives on the operation, its variables, fields and fragments.
    pub directives: usize,
    /// Levels of fields, inline fragments and spreads within each other, in any part of the document. The library has a limit of the same
    /// kind, 32 unless raised with `SchemaBuilder::limit_recursive_depth`; above it the library's answer comes instead.
    pub nesting: usize,
    /// Parts that validation and execution walk through: each selection, directive, argument and value of all operations and of unused
    /// fragments (validation visits these too). A variable counts with its value, a string once for each 64 bytes.
    pub expansion: usize,
    /// Levels of fields from `__schema` or `__type` down, which count for neither `depth` nor `complexity`.
    pub introspection_depth: usize,
    /// Cost of what is asked about the schema, by the usual length of each of its lists.
    pub introspection_complexity: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1_048_576,
            tokens: 20_000,
            name_length: 200,
            depth: 15,
            complexity: 50_000,
            aliases: 200,
            directives: 50,
            nesting: 32,
            expansion: 100_000,
            introspection_depth: 20,
            introspection_complexity: 1_000_000,
        }
    }
}

/// A document within its limits.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Whether the chosen operation is a query, a mutation or a subscription.
    pub operation: OperationType,
    /// What was measured.
    pub figures: Figures,
    /// The document as parsed, for `Request::set_parsed_query`, so that it isn't parsed again.
    pub document: ExecutableDocument,
}

/// What was measured of a document; each figure means what the field of [`Limits`] with its name says, for the chosen operation
/// where nothing else is said. A figure that overflows stays at its type's largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Limits, described there")]
pub struct Figures {
    pub tokens: usize,
    pub depth: usize,
    pub complexity: u64,
    pub aliases: usize,
    pub directives: usize,
    pub nesting: usize,
    pub expansion: usize,
    pub introspection_depth: usize,
    pub introspection_complexity: u64,
    /// Selections, values and directives that were looked at to measure; grows with the request's length, never with the expansion.
    pub visited: usize,
}

/// Why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// It is beyond these limits: all that are exceeded, unless those of the text are, which come first and alone.
    Limits(Vec<Excess>),
    /// These fragments spread each other in a circle.
    Cycle(Vec<String>),
    /// It is not a GraphQL document.
    Syntax {
        /// Where, when a place can be named.
        at: Option<Pos>,
        /// What is wrong there.
        message: String,
    },
    /// It has no such operation, or several and none was named.
    Operation(String),
}

/// One exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The limit's name, as the field of [`Limits`]; `brackets` for the one that is no setting.
    pub limit: &'static str,
    /// What the document has, in the limit's unit.
    pub found: u64,
    /// What it may have at most.
    pub most: u64,
    words: (&'static str, &'static str),
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.words;
        let (found, most) = (self.found, self.most);
        // Doubling fragments reach figures that nobody reads, and some are only known to be at the end of their type.
        if found > 1_000_000_000 {
            write!(f, "{before} over 1000000000 {after}; at most {most} are allowed")
        } else {
            write!(f, "{before} {found} {after}; at most {most} are allowed")
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(excesses) => {
                for (place, excess) in excesses.iter().enumerate() {
                    write!(f, "{}{excess}", if place == 0 { "the document " } else { ". It " })?;
                }
                Ok(())
            }
            Self::Cycle(names) if names.len() == 1 => write!(f, "the fragment {} spreads itself; take that spread out", names.concat()),
            Self::Cycle(names) => {
                let (shown, more) = (names.iter().take(5).cloned().collect::<Vec<_>>().join(", "), names.len().saturating_sub(5));
                write!(f, "the fragments {shown}{} spread each other in a circle; take one of the spreads out", match more {
                    0 => String::new(),
                    _ => format!(" and {more} more"),
                })
            }
            Self::Syntax { at: Some(at), message } => write!(f, "syntax error at {at}: {message}"),
            Self::Syntax { at: None, message } | Self::Operation(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Exceeded {}

/// Measures the document and holds it against the limits; `operation` is the request's operationName.
///
/// The text is scanned before it is parsed, since the parser recurses, and every operation and fragment is measured, not only those to be
/// executed, since the library validates them all. Unknown fields, types and fragments are left to validation.
///
/// # Errors
/// Every limit that the document exceeds, or why it can't be measured.
pub fn measure(document: &str, variables: &Variables, operation: Option<&str>, limits: &Limits) -> Result<Measured, Exceeded> {
    let text = scan(document)?;
    within([
        excess("bytes", ("has", "bytes"), document.len() as u64, limits.bytes as u64),
        excess("tokens", ("has", "tokens"), text.tokens as u64, limits.tokens as u64),
        excess("name_length", ("has a name of", "bytes"), text.longest_name as u64, limits.name_length as u64),
        excess("brackets", ("nests brackets", "levels deep"), text.brackets as u64, BRACKETS as u64),
    ])?;
    let document = parser::parse_query(document).map_err(|error| refused(error, limits))?;
    let chosen = choose(&document.operations, operation)?;
    let mut figures = Measure::of(&document, chosen, variables)?;
    figures.tokens = text.tokens;
    within([
        excess("depth", ("is", "levels deep"), figures.depth as u64, limits.depth as u64),
        excess("complexity", ("has a cost of", "points"), figures.complexity, limits.complexity),
        excess("aliases", ("has", "aliases"), figures.aliases as u64, limits.aliases as u64),
        excess("directives", ("has", "directives"), figures.directives as u64, limits.directives as u64),
        excess("nesting", NESTING, figures.nesting as u64, limits.nesting as u64),
        excess("expansion", ("grows to", "parts when its fragments are spread"), figures.expansion as u64, limits.expansion as u64),
        excess(
            "introspection_depth",
            ("asks for the schema", "levels deep"),
            figures.introspection_depth as u64,
            limits.introspection_depth as u64,
        ),
        excess(
            "introspection_complexity",
            ("asks for the schema at a cost of", "points"),
            figures.introspection_complexity,
            limits.introspection_complexity,
        ),
    ])?;
    let operation = chosen.ty;
    Ok(Measured { operation, figures, document })
}

const NESTING: (&str, &str) = ("nests fields and fragments", "levels deep");

fn excess(limit: &'static str, words: (&'static str, &'static str), found: u64, most: u64) -> Excess {
    Excess { limit, found, most, words }
}

fn within<const N: usize>(figures: [Excess; N]) -> Result<(), Exceeded> {
    let exceeded: Vec<_> = figures.into_iter().filter(|figure| figure.found > figure.most).collect();
    if exceeded.is_empty() { Ok(()) } else { Err(Exceeded::Limits(exceeded)) }
}

/// What the text has, counted without parsing it.
#[derive(Default)]
struct Text {
    tokens: usize,
    longest_name: usize,
    brackets: usize,
}

/// Splits the text as the parser does, so that nothing can hide from the count in what only looks like a string or a comment.
fn scan(document: &str) -> Result<Text, Exceeded> {
    let bytes = document.as_bytes();
    let (mut text, mut at, mut open) = (Text::default(), 0, 0usize);
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let run = |belongs: fn(&u8) -> bool| rest.iter().take_while(|byte| belongs(byte)).count();
        let (length, tokens) = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => (1, 0),
            b'#' => (run(|byte| !matches!(byte, b'\n' | b'\r')), 0),
            b'"' => (string_length(rest).ok_or_else(|| unterminated(document, at))?, 1),
            b'{' | b'[' | b'(' => {
                open += 1;
                text.brackets = text.brackets.max(open);
                (1, 1)
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                (1, 1)
            }
            b'-' | b'0'..=b'9' => (number_length(rest), 1),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let length = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                text.longest_name = text.longest_name.max(length);
                // The parser reads `truetrue` in a list as two values, so a run that begins so counts by its length.
                let splits = ["true", "false", "null"].iter().any(|word| rest.starts_with(word.as_bytes()));
                (length, if splits { length.div_ceil(5) } else { 1 })
            }
            _ if rest.starts_with(b"...") => (3, 1),
            _ if rest.starts_with("\u{feff}".as_bytes()) => (3, 0),
            _ => (1, 1),
        };
        at += length;
        text.tokens += tokens;
    }
    Ok(text)
}

/// The length of the string that `rest` begins with, quotes included; none when it doesn't end.
fn string_length(rest: &[u8]) -> Option<usize> {
    let (quotes, escape): (&[u8], &[u8]) = if rest.starts_with(b"\"\"\"") { (b"\"\"\"", b"\\\"\"\"") } else { (b"\"", b"\\") };
    let block = quotes.len() > 1;
    let mut at = quotes.len();
    loop {
        let rest = rest.get(at..).filter(|rest| !rest.is_empty())?;
        at += match rest {
            _ if rest.starts_with(quotes) => return Some(at + quotes.len()),
            _ if rest.starts_with(escape) => escape.len() + usize::from(!block),
            [b'\n' | b'\r', ..] if !block => return None,
            _ => 1,
        };
    }
}

/// The length of the number that `rest` begins with, which ends where the parser ends it: `00` is two numbers and `1-1` too.
fn number_length(rest: &[u8]) -> usize {
    let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(rest.starts_with(b"-"));
    let mut end = sign + if rest.get(sign) == Some(&b'0') { 1 } else { digits(sign) };
    if rest.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        if digits(signed) > 0 {
            end = signed + digits(signed);
        }
    }
    end
}

fn unterminated(document: &str, at: usize) -> Exceeded {
    let before = document.get(..at).unwrap_or_default();
    let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    Exceeded::Syntax { at: Some(Pos { line, column }), message: "this string has no end".to_owned() }
}

/// The parser's error in words, without the source line that it draws.
fn refused(error: parser::Error, limits: &Limits) -> Exceeded {
    let (at, message) = match &error {
        parser::Error::RecursionLimitExceeded => {
            let most = limits.nesting.min(PARSER_LEVELS) as u64;
            return Exceeded::Limits(vec![excess("nesting", NESTING, PARSER_LEVELS as u64 + 1, most)]);
        }
        parser::Error::Syntax { start, message, .. } if message.starts_with("invalid number") => {
            (Some(*start), "this number is out of range".to_owned())
        }
        parser::Error::Syntax { start, message, .. } => {
            let expected = message.rsplit("= ").next().unwrap_or_default();
            (Some(*start), expected.replace("EOI", "the end of the document").replace("type_", "type").replace('_', " "))
        }
        parser::Error::MultipleOperations { anonymous, .. } => {
            (Some(*anonymous), "an operation without a name must be the only one in its document".to_owned())
        }
        _ => (error.positions().next(), error.to_string()),
    };
    Exceeded::Syntax { at, message }
}

fn choose<'a>(operations: &'a DocumentOperations, name: Option<&str>) -> Result<&'a OperationDefinition, Exceeded> {
    let chosen = match (operations, name) {
        (DocumentOperations::Single(only), None) => Some(only),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next(),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => None,
    };
    chosen.map(|operation| &operation.node).ok_or_else(|| {
        Exceeded::Operation(match name {
            Some(name) => format!("the document has no operation named {name}; name one that it has, or none if it has only one"),
            None => format!("the document has {} operations; name the one to execute with operationName", operations.iter().len()),
        })
    })
}

/// What a selection set adds up to.
#[derive(Clone, Copy, Default)]
struct Sum {
    figures: Figures,
    /// Its depth and cost when it stands inside `__schema` or `__type`; a fragment may stand on both sides.
    inside: (usize, u64),
    /// Whether it selects `edges` or `nodes`, and so is a connection's.
    rows: bool,
}

impl Sum {
    fn add(&mut self, other: Self) {
        let (mine, its) = (&mut self.figures, other.figures);
        mine.depth = mine.depth.max(its.depth);
        mine.complexity = mine.complexity.saturating_add(its.complexity);
        mine.aliases = mine.aliases.saturating_add(its.aliases);
        mine.directives = mine.directives.saturating_add(its.directives);
        mine.nesting = mine.nesting.max(its.nesting);
        mine.expansion = mine.expansion.saturating_add(its.expansion);
        mine.introspection_depth = mine.introspection_depth.max(its.introspection_depth);
        mine.introspection_complexity = mine.introspection_complexity.saturating_add(its.introspection_complexity);
        self.inside = (self.inside.0.max(other.inside.0), self.inside.1.saturating_add(other.inside.1));
        self.rows |= other.rows;
    }

    fn nested(mut self) -> Self {
        self.figures.nesting += 1;
        self
    }
}

/// What the number of rows hangs on when it is a variable, and what the variable weighs.
struct Known<'a> {
    value: &'a ConstValue,
    weight: usize,
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    variables: HashMap<&'a str, Known<'a>>,
    /// The sum of each fragment, made once, when those of the fragments that it spreads are there.
    fragments: HashMap<&'a str, Sum>,
    visited: usize,
}

impl<'a> Measure<'a> {
    fn of(document: &'a ExecutableDocument, chosen: &'a OperationDefinition, variables: &'a Variables) -> Result<Figures, Exceeded> {
        let mut measure = Self { document, variables: HashMap::new(), fragments: HashMap::new(), visited: 0 };
        let defaults = chosen.variable_definitions.iter().filter_map(|definition| {
            let default = definition.node.default_value.as_ref()?;
            Some((&definition.node.name.node, &default.node))
        });
        for (name, value) in defaults.chain(variables.iter()) {
            let weight = measure.constant(value);
            measure.variables.insert(name, Known { value, weight });
        }
        let unused = measure.fragments()?;
        let mut figures = Figures::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let mut sum = measure.selections(&operation.selection_set.node);
            let on_variables = operation.variable_definitions.iter().flat_map(|definition| &definition.node.directives);
            measure.directives(operation.directives.iter().chain(on_variables), &mut sum);
            let (nesting, expansion) = (figures.nesting.max(sum.figures.nesting), figures.expansion.saturating_add(sum.figures.expansion));
            if std::ptr::eq(operation, chosen) {
                figures = sum.figures;
            }
            (figures.nesting, figures.expansion) = (nesting, expansion);
        }
        for sum in unused.iter().filter_map(|name| measure.fragments.get(name)) {
            figures.nesting = figures.nesting.max(sum.figures.nesting);
            figures.expansion = figures.expansion.saturating_add(sum.figures.expansion);
        }
        figures.visited = measure.visited;
        Ok(figures)
    }

    /// Sums up each fragment after those that it spreads, without recursion: their chain may be as long as the document. Answers those that
    /// nothing spreads.
    fn fragments(&mut self) -> Result<Vec<&'a str>, Exceeded> {
        let mut spread = HashSet::new();
        for (_, operation) in self.document.operations.iter() {
            spread.extend(self.spreads(&operation.node.selection_set.node));
        }
        let mut open = HashSet::new();
        for start in self.document.fragments.keys() {
            let mut path: Vec<(&str, std::vec::IntoIter<&str>)> = Vec::new();
            let mut next = Some(start.as_str());
            loop {
                if let Some((name, fragment)) = next.and_then(|name| self.document.fragments.get_key_value(name))
                    && !self.fragments.contains_key(name.as_str())
                {
                    if !open.insert(name.as_str()) {
                        return Err(cycle(path.iter().map(|(name, _)| *name).skip_while(|open| *open != name.as_str())));
                    }
                    let spreads = self.spreads(&fragment.node.selection_set.node);
                    spread.extend(spreads.iter().copied());
                    path.push((name, spreads.into_iter()));
                }
                let Some((name, rest)) = path.last_mut() else { break };
                next = rest.next();
                if next.is_none() {
                    let name = *name;
                    path.pop();
                    if let Some(fragment) = self.document.fragments.get(name) {
                        let mut sum = self.selections(&fragment.node.selection_set.node);
                        self.directives(&fragment.node.directives, &mut sum);
                        self.fragments.insert(name, sum);
                    }
                }
            }
        }
        Ok(self.document.fragments.keys().map(Name::as_str).filter(|name| !spread.contains(name)).collect())
    }

    /// The names of the fragments that a selection set spreads, at any level of it.
    fn spreads(&mut self, set: &'a SelectionSet) -> Vec<&'a str> {
        let (mut names, mut sets) = (Vec::new(), vec![set]);
        while let Some(set) = sets.pop() {
            self.visited += set.items.len();
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => sets.push(&field.node.selection_set.node),
                    Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                    Selection::FragmentSpread(spread) => names.push(spread.node.fragment_name.node.as_str()),
                }
            }
        }
        names
    }

    /// Recurses no deeper than the parser did, which was held back before.
    fn selections(&mut self, set: &'a SelectionSet) -> Sum {
        let mut sum = Sum::default();
        for selection in &set.items {
            let mut part = match &selection.node {
                Selection::Field(field) => self.field(&field.node),
                Selection::InlineFragment(fragment) => self.selections(&fragment.node.selection_set.node).nested(),
                Selection::FragmentSpread(spread) => {
                    self.fragments.get(spread.node.fragment_name.node.as_str()).map(|sum| sum.nested()).unwrap_or_default()
                }
            };
            self.directives(selection.node.directives(), &mut part);
            part.figures.expansion = part.figures.expansion.saturating_add(1);
            self.visited += 1;
            sum.add(part);
        }
        sum
    }

    fn field(&mut self, field: &'a Field) -> Sum {
        let name = field.name.node.as_str();
        let below = self.selections(&field.selection_set.node);
        let mut sum = if field.selection_set.node.items.is_empty() { below } else { below.nested() };
        sum.rows = matches!(name, "edges" | "nodes");
        sum.inside = (below.inside.0 + 1, below.inside.1.saturating_mul(usual_length(name)).saturating_add(1));
        let figures = &mut sum.figures;
        if matches!(name, "__schema" | "__type") {
            (figures.depth, figures.complexity) = (0, 0);
            (figures.introspection_depth, figures.introspection_complexity) = sum.inside;
        } else {
            figures.depth += 1;
            figures.complexity = figures.complexity.saturating_mul(self.rows(field, below.rows)).saturating_add(1);
        }
        figures.aliases = figures.aliases.saturating_add(usize::from(field.alias.is_some()));
        let arguments = field.arguments.iter().fold(0, |sum: usize, (_, value)| sum.saturating_add(self.value(&value.node)));
        figures.expansion = figures.expansion.saturating_add(arguments);
        sum
    }

    /// How many rows a field's children are asked for.
    fn rows(&self, field: &Field, has_rows: bool) -> u64 {
        let argument = |name| field.get_argument(name).map(|value| &value.node);
        if field.name.node == "nodes"
            && let Some(ids) = argument("ids")
        {
            return match ids {
                Value::List(ids) => ids.len() as u64,
                Value::Variable(name) => match self.variables.get(name.as_str()).map(|known| known.value) {
                    Some(ConstValue::List(ids)) => ids.len() as u64,
                    _ => 1,
                },
                _ => 1,
            };
        }
        let number = |number: &Number| if number.is_i64() { number.as_i64().unwrap_or(0).max(1) as u64 } else { LARGEST_PAGE };
        let asked = ["first", "last"].into_iter().filter_map(argument).filter_map(|value| match value {
            Value::Null => None,
            Value::Number(value) => Some(number(value)),
            Value::Variable(name) => match self.variables.get(name.as_str())?.value {
                ConstValue::Null => None,
                ConstValue::Number(value) => Some(number(value)),
                _ => Some(LARGEST_PAGE),
            },
            _ => Some(LARGEST_PAGE),
        });
        asked.max().unwrap_or(if has_rows { PAGE } else { 1 }).min(LARGEST_PAGE)
    }

    fn directives(&mut self, directives: impl IntoIterator<Item = &'a Positioned<Directive>>, sum: &mut Sum) {
        for directive in directives {
            let arguments = directive.node.arguments.iter().fold(1, |sum: usize, (_, value)| sum.saturating_add(self.value(&value.node)));
            sum.figures.directives = sum.figures.directives.saturating_add(1);
            sum.figures.expansion = sum.figures.expansion.saturating_add(arguments);
            self.visited += 1;
        }
    }

    /// The weight of a literal; recurses within [`BRACKETS`].
    fn value(&mut self, value: &Value) -> usize {
        self.visited += 1;
        let parts = match value {
            Value::Variable(name) => self.variables.get(name.as_str()).map_or(0, |known| known.weight),
            Value::String(text) => text.len() / CHUNK,
            Value::List(values) => values.iter().fold(0, |sum: usize, value| sum.saturating_add(self.value(value))),
            Value::Object(fields) => fields.values().fold(0, |sum: usize, value| sum.saturating_add(self.value(value))),
            Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 0,
        };
        parts.saturating_add(1)
    }

    /// The weight of a variable's value; recurses within what the reader of the request's JSON allows.
    fn constant(&mut self, value: &ConstValue) -> usize {
        self.visited += 1;
        let parts = match value {
            ConstValue::String(text) => text.len() / CHUNK,
            ConstValue::List(values) => values.iter().map(|value| self.constant(value)).sum(),
            ConstValue::Object(fields) => fields.values().map(|value| self.constant(value)).sum(),
            ConstValue::Null | ConstValue::Number(_) | ConstValue::Boolean(_) | ConstValue::Binary(_) | ConstValue::Enum(_) => 0,
        };
        parts + 1
    }
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

/// Names a circle from its alphabetically first fragment on, wherever it was entered.
fn cycle<'a>(path: impl Iterator<Item = &'a str>) -> Exceeded {
    let mut names: Vec<String> = path.map(str::to_owned).collect();
    let first = (0..names.len()).min_by_key(|place| names.get(*place)).unwrap_or(0);
    names.rotate_left(first);
    Exceeded::Cycle(names)
}
