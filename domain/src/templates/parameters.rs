//! Parameters: the declarations of a version, and the values that users enter for them.

use std::collections::BTreeSet;

use ::entity::money::Money;
use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value};

use super::{Parameter, ParameterType, datum::Datum, placeholders};
use crate::error::{FieldErrorCode, FieldProblem, LINE, TEXT, ValidationErrors, unprintable};

/// Maximum number of parameters of a version.
const MAX_PARAMETERS: usize = 100;
/// Maximum length of a parameter's name in characters.
const MAX_NAME: usize = 60;
/// The largest whole number; its digits are still readable.
const MAX_INTEGER: i64 = 1_000_000_000_000;

/// A parameter with its value; `None`: an optional parameter without a value.
pub type Filled<'d> = (&'d Parameter, Option<Datum>);

/// Adds an error for each invalid declaration, for example at `<path>[2].name`.
pub fn check(declared: &[Parameter], path: &str, errors: &mut ValidationErrors) {
    errors.expect(
        declared.len() <= MAX_PARAMETERS,
        path,
        FieldErrorCode::TooMany
            .problem(format!("must have at most {MAX_PARAMETERS} items"))
            .with("max", MAX_PARAMETERS),
    );
    let mut names = BTreeSet::new();
    for (position, parameter) in declared.iter().take(MAX_PARAMETERS).enumerate() {
        let path = |field: &str| format!("{path}[{position}].{field}");
        match check_name(&parameter.name) {
            Err(reason) => errors.add(path("name"), reason),
            Ok(()) if !names.insert(parameter.name.as_str()) => errors.add(
                path("name"),
                FieldErrorCode::Duplicate.problem(format!("is declared twice: {}", parameter.name)),
            ),
            Ok(()) => {}
        }
        errors.text(&path("label"), &parameter.label, LINE);
        let bounds = [("minimum", &parameter.minimum), ("maximum", &parameter.maximum)];
        for (field, bound) in bounds {
            let Some(bound) = bound.as_ref().filter(|bound| !bound.is_null()) else { continue };
            if !has_bounds(parameter.kind) {
                errors.add(
                    path(field),
                    FieldErrorCode::NotAllowed.problem("is only for INTEGER and MONEY"),
                );
            } else if let Err(reason) = read(parameter.kind, bound) {
                errors.add(path(field), reason);
            }
        }
        let in_order = bound(parameter, &parameter.minimum)
            .zip(bound(parameter, &parameter.maximum))
            .is_none_or(|(least, most)| least <= most);
        errors.expect(
            in_order,
            &path("maximum"),
            FieldErrorCode::OutOfRange.problem("must not be below minimum"),
        );
        match parameter
            .default
            .as_ref()
            .filter(|default| !default.is_null())
            .map(|default| take(parameter, default))
        {
            Some(Err(reason)) => errors.add(path("default"), reason),
            Some(Ok(Datum::Text(text))) => {
                if let Some(problem) = unprintable(&text) {
                    errors.add(path("default"), problem);
                }
            }
            Some(Ok(_)) | None => {}
        }
    }
}

fn has_bounds(kind: ParameterType) -> bool {
    matches!(kind, ParameterType::Integer | ParameterType::Money)
}

/// Parses a bound as an integer, in öre for amounts; `None` if there is none or if it is invalid.
fn bound(parameter: &Parameter, bound: &Option<Value>) -> Option<i64> {
    let bound = bound.as_ref().filter(|bound| has_bounds(parameter.kind) && !bound.is_null())?;
    count(&read(parameter.kind, bound).ok()?)
}

fn count(datum: &Datum) -> Option<i64> {
    match datum {
        Datum::Integer(number) => Some(*number),
        Datum::Money(amount) => Some(amount.0),
        Datum::Text(_) | Datum::Date(_) | Datum::Boolean(_) => None,
    }
}

/// Parses a value for a parameter and checks its type and its bounds.
///
/// # Errors
/// A description of the problem.
pub fn take(parameter: &Parameter, value: &Value) -> Result<Datum, FieldProblem> {
    let datum = read(parameter.kind, value)?;
    let (least, most) =
        (bound(parameter, &parameter.minimum), bound(parameter, &parameter.maximum));
    let is_within = count(&datum).is_none_or(|count| {
        least.is_none_or(|least| least <= count) && most.is_none_or(|most| count <= most)
    });
    if is_within {
        return Ok(datum);
    }
    let shown = |count: i64| {
        if parameter.kind == ParameterType::Money {
            Money(count).to_string()
        } else {
            count.to_string()
        }
    };
    let message = match (least, most) {
        (Some(least), Some(most)) => format!("must be {} to {}", shown(least), shown(most)),
        (Some(least), None) => format!("must be at least {}", shown(least)),
        (_, most) => format!("must be at most {}", shown(most.unwrap_or_default())),
    };
    let mut problem = FieldErrorCode::OutOfRange.problem(message);
    for (name, bound) in [("min", least), ("max", most)] {
        problem = match bound {
            Some(bound) if parameter.kind == ParameterType::Money => {
                problem.with(name, Money(bound))
            }
            Some(bound) => problem.with(name, bound),
            None => problem,
        };
    }
    Err(problem)
}

