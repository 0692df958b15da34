//! GraphQL scalars, and inputs that retain their parse errors until all fields are checked.

use std::{borrow::Cow, fmt, str::FromStr};

use async_graphql::{
    ContextSelectionSet, Description, InputType, InputValueError, InputValueResult, OutputType,
    Positioned, Scalar, ScalarType, ServerResult, Value, parser::types::Field, registry::Registry,
};
use chrono::{Datelike, NaiveDate, SecondsFormat, Utc};
use entity::{
    id::{Identifier, NodeType},
    money, number,
    total::Total,
};

use super::library_errors::{self, refused};
use domain::error::{FieldErrorCode, FieldProblem, ValidationErrors};

/// Maximum length of a scalar that is written as a string, in bytes.
const MAX_TEXT: usize = 100;

/// Parses a scalar that is written as a string.
fn text<T>(
    value: &Value,
    read: impl FnOnce(&str) -> Result<T, FieldProblem>,
) -> Result<T, FieldProblem> {
    match value {
        Value::String(text) if text.len() <= MAX_TEXT => read(text),
        Value::String(_) => {
            Err(FieldErrorCode::TooLong.problem("is too long").with("max", MAX_TEXT))
        }
        _ => Err(FieldErrorCode::WrongType.problem("must be a string")),
    }
}

/// A calendar date in ISO 8601 format: `2026-11-21`.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct Date(pub NaiveDate);

impl FromStr for Date {
    type Err = FieldProblem;

    fn from_str(text: &str) -> Result<Self, FieldProblem> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(position, byte)| {
                if matches!(position, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
            });
        let day = shaped
            .then(|| text.parse::<NaiveDate>().ok())
            .flatten()
            .filter(|day| (1900..=2999).contains(&day.year()));
        day.map(Self).ok_or_else(|| {
            FieldErrorCode::NotADate
                .problem("is not a date; write a day that exists, 1900 to 2999, as 2026-11-21")
        })
    }
}

#[Scalar(
    use_type_description,
    specified_by_url = "https://scalars.graphql.org/andimarek/local-date"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, Self::from_str).map_err(refused)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A point in time in RFC 3339 format, in UTC: `2026-11-21T08:30:00Z`.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct DateTime(pub chrono::DateTime<Utc>);

impl FromStr for DateTime {
    type Err = FieldProblem;

    fn from_str(text: &str) -> Result<Self, FieldProblem> {
        let instant = chrono::DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|instant| instant.with_timezone(&Utc));
        let instant = instant.filter(|instant| (1900..=2999).contains(&instant.year()));
        instant.map(Self).ok_or_else(|| {
            FieldErrorCode::NotADate
                .problem("is not a date and time; write RFC 3339, as 2026-11-21T08:30:00Z")
        })
    }
}

#[Scalar(
    use_type_description,
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, Self::from_str).map_err(refused)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// An amount in Swedish kronor: a decimal string with exactly two decimals, `"26800.00"`. Input may
/// have fewer decimals. Stored as integer öre, never as a float.
#[derive(Clone, Copy, Debug, Default, Description)]
pub struct Money(pub money::Money);

#[Scalar(use_type_description, specified_by_url = "https://www.w3.org/TR/xmlschema-2/#decimal")]
impl ScalarType for Money {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, |text| {
            text.parse().map(Self).map_err(|reason: money::ParseMoneyError| reason.into())
        })
        .map_err(refused)
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

/// A sum of rows, [`Money`] in the schema. It may exceed the maximum of an input amount.
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

/// A Swedish organisation number (organisationsnummer), `NNNNNN-NNNN`, as `202100-2114`. Its check
/// digit is verified on input.
#[derive(Clone, Debug, Default, Description)]
pub struct OrgNumber(pub number::OrgNumber);

#[Scalar(
    use_type_description,
    specified_by_url = "https://www.riksdagen.se/sv/dokument-och-lagar/dokument/svensk-forfattningssamling/lag-1974174-om-identitetsbeteckning-for_sfs-1974-174/"
)]
impl ScalarType for OrgNumber {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, |text| {
            text.parse().map(Self).map_err(|reason: number::ParseOrgNumberError| reason.into())
        })
        .map_err(refused)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A decimal number without rounding, as a string: `"2.5"`. Input may be a JSON number too.
#[derive(Clone, Debug, Default, Description)]
pub struct Decimal(String);

impl Decimal {
    /// Returns the number that `value` is written as, without zeros at its end.
    pub fn new(value: impl fmt::Display) -> Self {
        let text = value.to_string();
        let text = match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
            None => &text,
        };
        Self(text.to_owned())
    }

    /// Returns the number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the number as a value of the domain, or records an error at `path` and returns a
    /// default, which must not be used.
    pub fn read<T>(&self, path: &str, errors: &mut ValidationErrors) -> T
    where
        T: FromStr<Err: Into<FieldProblem>> + Default,
    {
        errors.take(path, self.0.parse::<T>())
    }
}

#[Scalar(use_type_description, specified_by_url = "https://www.w3.org/TR/xmlschema-2/#decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => Ok(Self(number.to_string())),
            text_value => text(&text_value, |text| Ok(Self(text.to_owned()))).map_err(refused),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Declares scalars that are texts of a public form. The domain checks the form.
