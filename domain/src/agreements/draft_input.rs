//! Input of drafts of agreements.

use ::entity::{
    id::{ActivityId, AgreementId, TemplateId, TemplateVersionId},
    kind::Direction,
};
use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{
    Counterparty,
    fee::{Fee, FeeSource},
};
use crate::decisions::NewDecision;

/// Input for drafting an agreement.
#[derive(Clone, Debug)]
pub struct NewAgreement {
    /// The template.
    pub template: TemplateId,
    /// The template's version; null: the current one.
    pub template_version: Option<TemplateVersionId>,
    /// The activity; null: that of the template.
    pub activity: Option<ActivityId>,
    /// The counterparty.
    pub counterparty: Counterparty,
    /// Direction of payment; null: determined by the kind and the fee.
    pub direction: Option<Direction>,
    /// Values of the parameters.
    pub parameters: Map<String, Value>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice; null: 3 if the agreement ends only by notice, else none.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; null: no renewal.
    pub renewal_months: Option<i32>,
    /// Source of the fee.
    pub fee: FeeSource,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

/// Changes to a draft; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct DraftChanges {
    /// The template.
    pub template: Option<TemplateId>,
    /// The template's version.
    pub template_version: Option<TemplateVersionId>,
    /// The activity; `Some(None)`: that of the template.
    pub activity: Option<Option<ActivityId>>,
    /// The counterparty.
    pub counterparty: Option<Counterparty>,
    /// Direction of payment.
    pub direction: Option<Direction>,
    /// All of its parameters.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: Option<NaiveDate>,
    /// Last day of the term; `Some(None)`: until further notice.
    pub ends_on: Option<Option<NaiveDate>>,
    /// Months of notice.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; `Some(None)`: no renewal.
    pub renewal_months: Option<Option<i32>>,
    /// The fee; `Some(None)`: no fee.
    pub fee: Option<Option<Fee>>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

/// The terms of a successor. Its counterparty and its activity are those of its predecessor.
#[derive(Clone, Debug, Default)]
pub struct Successor {
    /// The agreement to replace.
    pub agreement: AgreementId,
    /// The template; null: the same template.
    pub template: Option<TemplateId>,
    /// The template's version; null: the current one.
    pub template_version: Option<TemplateVersionId>,
    /// Direction of payment; null: determined by the kind and the fee.
    pub direction: Option<Direction>,
    /// Values of the parameters; null: as before, if the template is the same.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice; null: as before.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; null: as before if there is a last day; `Some(None)`: no
    /// renewal.
    pub renewal_months: Option<Option<i32>>,
    /// The fee; null: for a participation the activity's price on the first day, otherwise as
    /// before; `Some(None)`: no fee.
    pub fee: Option<Option<Fee>>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}
