//! Errors of the GraphQL library, as errors of input fields: path, code and values.

use async_graphql::{
    InputType, InputValueError, Name, Pos, ServerError, Value,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};
use domain::{
    codes::Code,
    error::{FieldError, FieldErrorCode, FieldProblem, FieldValue, Origin},
};

/// Extensions by which a scalar passes the code and the values of its error through the library.
const CODE: &str = "fieldCode";
const VALUES: &str = "fieldValues";

/// Returns the library's error for a value that a scalar refuses.
pub fn refused<T: InputType>(problem: FieldProblem) -> InputValueError<T> {
    let error = InputValueError::custom(&problem).with_extension(CODE, problem.code.word());
    if problem.values.is_empty() {
        return error;
    }
    let values = problem
        .values
        .iter()
        .map(|(name, value)| Value::List(vec![Value::from(*name), json(value)]));
    error.with_extension(VALUES, Value::List(values.collect()))
}

/// Returns a value of a message as JSON.
pub fn json(value: &FieldValue) -> Value {
    match value {
        FieldValue::Number(number) => Value::from(*number),
        FieldValue::Text(text) => Value::from(text.as_str()),
        FieldValue::Texts(texts) => {
            Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect())
        }
    }
}

/// Returns the problem of a number that is no 32-bit integer, if the message is about one.
fn out_of_bounds(message: &str) -> Option<FieldProblem> {
    message.contains("Only integers from").then(|| {
        FieldErrorCode::OutOfRange
            .problem(format!("must be a whole number from {} to {}", i32::MIN, i32::MAX))
            .with("min", i32::MIN)
            .with("max", i32::MAX)
    })
}

/// Returns the problem of a value that could not be parsed, without the type that the library
/// puts before a scalar's own message.
pub fn problem(error: &ServerError) -> FieldProblem {
    if let Some(problem) = out_of_bounds(&error.message) {
        return problem;
    }
    let message = error.message.split_once("\": ").map_or(error.message.as_str(), |(_, own)| own);
    let mut problem = code(error).problem(message.to_owned());
    let extensions = error.extensions.as_ref();
    if let Some(Value::List(values)) = extensions.and_then(|extensions| extensions.get(VALUES)) {
        problem.values.extend(values.iter().filter_map(stated));
    }
    problem
}

/// Reads a value of a message: its name and itself.
fn stated(pair: &Value) -> Option<(&'static str, FieldValue)> {
    let Value::List(pair) = pair else { return None };
    let [Value::String(name), value] = pair.as_slice() else { return None };
    let name = ["min", "max", "exclusiveMin", "value"].into_iter().find(|known| known == name)?;
    match value {
        Value::Number(number) => Some((name, number.as_i64()?.into())),
        Value::String(text) => Some((name, text.as_str().into())),
        _ => None,
    }
}

/// Returns the code of a value that could not be parsed.
fn code(error: &ServerError) -> FieldErrorCode {
    let stated = error.extensions.as_ref().and_then(|extensions| extensions.get(CODE));
    if let Some(Value::String(word)) = stated {
        return FieldErrorCode::all()
            .into_iter()
            .find(|code| code.word() == word)
            .unwrap_or(FieldErrorCode::InvalidValue);
    }
    let message = error.message.as_str();
    if message.starts_with("Expected input type") {
        FieldErrorCode::WrongType
    } else if message.contains("Only integers from") {
        FieldErrorCode::OutOfRange
    } else if message.contains("Enumeration type does not contain") {
        FieldErrorCode::UnknownValue
    } else {
        FieldErrorCode::InvalidValue
    }
}

