//! The scalars of the API, and inputs that keep what was wrong with them until all is known.

use std::{borrow::Cow, fmt, str::FromStr};

use async_graphql::{
    ContextSelectionSet, Description, InputType, InputValueError, InputValueResult, OutputType,
    Positioned, Scalar, ScalarType, ServerResult, Value, parser::types::Field, registry::Registry,
};
use chrono::{Datelike, NaiveDate, SecondsFormat, Utc};
use entity::{money, number, total::Total};

use domain::error::ValidationErrors;

/// Reads a scalar that is written as a string.
fn text<T>(value: &Value, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    match value {
        Value::String(text) if text.len() <= 100 => read(text),
        Value::String(_) => Err("is too long".into()),
        _ => Err("must be a string".into()),
    }
}

/// A calendar date, ISO 8601: `2026-11-21`.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct Date(pub NaiveDate);

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(position, byte)| {
                if matches!(position, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
            });
        let day = shaped
            .then(|| text.parse::<NaiveDate>().ok())
            .flatten()
            .filter(|day| (1900..=2999).contains(&day.year()));
        day.map(Self).ok_or_else(|| {
            "is not a date; write a day that exists, 1900 to 2999, as 2026-11-21".into()
        })
    }
}

#[Scalar(use_type_description)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, Self::from_str).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// An instant, RFC 3339, UTC.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct DateTime(pub chrono::DateTime<Utc>);

impl FromStr for DateTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let instant = chrono::DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|instant| instant.with_timezone(&Utc));
        let instant = instant.filter(|instant| (1900..=2999).contains(&instant.year()));
        instant
            .map(Self)
            .ok_or_else(|| "is not an instant; write RFC 3339 as 2026-11-21T08:30:00Z".into())
    }
}

#[Scalar(use_type_description)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, Self::from_str).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// An amount in Swedish kronor: a decimal string with exactly two decimals, `"26800.00"`. Stored as
/// integer öre, never a float. Input may have fewer decimals.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct Money(pub money::Money);

#[Scalar(use_type_description)]
impl ScalarType for Money {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, |text| {
            text.parse().map(Self).map_err(|reason: money::NotMoney| reason.to_string())
        })
        .map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<money::Money> for Money {
    fn from(amount: money::Money) -> Self {
        Self(amount)
    }
}

/// A sum over rows, as [`Money`] in the schema; it may be larger than any amount that is taken as
/// input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(pub Total);

#[async_graphql::async_trait::async_trait]
impl OutputType for Sum {
    fn type_name() -> Cow<'static, str> {
        <Money as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Money as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::String(self.0.to_string()))
    }
}

impl From<Total> for Sum {
    fn from(sum: Total) -> Self {
        Self(sum)
    }
}

/// A Swedish organisation number (organisationsnummer), `NNNNNN-NNNN`, its check digit verified on
/// input.
#[derive(Clone, Debug, Default, Description)]
pub struct OrgNumber(pub number::OrgNumber);

#[Scalar(use_type_description)]
impl ScalarType for OrgNumber {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, |text| text.parse().map(Self).map_err(|reason: &str| reason.to_owned()))
            .map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Any JSON value: the parameters of an agreement text.
#[derive(Clone, Debug, Default, Description)]
pub struct Json(pub serde_json::Value);

#[Scalar(name = "JSON", use_type_description)]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

impl Json {
    /// The JSON value that a column holds as text.
    pub fn stored(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }
}

/// A value as somebody gave it: good, or bad with the reason. It parses always, so that one error
/// can name every bad field of an input; [`Parsed::take`] hands the reason to the collector.
#[derive(Clone, Debug)]
pub enum Parsed<T> {
    /// Fit for use.
    Good(T),
    /// What is wrong with it.
    Bad(String),
}

impl<T: InputType> InputType for Parsed<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        Ok(match T::parse(value) {
            Ok(value) => Self::Good(value),
            Err(reason) => {
                Self::Bad(reason.into_server_error(async_graphql::Pos::default()).message)
            }
        })
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Good(value) => value.to_value(),
            Self::Bad(_) => Value::Null,
        }
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<T: Default> Parsed<T> {
    /// The value, or its fault noted under `path` and a default that nobody will use.
    pub fn take(self, path: &str, errors: &mut ValidationErrors) -> T {
        match self {
            Self::Good(value) => value,
            Self::Bad(reason) => {
                // The library puts the type before a scalar's own words.
                let words = reason
                    .split_once("\": ")
                    .map_or(reason.as_str(), |(_, words)| words)
                    .to_owned();
                errors.add(path, words);
                T::default()
            }
        }
    }
}

/// Takes an optional value.
pub fn take<T: Default>(
    parsed: Option<Parsed<T>>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<T> {
    parsed.map(|parsed| parsed.take(path, errors))
}

/// An id as clients see it: the noun and the UUID, `member_0193…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeId {
    /// The noun, in small letters.
    pub noun: String,
    /// The identifier.
    pub id: uuid::Uuid,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.noun, self.id.simple())
    }
}

impl FromStr for NodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .rsplit_once('_')
            .filter(|(noun, id)| !noun.is_empty() && noun.len() <= 30 && id.len() == 32);
        let id = parts.and_then(|(_, id)| uuid::Uuid::try_parse(id).ok());
        match (parts, id) {
            (Some((noun, _)), Some(id)) => Ok(Self { noun: noun.to_owned(), id }),
            _ => Err("is not an id of this register".into()),
        }
    }
}

/// The id of a row as clients see it.
pub fn node_id(noun: &str, id: impl Into<uuid::Uuid>) -> async_graphql::ID {
    NodeId { noun: noun.to_owned(), id: id.into() }.to_string().into()
}

/// The row's id that a client's id means, or its fault noted: it must be of the noun.
pub fn row_id<T: From<uuid::Uuid>>(
    id: &async_graphql::ID,
    noun: &str,
    path: &str,
    errors: &mut ValidationErrors,
) -> T {
    let read = id.parse::<NodeId>().and_then(|read| {
        if read.noun == noun {
            Ok(read.id)
        } else {
            Err(format!("is the id of a {}, not of a {noun}", read.noun))
        }
    });
    T::from(errors.take(path, read))
}

/// A change of a field: null when it is left out, `Some(None)` when it is to be cleared.
pub fn change<T: Default>(
    parsed: async_graphql::MaybeUndefined<Parsed<T>>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Option<T>> {
    use async_graphql::MaybeUndefined::{Null, Undefined, Value};
    match parsed {
        Undefined => None,
        Null => Some(None),
        Value(parsed) => Some(Some(parsed.take(path, errors))),
    }
}

/// A change of a field that needs no check of its own.
pub fn plain_change<T>(parsed: async_graphql::MaybeUndefined<T>) -> Option<Option<T>> {
    use async_graphql::MaybeUndefined::{Null, Undefined, Value};
    match parsed {
        Undefined => None,
        Null => Some(None),
        Value(value) => Some(Some(value)),
    }
}