/// Returns `true` if a stored value would be accepted today; a required text must not be blank. The
/// SQL predicate in `agreements::template_drift` must agree with it.
#[must_use]
pub fn fits(parameter: &Parameter, value: &Value) -> bool {
    let is_blank =
        value.as_str().is_some_and(|text| text.trim_matches([' ', '\t', '\n', '\r']).is_empty());
    take(parameter, value).is_ok()
        && !(parameter.required && parameter.kind == ParameterType::Text && is_blank)
}

/// Reserved words of the template language.
const RESERVED: [&str; 30] = [
    "and", "or", "not", "in", "is", "if", "elif", "else", "endif", "for", "endfor", "set", "with",
    "do", "raw", "endraw", "block", "macro", "call", "filter", "import", "include", "extends",
    "true", "false", "none", "True", "False", "None", "loop",
];

fn check_name(name: &str) -> Result<(), String> {
    let is_identifier = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.len() <= MAX_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_identifier {
        return Err(format!(
            "is not a valid parameter name; begin with a letter and continue with letters a to z, digits and underscores, at most {MAX_NAME} characters"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("must not be {name}, which is a word of the template language"));
    }
    if placeholders::is_group(name) {
        return Err(format!("must not be {name}, which is built in"));
    }
    Ok(())
}

/// Returns the value of each declared parameter: the entered one, or its default. Adds an error at
/// `<path>[<name>]` for each one that is missing, unknown, of the wrong type or out of its bounds.
pub fn fill<'d>(
    declared: &'d [Parameter],
    values: &Map<String, Value>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Vec<Filled<'d>> {
    let known: BTreeSet<&str> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
    for name in values.keys().filter(|name| !known.contains(name.as_str())).take(MAX_PARAMETERS) {
        let names: Vec<_> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
        let known = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("its parameters are {}", names.join(", "))
        };
        errors.add(
            format!("{path}[{}]", name.chars().take(MAX_NAME).collect::<String>()),
            FieldErrorCode::UnknownField
                .problem(format!("is not a parameter of this text; {known}")),
        );
    }
    declared
        .iter()
        .map(|parameter| {
            let path = format!("{path}[{}]", parameter.name);
            let is_given = |value: &&Value| !value.is_null();
            let value = values
                .get(&parameter.name)
                .filter(is_given)
                .or(parameter.default.as_ref().filter(is_given));
            let datum = match value.map(|value| take(parameter, value)) {
                None => None,
                Some(Ok(Datum::Text(text))) if text.is_empty() => None,
                Some(Ok(Datum::Text(text))) => match unprintable(&text) {
                    Some(problem) => {
                        errors.add(path.as_str(), problem);
                        return (parameter, None);
                    }
                    None => Some(Datum::Text(text)),
                },
                Some(Ok(datum)) => Some(datum),
                Some(Err(reason)) => {
                    errors.add(path.as_str(), reason);
                    return (parameter, None);
                }
            };
            errors.expect(
                datum.is_some() || !parameter.required,
                &path,
                FieldErrorCode::Required.problem("is missing"),
            );
            (parameter, datum)
        })
        .collect()
}

