//! Values that the text of a template shows.

use ::entity::money::Money;
use chrono::NaiveDate;

use super::ParameterType;

/// A value that a text shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// Text, which may have line breaks.
    Text(String),
    /// A day.
    Date(NaiveDate),
    /// An amount in kronor.
    Money(Money),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
}

impl Datum {
    /// Returns the type of the value.
    #[must_use]
    pub fn kind(&self) -> ParameterType {
        match self {
            Self::Text(_) => ParameterType::Text,
            Self::Date(_) => ParameterType::Date,
            Self::Money(_) => ParameterType::Money,
            Self::Integer(_) => ParameterType::Integer,
            Self::Boolean(_) => ParameterType::Boolean,
        }
    }
}