/// Returns the field of an error of the library. Its path is that of the input; `document` for an
/// error of the document itself, or the path in the response if the argument is not known.
pub fn field(
    error: &ServerError,
    document: Option<&ExecutableDocument>,
    response_path: String,
) -> FieldError {
    let message = error.message.as_str();
    let known = of_value(message).or_else(|| of_argument(message));
    let (path, problem) = known.unwrap_or_else(|| {
        let is_value =
            message.starts_with("Failed to parse \"") || message.starts_with("Expected input type");
        let position = error.locations.first().filter(|_| is_value);
        let argument = position.zip(document).and_then(|(position, document)| {
            document
                .operations
                .iter()
                .map(|(_, operation)| &operation.node.selection_set.node)
                .chain(document.fragments.values().map(|part| &part.node.selection_set.node))
                .find_map(|selections| argument_at(selections, *position))
        });
        let code = if is_value { code(error) } else { FieldErrorCode::InvalidDocument };
        let path = match argument {
            Some((name, value)) => below(name, value.as_ref(), message),
            None if response_path.is_empty() => "document".to_owned(),
            None => response_path,
        };
        (path, code.problem(String::new()))
    });
    let problem =
        out_of_bounds(message).unwrap_or_else(|| problem.with_message(message.to_owned()));
    FieldError::of(Origin::Request, path, problem)
}

/// Reads `Invalid value for argument "input.kind", …`, and the same of a variable's default.
fn of_value(message: &str) -> Option<(String, FieldProblem)> {
    let (prefix, rest) = if let Some(rest) = message.strip_prefix("Invalid value for argument \"") {
        ("", rest)
    } else {
        ("variables.", message.strip_prefix("Invalid default value for argument: \"")?)
    };
    let (path, reason) = rest.split_once("\", ")?;
    let path = format!("{prefix}{path}");
    let quoted = |text: &str| text.split('"').nth(1).unwrap_or_default().to_owned();
    let problem = |code: FieldErrorCode| code.problem(String::new());
    Some(if reason.starts_with("field \"") {
        (format!("{path}.{}", quoted(reason)), problem(FieldErrorCode::Required))
    } else if reason.starts_with("unknown field \"") {
        (format!("{path}.{}", quoted(reason)), problem(FieldErrorCode::UnknownField))
    } else if let Some((_, value)) = reason.split_once(" does not contain the value ") {
        let value = value.trim_matches('"');
        (path, problem(FieldErrorCode::UnknownValue).with("value", value))
    } else if reason.starts_with("expected type") {
        (path, problem(FieldErrorCode::WrongType))
    } else {
        (path, problem(FieldErrorCode::Mismatch))
    })
}

/// Reads the errors of unknown and of missing arguments.
fn of_argument(message: &str) -> Option<(String, FieldProblem)> {
    let name = |part: usize| message.split('"').nth(part).map(str::to_owned);
    if message.starts_with("Unknown argument \"") && message.contains("\" on field \"") {
        Some((name(1)?, FieldErrorCode::UnknownField.problem(String::new())))
    } else if message.starts_with("Field \"") && message.contains("is required but not provided") {
        Some((name(3)?, FieldErrorCode::Required.problem(String::new())))
    } else {
        None
    }
}

/// Returns the name and the value of the argument whose value begins at a position; no value if it
/// has variables.
fn argument_at(selections: &SelectionSet, position: Pos) -> Option<(&Name, Option<Value>)> {
    selections.items.iter().find_map(|selection| match &selection.node {
        Selection::Field(field) => field
            .node
            .arguments
            .iter()
            .find(|(_, value)| value.pos == position)
            .map(|(name, value)| (&name.node, value.node.clone().into_const()))
            .or_else(|| argument_at(&field.node.selection_set.node, position)),
        Selection::InlineFragment(part) => argument_at(&part.node.selection_set.node, position),
        Selection::FragmentSpread(_) => None,
    })
}

/// Returns the path of the value within an argument that the library could not parse; that of the
/// argument if it is not known.
fn below(argument: &Name, value: Option<&Value>, message: &str) -> String {
    let found = message
        .strip_prefix("Expected input type \"")
        .and_then(|rest| rest.split_once("\", found "))
        .map(|(_, found)| found.split(" (occurred").next().unwrap_or(found).trim_end_matches('.'));
    let is_bad = |value: &Value| match (found, value) {
        (Some(found), value) => value.to_string() == found,
        (None, Value::Number(number)) => {
            message.contains("Only integers from")
                && number.as_i64().is_none_or(|number| i32::try_from(number).is_err())
        }
        (None, _) => false,
    };
    let mut path = vec![argument.to_string()];
    path.extend(value.and_then(|value| path_to(value, &is_bad)).unwrap_or_default());
    path.join(".")
}