/// Parses a JSON value as a type.
fn read(kind: ParameterType, value: &Value) -> Result<Datum, FieldProblem> {
    let refused = |message: &'static str| Err(FieldErrorCode::WrongType.problem(message));
    match (kind, value) {
        (ParameterType::Text, Value::String(text)) if text.chars().count() > TEXT => {
            let message = format!("must not be longer than {TEXT} characters");
            Err(FieldErrorCode::TooLong.problem(message).with("max", TEXT))
        }
        (ParameterType::Text, Value::String(text)) => Ok(Datum::Text(text.trim().to_owned())),
        (ParameterType::Text, _) => refused("must be a text"),
        (ParameterType::Date, _) => {
            let day = value
                .as_str()
                .filter(|text| text.len() == 10)
                .and_then(|text| text.parse::<NaiveDate>().ok());
            let day = day.filter(|day| (1900..=2999).contains(&day.year()));
            day.map(Datum::Date).ok_or_else(|| {
                FieldErrorCode::NotADate.problem("is not a day; write it as \"2027-01-31\"")
            })
        }
        (ParameterType::Money, Value::String(text)) => text
            .parse()
            .map(Datum::Money)
            .map_err(|reason: ::entity::money::ParseMoneyError| reason.into()),
        (ParameterType::Money, _) => refused("must be kronor in quotes, as \"26800.00\""),
        (ParameterType::Integer, _) => match value.as_i64() {
            Some(number) if (-MAX_INTEGER..=MAX_INTEGER).contains(&number) => {
                Ok(Datum::Integer(number))
            }
            Some(_) => Err(FieldErrorCode::OutOfRange
                .problem("must be a whole number without quotes")
                .with("min", -MAX_INTEGER)
                .with("max", MAX_INTEGER)),
            None => {
                Err(FieldErrorCode::NotANumber.problem("must be a whole number without quotes"))
            }
        },
        (ParameterType::Boolean, Value::Bool(value)) => Ok(Datum::Boolean(*value)),
        (ParameterType::Boolean, _) => refused("must be true or false, without quotes"),
    }
}

