//! Descriptions of invalid fields: a code, the message, and the values that the message states.

use std::{borrow::Cow, fmt};

use ::entity::{
    kind::UnknownWord,
    money::{Money, ParseMoneyError, ParsePerMilleError, ParseQuantityError},
    number::ParseOrgNumberError,
};
use chrono::NaiveDate;

pub use crate::field_error_code::FieldErrorCode;

/// A description of what is wrong with a field. A plain text has the code INVALID_VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Stable code for programs.
    pub code: FieldErrorCode,
    /// Description of the error and of valid values, to follow the field's name.
    pub message: Cow<'static, str>,
    /// The numbers and names of the message, by their stable names: `max`, `min`.
    pub values: Vec<(&'static str, FieldValue)>,
}

/// A number or name of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A whole number.
    Number(i64),
    /// A text, a date or an amount.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

impl FieldErrorCode {
    /// Returns the problem of a day before the first possible one, which is `min`.
    pub fn too_early(min: NaiveDate, message: impl Into<Cow<'static, str>>) -> FieldProblem {
        Self::TooEarly.problem(message).with("min", min)
    }

    /// Returns the problem of a day after the last possible one, which is `max`.
    pub fn too_late(max: NaiveDate, message: impl Into<Cow<'static, str>>) -> FieldProblem {
        Self::TooLate.problem(message).with("max", max)
    }

    /// Returns the problem with this code and message.
    pub fn problem(self, message: impl Into<Cow<'static, str>>) -> FieldProblem {
        FieldProblem { code: self, message: message.into(), values: Vec::new() }
    }
}

impl FieldProblem {
    /// Adds a value that the message states.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FieldValue>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// Returns the problem with another message.
    #[must_use]
    pub fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Cow<'static, str>> for FieldProblem {
    fn from(message: Cow<'static, str>) -> Self {
        FieldErrorCode::InvalidValue.problem(message)
    }
}

impl From<String> for FieldProblem {
    fn from(message: String) -> Self {
        FieldErrorCode::InvalidValue.problem(message)
    }
}

impl From<&String> for FieldProblem {
    fn from(message: &String) -> Self {
        message.clone().into()
    }
}

impl From<&str> for FieldProblem {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<ParseMoneyError> for FieldProblem {
    fn from(error: ParseMoneyError) -> Self {
        match error {
            ParseMoneyError::Malformed | ParseMoneyError::TooManyDecimals => {
                FieldErrorCode::NotAnAmount.problem(error.to_string())
            }
            ParseMoneyError::TooLarge => FieldErrorCode::OutOfRange
                .problem(error.to_string())
                .with("min", Money(-Money::MAX.0))
                .with("max", Money::MAX),
        }
    }
}

impl From<ParsePerMilleError> for FieldProblem {
    fn from(error: ParsePerMilleError) -> Self {
        let code = match error {
            ParsePerMilleError::Malformed => FieldErrorCode::NotANumber,
            ParsePerMilleError::OutOfRange => FieldErrorCode::OutOfRange,
        };
        code.problem(error.to_string()).with("min", 0).with("max", 1_000)
    }
}

impl From<ParseQuantityError> for FieldProblem {
    fn from(error: ParseQuantityError) -> Self {
        let code = match error {
            ParseQuantityError::Malformed => FieldErrorCode::NotANumber,
            ParseQuantityError::OutOfRange => FieldErrorCode::OutOfRange,
        };
        code.problem(error.to_string()).with("exclusiveMin", 0).with("max", 1_000_000)
    }
}

impl From<ParseOrgNumberError> for FieldProblem {
    fn from(error: ParseOrgNumberError) -> Self {
        let code = match error {
            ParseOrgNumberError::Malformed | ParseOrgNumberError::ThirdDigit => {
                FieldErrorCode::NotAnOrgNumber
            }
            ParseOrgNumberError::CheckDigit => FieldErrorCode::CheckDigit,
        };
        code.problem(error.to_string())
    }
}

impl From<UnknownWord> for FieldProblem {
    fn from(error: UnknownWord) -> Self {
        FieldErrorCode::UnknownValue.problem(error.to_string())
    }
}

impl From<i32> for FieldValue {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for FieldValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for FieldValue {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<NaiveDate> for FieldValue {
    fn from(day: NaiveDate) -> Self {
        Self::Text(day.to_string())
    }
}

impl From<Money> for FieldValue {
    fn from(amount: Money) -> Self {
        Self::Text(amount.to_string())
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for FieldValue {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_days_have_their_bounds() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap();
        let early = FieldErrorCode::too_early(day, "is too early");
        let late = FieldErrorCode::too_late(day, "is too late");
        for (problem, code, name) in
            [(early, FieldErrorCode::TooEarly, "min"), (late, FieldErrorCode::TooLate, "max")]
        {
            assert_eq!(problem.code, code);
            assert_eq!(problem.values, [(name, FieldValue::Text("2026-12-01".to_owned()))]);
        }
    }

    #[test]
    fn problems_of_shared_types_have_their_codes() {
        for (problem, code, message) in [
            (
                FieldProblem::from(ParseOrgNumberError::CheckDigit),
                FieldErrorCode::CheckDigit,
                "has a wrong check digit",
            ),
            (
                FieldProblem::from(ParseMoneyError::TooLarge),
                FieldErrorCode::OutOfRange,
                "must be from -10000000000.00 to 10000000000.00 kronor",
            ),
            (
                FieldProblem::from(ParsePerMilleError::OutOfRange),
                FieldErrorCode::OutOfRange,
                "is not a rate in per mille; write 0 to 1000 with at most three decimals, as 2.5",
            ),
            (
                FieldProblem::from(ParseQuantityError::Malformed),
                FieldErrorCode::NotANumber,
                "is not a quantity; write a number above 0 with at most three decimals, as 1.5",
            ),
            (FieldProblem::from("is bad"), FieldErrorCode::InvalidValue, "is bad"),
        ] {
            assert_eq!((problem.code, problem.to_string().as_str()), (code, message));
        }
        assert_eq!(
            FieldProblem::from(ParseMoneyError::TooLarge).values,
            [
                ("min", FieldValue::Text("-10000000000.00".to_owned())),
                ("max", FieldValue::Text("10000000000.00".to_owned())),
            ]
        );
    }
}