macro_rules! text_scalars {
    ($($(#[$doc:meta])* $name:ident: $specification:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Description)]
        pub struct $name(pub String);

        #[Scalar(use_type_description, specified_by_url = $specification)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    other => Err(InputValueError::expected_type(other)),
                }
            }

            fn is_valid(value: &Value) -> bool {
                matches!(value, Value::String(_))
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }

        impl $name {
            /// Returns the scalar of anything that is written as one.
            pub fn new(value: impl fmt::Display) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}

text_scalars! {
    /// An e-mail address: `kansli@example.se`.
    EmailAddress: "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address",
    /// A SHA-256 digest in lower-case hexadecimal, 64 characters.
    Sha256: "https://csrc.nist.gov/pubs/fips/180-4/upd1/final",
    /// A revision of the register, a whole number as a string: `"1042"`. It grows with every
    /// change.
    Revision: "https://www.w3.org/TR/xmlschema-2/#nonNegativeInteger",
}

/// An absolute URL.
#[derive(Clone, Debug, Default, Description)]
pub struct Url(pub String);

#[Scalar(name = "URL", use_type_description, specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(_))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Any JSON value, as the parameters of an agreement text: `{"days": 14}`.
#[derive(Clone, Debug, Default, Description)]
pub struct Json(pub serde_json::Value);

#[Scalar(
    name = "JSON",
    use_type_description,
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259"
)]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

impl Json {
    /// Parses the JSON value of a text column.
    pub fn stored(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }
}

/// A parsed input value: valid, or invalid with the reason. Parsing never fails, so that one error
/// can name every invalid field of an input; [`Parsed::take`] passes the reason to the collector.
#[derive(Clone, Debug)]
pub enum Parsed<T> {
    /// Valid.
    Good(T),
    /// Reason why it is invalid.
    Bad(FieldProblem),
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
                let error = reason.into_server_error(async_graphql::Pos::default());
                Self::Bad(library_errors::problem(&error))
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
    /// Returns the value. If it is invalid, records the error at `path` and returns a default,
    /// which must not be used.
    pub fn take(self, path: &str, errors: &mut ValidationErrors) -> T {
        match self {
            Self::Good(value) => value,
            Self::Bad(problem) => {
                errors.add(path, problem);
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

/// Takes the ends of a range of days in a filter, whose fields are `name` with `From` and `To`.
/// Records an error if the last day is before the first one.
pub fn day_range(
    name: &str,
    from: Option<Parsed<Date>>,
    to: Option<Parsed<Date>>,
    errors: &mut ValidationErrors,
) -> [Option<NaiveDate>; 2] {
    let are_valid = [&from, &to].into_iter().flatten().all(|end| matches!(end, Parsed::Good(_)));
    let path_of_last = format!("filter.{name}To");
    let from = take(from, &format!("filter.{name}From"), errors).map(|day| day.0);
    let to = take(to, &path_of_last, errors).map(|day| day.0);
    if are_valid {
        errors.expect_range(&path_of_last, from, to);
    }
    [from, to]
}

/// The global id of a node: its type and a UUID, `member_0193…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The type of the node.
    pub node_type: NodeType,
    /// The identifier within the type.
    pub id: uuid::Uuid,
}

/// The reason why a text is not the id of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an id of this register")]
pub enum InvalidId {
    /// It does not have the form of a global id.
    Malformed,
    /// It has the form, but its type does not exist: no object has this id.
    UnknownType,
}

impl From<InvalidId> for FieldProblem {
    fn from(error: InvalidId) -> Self {
        FieldErrorCode::NotAnId.problem(error.to_string())
    }
}

impl FromStr for NodeId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (word, id) = text
            .rsplit_once('_')
            .filter(|(word, id)| !word.is_empty() && id.len() == 32)
            .ok_or(InvalidId::Malformed)?;
        // An object has a single id, to be compared as a text.
        let is_lower = id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        let id = uuid::Uuid::try_parse(id).ok().filter(|_| is_lower);
        let id = id.ok_or(InvalidId::Malformed)?;
        let node_type = word.parse::<NodeType>().map_err(|_| InvalidId::UnknownType)?;
        Ok(Self { node_type, id })
    }
}

/// Returns the global id of a row.
pub fn node_id<T: Identifier>(id: T) -> async_graphql::ID {
    id.global_id().into()
}

/// Returns the row's id that a global id contains, or records an error at `path` and returns a
/// default: the global id must be of the type that the caller expects.
pub fn row_id<T: Identifier>(
    id: &async_graphql::ID,
    path: &str,
    errors: &mut ValidationErrors,
) -> T {
    let read = id.parse::<NodeId>().map_err(FieldProblem::from).and_then(|read| {
        if read.node_type == T::NODE_TYPE {
            Ok(read.id)
        } else {
            let (found, expected) = (read.node_type, T::NODE_TYPE);
            let message = format!("is an id of the type {found}, not of the type {expected}");
            Err(FieldErrorCode::NotAnId.problem(message))
        }
    });
    T::from(errors.take(path, read))
}

/// Converts the change of a field: `None` when omitted, `Some(None)` to remove the value.
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

/// Converts the change of a field that needs no check.
pub fn plain_change<T>(parsed: async_graphql::MaybeUndefined<T>) -> Option<Option<T>> {
    use async_graphql::MaybeUndefined::{Null, Undefined, Value};
    match parsed {
        Undefined => None,
        Null => Some(None),
        Value(value) => Some(Some(value)),
    }
}
