//! Static cost analysis of a GraphQL document before execution, in time linear in its length, so
//! that a hostile document is cheap to refuse.

mod document_text;
mod excess;
mod figures;
mod traversal;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{Name, Variables, parser};

pub use self::excess::{Exceeded, Excess};
pub use self::figures::Figures;
use self::{
    document_text::scan,
    excess::{LEVELS, NESTING, within},
    traversal::Measure,
};
use crate::graphql::{cost::Costs, input_shapes::InputShapes};
use domain::codes::LimitReason;

/// Maximum nesting of brackets of any kind. Not a setting: the parser recurses for each, and this
/// many fit its stack.
const BRACKETS: u64 = 100;

/// Limits of a document. Figures count a fragment again at each spread, as execution does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names, strings, punctuators and the parts of numbers, but not commas and comments.
    pub tokens: usize,
    /// Levels of fields; fragments add none.
    pub depth: usize,
    /// Cost in points: of each field its declared cost and that of its children, which count for
    /// each row of a list: of a connection, the requested rows, and of another list, the declared
    /// size.
    pub complexity: u64,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives on the operation, its variables, fields and fragments.
    pub directives: usize,
    /// Selections, directives and values of all operations and of unused fragments, all of which
    /// the library validates. A variable counts with its value, a string once for each 64 bytes.
    pub expansion: usize,
    /// Levels of fields below `__schema` or `__type`, which count for neither `depth` nor
    /// `complexity`.
    pub introspection_depth: usize,
    /// Cost of introspection, in fields, by the usual length of each list.
    pub introspection_complexity: u64,
    /// Costs that the schema declares for each field.
    pub costs: Costs,
    /// Input objects of the schema.
    pub shapes: InputShapes,
    /// `true` if introspection is allowed.
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
            shapes: InputShapes::default(),
            introspection: true,
        }
    }
}

/// A document within its limits.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Type of the chosen operation.
    pub operation: OperationType,
    /// Figures of the chosen operation and, for nesting and expansion, of the document.
    pub figures: Figures,
    /// Selections, directives and values visited by the analysis: at most twice the number in the
    /// request.
    pub visited: usize,
    /// The parsed document, for `Request::set_parsed_query`, so that it isn't parsed again.
    pub document: ExecutableDocument,
}

/// A parsed document whose text is within the limits.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The document.
    pub document: ExecutableDocument,
    tokens: u64,
}

/// Parses a document whose text is within the limits. The text is scanned first, since the parser
/// recurses.
///
/// # Errors
/// The limits of texts that the document exceeds, or its syntax error.
pub fn parse(document: &str, limits: &Limits) -> Result<Parsed, Exceeded> {
    let (tokens, brackets) = scan(document)?;
    within([
        (LimitReason::LimitTokens, "has # tokens", tokens, limits.tokens as u64),
        (LimitReason::LimitNesting, "nests brackets # levels deep", brackets, BRACKETS),
    ])?;
    Ok(Parsed { document: parser::parse_query(document).map_err(refused)?, tokens })
}

/// Measures the document and checks the limits; `operation` is the request's operationName. Every
/// operation and fragment is measured, as in [`Parsed::measure`].
///
/// # Errors
/// Every limit that the document exceeds, or the reason why it can't be measured.
pub fn measure(
    document: &str,
    variables: &Variables,
    operation: Option<&str>,
    limits: &Limits,
) -> Result<Measured, Exceeded> {
    let parsed = parse(document, limits)?;
    let (operation, figures, visited) = parsed.measure(variables, operation, limits)?;
    Ok(Measured { operation, figures, visited, document: parsed.document })
}

impl Parsed {
    /// Measures the document with these variables, and checks the limits. Returns the type of the
    /// chosen operation, its figures, and the number of visited parts.
    ///
    /// Every operation and fragment is measured, not only the executed ones, since the library
    /// validates them all. Unknown fields and fragments are left to validation.
    ///
    /// # Errors
    /// Every limit that the document exceeds, or the reason why it can't be measured.
    pub fn measure(
        &self,
        variables: &Variables,
        operation: Option<&str>,
        limits: &Limits,
    ) -> Result<(OperationType, Figures, usize), Exceeded> {
        let chosen = choose(&self.document.operations, operation)?;
        let (figures, visited) = Measure::of(&self.document, chosen, variables, &limits.costs)?;
        let figures = Figures { tokens: self.tokens, ..figures };
        within([
            (LimitReason::LimitDepth, "is # levels deep", figures.depth, limits.depth as u64),
            (
                LimitReason::LimitComplexity,
                "has a cost of # points",
                figures.complexity,
                limits.complexity,
            ),
            (LimitReason::LimitAliases, "has # aliases", figures.aliases, limits.aliases as u64),
            (
                LimitReason::LimitDirectives,
                "has # directives",
                figures.directives,
                limits.directives as u64,
            ),
            (LimitReason::LimitNesting, NESTING, figures.nesting, LEVELS),
            (
                LimitReason::LimitExpansion,
                "grows to # parts when its fragments are spread",
                figures.expansion,
                limits.expansion as u64,
            ),
            (
                LimitReason::LimitIntrospectionDepth,
                "has introspection # levels deep",
                figures.introspection_depth,
                limits.introspection_depth as u64,
            ),
            (
                LimitReason::LimitIntrospectionComplexity,
                "has an introspection cost of #",
                figures.introspection_complexity,
                limits.introspection_complexity,
            ),
        ])?;
        if figures.introspection_complexity > 0 && !limits.introspection {
            return Err(Exceeded::Introspection);
        }
        Ok((chosen.ty, figures, visited))
    }
}

/// Checks the sums of the figures of several documents against the limits.
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
        (LimitReason::LimitTokens, "has # tokens", all.tokens, limits.tokens as u64),
        (LimitReason::LimitComplexity, "has a cost of # points", all.complexity, limits.complexity),
        (LimitReason::LimitAliases, "has # aliases", all.aliases, limits.aliases as u64),
        (
            LimitReason::LimitDirectives,
            "has # directives",
            all.directives,
            limits.directives as u64,
        ),
        (
            LimitReason::LimitExpansion,
            "grows to # parts when its fragments are spread",
            all.expansion,
            limits.expansion as u64,
        ),
        (
            LimitReason::LimitIntrospectionComplexity,
            "has an introspection cost of #",
            all.introspection_complexity,
            limits.introspection_complexity,
        ),
    ])
}

/// Returns the parser's error without the source line that it shows.
fn refused(error: parser::Error) -> Exceeded {
    let message = match &error {
        parser::Error::RecursionLimitExceeded => {
            return Exceeded::Limits(vec![Excess {
                limit: LimitReason::LimitNesting,
                found: LEVELS + 1,
                most: LEVELS,
                words: NESTING,
            }]);
        }
        parser::Error::MultipleOperations { .. } => {
            "an operation without a name must be the only one of its document".to_owned()
        }
        parser::Error::Syntax { message, .. } => {
            // The reason follows the source line, and that of a number has a position within the
            // number.
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

/// Returns the operation to execute.
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

/// Returns the name of the operation that [`choose`] chooses; `None` if it has none.
pub(super) fn name_of(operations: &DocumentOperations, name: Option<&str>) -> Option<Name> {
    match (operations, name) {
        (DocumentOperations::Single(_), _) => None,
        (DocumentOperations::Multiple(all), None) => all.keys().next().cloned(),
        (DocumentOperations::Multiple(all), Some(name)) => {
            all.get_key_value(name).map(|(name, _)| name.clone())
        }
    }
}

#[cfg(test)]
mod tests;