/// Returns the names and indexes that lead to the first part of a value for which `is_it` holds.
fn path_to(value: &Value, is_it: &impl Fn(&Value) -> bool) -> Option<Vec<String>> {
    if is_it(value) {
        return Some(Vec::new());
    }
    let within = |name: String, part: &Value| {
        let below = path_to(part, is_it)?;
        Some([vec![name], below].concat())
    };
    match value {
        Value::List(parts) => {
            parts.iter().enumerate().find_map(|(position, part)| within(position.to_string(), part))
        }
        Value::Object(parts) => {
            parts.iter().find_map(|(name, part)| within(name.to_string(), part))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn found(message: &str) -> (String, FieldErrorCode) {
        let error = ServerError::new(message, None);
        let field = field(&error, None, String::new());
        assert_eq!(field.message, message);
        (field.path, field.code)
    }

    #[test]
    fn messages_of_the_library_name_the_input() {
        for (message, path, code) in [
            (
                "Invalid value for argument \"input.kind\", enumeration type \"AgreementKind\" does not contain the value \"X\"",
                "input.kind",
                FieldErrorCode::UnknownValue,
            ),
            (
                "Invalid value for argument \"input\", field \"name\" of type \"String!\" is required but not provided",
                "input.name",
                FieldErrorCode::Required,
            ),
            (
                "Invalid value for argument \"input.lines.2\", unknown field \"more\" of type \"InvoiceLineInput\"",
                "input.lines.2.more",
                FieldErrorCode::UnknownField,
            ),
            (
                "Invalid value for argument \"first\", expected type \"Int\"",
                "first",
                FieldErrorCode::WrongType,
            ),
            (
                "Unknown argument \"most\" on field \"members\" of type \"Query\".",
                "most",
                FieldErrorCode::UnknownField,
            ),
            (
                "Field \"member\" argument \"by\" of type \"MemberBy!\" is required but not provided",
                "by",
                FieldErrorCode::Required,
            ),
            (
                "Unknown field \"nothing\" on type \"Member\".",
                "document",
                FieldErrorCode::InvalidDocument,
            ),
        ] {
            assert_eq!(found(message), (path.to_owned(), code), "{message}");
        }
    }

    #[test]
    fn a_value_that_can_not_be_parsed_has_the_path_of_its_argument()
    -> Result<(), Box<dyn std::error::Error>> {
        let document =
            parse_query("{ members(filter: { years: [1, 99999999999] }) { totalCount } }")?;
        let mut error = ServerError::new(
            "Failed to parse \"Int\": Only integers from -2147483648 to 2147483647 are accepted for Int.",
            Some(Pos { line: 1, column: 19 }),
        );
        let path = |error: &ServerError| field(error, Some(&document), "members".to_owned()).path;
        assert_eq!(path(&error), "filter.years.1");
        error.locations = vec![Pos { line: 9, column: 9 }];
        assert_eq!(path(&error), "members");
        let found = field(&error, Some(&document), "members".to_owned());
        assert_eq!(found.message, "must be a whole number from -2147483648 to 2147483647");
        assert_eq!(found.values.len(), 2);
        Ok(())
    }

    #[test]
    fn a_scalar_passes_its_code_and_values() {
        let problem_of_scalar = FieldErrorCode::OutOfRange.problem("is too large").with("max", 7);
        let error = refused::<i32>(problem_of_scalar.clone()).into_server_error(Pos::default());
        assert_eq!(problem(&error), problem_of_scalar);
        assert_eq!(code(&error), FieldErrorCode::OutOfRange);
    }
}