/// Returns a value for each declared parameter, for trying out a text: the default, or else an
/// example of its type.
#[must_use]
pub fn examples(declared: &[Parameter]) -> Vec<Filled<'_>> {
    let example = |parameter: &Parameter| {
        let default = parameter.default.as_ref().filter(|default| !default.is_null());
        let within = |count: i64| {
            let at_least =
                bound(parameter, &parameter.minimum).map_or(count, |least| least.max(count));
            bound(parameter, &parameter.maximum).map_or(at_least, |most| most.min(at_least))
        };
        default.and_then(|default| read(parameter.kind, default).ok()).unwrap_or_else(|| {
            match parameter.kind {
                ParameterType::Text => Datum::Text("Exempel".to_owned()),
                ParameterType::Date => Datum::Date(NaiveDate::default()),
                ParameterType::Money => Datum::Money(Money(within(100))),
                ParameterType::Integer => Datum::Integer(within(1)),
                ParameterType::Boolean => Datum::Boolean(true),
            }
        })
    };
    declared.iter().map(|parameter| (parameter, Some(example(parameter)))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::FieldValue;

    fn parameter(
        name: &str,
        kind: ParameterType,
        required: bool,
        default: Option<Value>,
    ) -> Parameter {
        Parameter {
            name: name.into(),
            label: "Fråga".into(),
            kind,
            required,
            default,
            minimum: None,
            maximum: None,
        }
    }

    fn bounded(kind: ParameterType, default: Value, minimum: Value, maximum: Value) -> Parameter {
        Parameter {
            minimum: Some(minimum),
            maximum: Some(maximum),
            ..parameter("n", kind, true, Some(default))
        }
    }

    fn errors(found: impl FnOnce(&mut ValidationErrors)) -> Vec<String> {
        let mut errors = ValidationErrors::default();
        found(&mut errors);
        errors
            .into_inner()
            .into_iter()
            .map(|error| format!("{} {}", error.path, error.message))
            .collect()
    }

    #[test]
    fn bounds_are_numbers_for_integers_and_texts_for_amounts() {
        for (kind, bounds, value, values) in [
            (
                ParameterType::Integer,
                (json!(1), json!(14)),
                json!(15),
                [("min", FieldValue::Number(1)), ("max", FieldValue::Number(14))],
            ),
            (
                ParameterType::Money,
                (json!("1.00"), json!("2.50")),
                json!("0.50"),
                [("min", Money(100).into()), ("max", Money(250).into())],
            ),
        ] {
            let parameter = bounded(kind, bounds.0.clone(), bounds.0, bounds.1);
            let problem = take(&parameter, &value).unwrap_err();
            assert_eq!(
                (problem.code, problem.values),
                (FieldErrorCode::OutOfRange, values.to_vec())
            );
        }
        let large = take(&parameter("n", ParameterType::Integer, true, None), &json!(i64::MAX));
        assert_eq!(large.unwrap_err().code, FieldErrorCode::OutOfRange);
    }

    #[test]
    fn every_bad_declaration_is_named() {
        let text = |name: &str| parameter(name, ParameterType::Text, true, None);
        let mut silent = text("silent");
        silent.label = " ".into();
        let declared = [
            text("good_1"),
            text("good_1"),
            text("1st"),
            text("två"),
            text("member"),
            text("endif"),
            parameter("n", ParameterType::Integer, true, Some(json!("14"))),
            silent,
            parameter("d", ParameterType::Date, false, Some(Value::Null)),
        ];
        let found = errors(|errors| check(&declared, "parameters", errors));
        let paths: Vec<_> =
            found.iter().map(|error| error.split(' ').next().unwrap_or_default()).collect();
        let at = |position: usize, field: &str| format!("parameters[{position}].{field}");
        assert_eq!(
            paths,
            [
                at(1, "name"),
                at(2, "name"),
                at(3, "name"),
                at(4, "name"),
                at(5, "name"),
                at(6, "default"),
                at(7, "label")
            ]
        );
    }

    #[test]
    fn values_are_accepted_or_every_error_is_named() {
        use ParameterType::{Boolean, Date, Integer, Money as Kronor, Text};
        let declared = [
            parameter("days", Integer, true, Some(json!(14))),
            parameter("note", Text, false, None),
            parameter("from", Date, true, None),
            parameter("cap", Kronor, true, None),
            parameter("material", Boolean, true, None),
        ];
        let take = |values: Value, errors: &mut ValidationErrors| {
            let filled = fill(&declared, values.as_object().unwrap(), "parameters", errors);
            filled.into_iter().map(|(_, datum)| datum).collect::<Vec<_>>()
        };
        let mut none = ValidationErrors::default();
        let filled = take(
            json!({ "from": "2027-01-31", "cap": "5000", "material": false, "note": null, "days": null }),
            &mut none,
        );
        assert!(none.is_empty());
        assert_eq!(filled[..2], [Some(Datum::Integer(14)), None]);
        assert_eq!(filled[3..], [Some(Datum::Money(Money(500_000))), Some(Datum::Boolean(false))]);
        let found = errors(|errors| {
            take(
                json!({ "days": 1.5, "note": 7, "from": "2027-02-30", "cap": 5000, "extra": 1 }),
                errors,
            );
        });
        insta::assert_snapshot!(found.join("\n"), @r#"
        parameters[extra] is not a parameter of this text; its parameters are days, note, from, cap, material
        parameters[days] must be a whole number without quotes
        parameters[note] must be a text
        parameters[from] is not a day; write it as "2027-01-31"
        parameters[cap] must be kronor in quotes, as "26800.00"
        parameters[material] is missing
        "#);
    }

    #[test]
    fn bounds_have_the_type_and_order_and_include_the_default() {
        use ParameterType::{Integer, Money as Kronor, Text};
        for (declared, fields) in [
            (bounded(Integer, json!(30), json!(1), json!(30)), &[][..]),
            (bounded(Integer, json!(31), json!(1), json!(30)), &["default"]),
            (bounded(Integer, Value::Null, json!(2), json!(1)), &["maximum"]),
            (bounded(Integer, Value::Null, json!("1"), json!(1.5)), &["minimum", "maximum"]),
            (bounded(Kronor, json!("0.50"), json!("0.50"), Value::Null), &[]),
            (bounded(Kronor, json!("0.49"), json!("0.50"), Value::Null), &["default"]),
            (bounded(Kronor, json!("1"), json!(1), json!("2")), &["minimum"]),
            (bounded(Text, json!("x"), json!(1), Value::Null), &["minimum"]),
        ] {
            let found = errors(|errors| check(std::slice::from_ref(&declared), "p", errors));
            let paths: Vec<_> = found
                .iter()
                .map(|error| {
                    error.split(' ').next().unwrap_or_default().trim_start_matches("p[0].")
                })
                .collect();
            assert_eq!(paths, fields, "{declared:?}");
        }
        let said = |parameter: &Parameter, value: Value| {
            take(parameter, &value).map_err(|reason| reason.to_string().replace('\u{a0}', " "))
        };
        let days = bounded(Integer, Value::Null, json!(1), json!(30));
        assert_eq!(
            (said(&days, json!(30)), said(&days, json!(31))),
            (Ok(Datum::Integer(30)), Err("must be 1 to 30".to_owned()))
        );
        let least = bounded(Kronor, Value::Null, json!("0.50"), Value::Null);
        assert_eq!(said(&least, json!("0.49")), Err("must be at least 0.50".to_owned()));
        let most = bounded(Kronor, Value::Null, Value::Null, json!("100"));
        assert_eq!(said(&most, json!("100.01")), Err("must be at most 100.00".to_owned()));
        assert_eq!(
            examples(&[bounded(Integer, Value::Null, json!(8), json!(9))])[0].1,
            Some(Datum::Integer(8))
        );
    }
}
