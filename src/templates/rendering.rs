//! The text of a template with its placeholders filled in.

use ::entity::{
    kind::{FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{Parameter, ParameterType};
use crate::error::{Faults, Result};

/// What the register knows that a text may tell.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The network.
    pub network: Party,
    /// The other side: `member` and `counterparty` in templates.
    pub counterparty: Party,
    /// The activity, when it is about one.
    pub activity: Option<Activity>,
    /// The agreement itself.
    pub agreement: Agreement,
    /// What it costs; null: nothing.
    pub fee: Option<Fee>,
}

/// A side of an agreement.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Organisationsnummer.
    pub org_number: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postnummer.
    pub postal_code: Option<String>,
    /// Postort.
    pub city: Option<String>,
}

/// An activity.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Syfte.
    pub purpose: Option<String>,
    /// Mål.
    pub goal: Option<String>,
}

/// An agreement.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Null: a draft.
    pub number: Option<String>,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months that it is prolonged by; null: it is not.
    pub renewal_months: Option<i32>,
}

/// What it costs.
#[derive(Clone, Debug)]
pub struct Fee {
    /// What it is reckoned on.
    pub basis: FeeBasis,
    /// The sum.
    pub amount: Option<Money>,
    /// The rate.
    pub per_mille: Option<PerMille>,
    /// How it is taxed.
    pub vat_rate: VatRate,
}

/// The text, as Markdown.
///
/// # Errors
/// INVALID naming every missing, unknown and ill-typed parameter as `<path>.<name>`.
pub fn text(body: &str, declared: &[Parameter], given: &Map<String, Value>, _facts: &Facts, path: &str) -> Result<String> {
    let mut faults = Faults::default();
    for name in given.keys().filter(|name| declared.iter().all(|parameter| parameter.name != **name)) {
        faults.add(format!("{path}.{name}"), "is no parameter of the template");
    }
    let mut values = Map::new();
    for parameter in declared {
        let value = given.get(&parameter.name).filter(|value| !value.is_null()).or(parameter.default.as_ref());
        let Some(value) = value else {
            faults.expect(!parameter.required, &format!("{path}.{}", parameter.name), "is missing");
            values.insert(parameter.name.clone(), Value::Null);
            continue;
        };
        let fits = match parameter.kind {
            ParameterType::Text | ParameterType::Date | ParameterType::Money => value.is_string(),
            ParameterType::Integer => value.is_i64(),
            ParameterType::Boolean => value.is_boolean(),
        };
        faults.expect(fits, &format!("{path}.{}", parameter.name), "is of another type");
        values.insert(parameter.name.clone(), value.clone());
    }
    faults.finish()?;
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(values.iter().fold(body.to_owned(), |text, (name, value)| text.replace(&format!("{{{{ {name} }}}}"), &shown(value))))
}
