//! Outcomes of mutations: the stored data from which their payloads are built.

use std::{fmt, str::FromStr};

use ::entity::id::{
    AcknowledgementId, ActivityId, AdjustmentId, AgreementId, AllocationId, ArchivedDocumentId,
    BankPaymentId, BooksClosingId, ContactId, CostId, ExportBatchId, FeeScheduleId, GrantId,
    Identifier, InvoiceId, MemberId, OrganisationId, PaymentId, ReferenceRateId, ReminderId,
    RequisitionId, SignatureId, StatusReportId, TaxDecisionId, TemplateId, TemplateVersionId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    codes::WarningCode,
    error::{Error, Result},
};

/// The outcome of one mutation: all data from which its payload is built.
///
/// It names objects by their ids, so a payload that is built later shows their current state, and
/// no data of a person who was erased in between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Objects of the payload, the main one first.
    pub objects: Vec<ObjectId>,
    /// Objects that were deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<ObjectId>,
    /// Warnings of the payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Other parts of the payload that belong to no object, such as the problems of an invoice run.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// A warning in a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// Stable code for programs.
    pub code: WarningCode,
    /// Message for people.
    pub message: String,
}

impl Outcome {
    /// Returns the outcome with this main object.
    #[must_use]
    pub fn of(id: impl Identifier) -> Self {
        Self::default().with(id)
    }

    /// Adds an object of the payload.
    #[must_use]
    pub fn with(mut self, id: impl Identifier) -> Self {
        self.objects.push(ObjectId::of(id));
        self
    }

    /// Adds several objects of the payload, in their order.
    #[must_use]
    pub fn with_all(mut self, ids: impl IntoIterator<Item = impl Identifier>) -> Self {
        self.objects.extend(ids.into_iter().map(ObjectId::of));
        self
    }

    /// Adds an object that was deleted.
    #[must_use]
    pub fn deleting(mut self, id: impl Identifier) -> Self {
        self.deleted.push(ObjectId::of(id));
        self
    }

    /// Adds a warning.
    #[must_use]
    pub fn warning(mut self, code: WarningCode, message: impl Into<String>) -> Self {
        self.warnings.push(Warning { code, message: message.into() });
        self
    }

    /// Sets the parts that belong to no object. Fails with INTERNAL if they can't be written as
    /// JSON.
    pub fn detailed(mut self, details: &impl Serialize) -> Result<Self> {
        self.details = serde_json::to_value(details).map_err(Error::internal)?;
        Ok(self)
    }

    /// Returns the outcome of a bulk mutation: the objects of all items, and in the details the
    /// outcome of each. Fails with INTERNAL if they can't be written as JSON.
    pub fn of_items(items: &[Self]) -> Result<Self> {
        let objects = items.iter().flat_map(|item| item.objects.iter().cloned()).collect();
        Self { objects, ..Self::default() }.detailed(&items)
    }

    /// Returns the outcomes of the items of a bulk mutation; `None` if it is that of another one.
    #[must_use]
    pub fn items(&self) -> Option<Vec<Self>> {
        serde_json::from_value(self.details.clone()).ok()
    }

    /// Returns the ids of the payload's objects of this type, in their order.
    pub fn ids<I: Identifier>(&self) -> impl Iterator<Item = I> {
        self.objects
            .iter()
            .filter(|object| object.node_type == I::NODE_TYPE.word())
            .map(|object| I::from(object.id))
    }
}

impl<I: Identifier> From<I> for Outcome {
    fn from(id: I) -> Self {
        Self::of(id)
    }
}

/// The id of any object, with its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ObjectId {
    /// The word of a node type, which may be one of a newer version.
    node_type: String,
    id: Uuid,
}

impl ObjectId {
    fn of<I: Identifier>(id: I) -> Self {
        Self { node_type: I::NODE_TYPE.word().to_owned(), id: id.into() }
    }
}

/// Writes `member_0193…`, as the API writes ids.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.node_type, self.id.simple())
    }
}

impl FromStr for ObjectId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (node_type, id) =
            text.rsplit_once('_').ok_or_else(|| format!("{text:?} is not the id of an object"))?;
        let id = Uuid::try_parse(id)
            .map_err(|error| format!("{text:?} is not the id of an object: {error}"))?;
        Ok(Self { node_type: node_type.to_owned(), id })
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ObjectId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The return value of a rule, restored from its stored outcome.
pub trait FromOutcome: Sized {
    /// Restores it; `None` if the outcome lacks a part of it.
    fn from_outcome(outcome: &Outcome) -> Option<Self>;
}

impl FromOutcome for () {
    fn from_outcome(_: &Outcome) -> Option<Self> {
        Some(())
    }
}

/// The warnings of a payload, for a rule that returns nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(pub Vec<Warning>);

impl FromOutcome for Warnings {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        Some(Self(outcome.warnings.clone()))
    }
}

/// Restores a rule's id from the first object of its type.
macro_rules! ids_from_outcome {
    ($($id:ty),+ $(,)?) => {$(
        impl FromOutcome for $id {
            fn from_outcome(outcome: &Outcome) -> Option<Self> {
                outcome.ids().next()
            }
        }
    )+};
}

ids_from_outcome! {
    AcknowledgementId, ActivityId, AdjustmentId, AgreementId, AllocationId, ArchivedDocumentId,
    BankPaymentId, BooksClosingId, ContactId, CostId, ExportBatchId, FeeScheduleId, GrantId,
    InvoiceId, MemberId, OrganisationId, PaymentId, ReferenceRateId, ReminderId, RequisitionId,
    SignatureId, StatusReportId, TaxDecisionId, TemplateId, TemplateVersionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload that shows its warnings.
    struct Warned(Vec<(WarningCode, String)>);

    impl FromOutcome for Warned {
        fn from_outcome(outcome: &Outcome) -> Option<Self> {
            Some(Self(
                outcome
                    .warnings
                    .iter()
                    .map(|warning| (warning.code, warning.message.clone()))
                    .collect(),
            ))
        }
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written() -> Result<(), Box<dyn std::error::Error>> {
        let (member, contact) = (MemberId::new(), ContactId::new());
        let outcome = Outcome::of(member)
            .with(contact)
            .deleting(InvoiceId::new())
            .warning(WarningCode::SupplyDateAssumed, "it is late")
            .detailed(&["a"])?;
        let text = serde_json::to_string(&outcome)?;
        assert!(
            text.starts_with(&format!("{{\"objects\":[\"member_{}\"", member.0.simple())),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Outcome>(&text)?, outcome);
        // A payload with warnings is built again from them.
        let again = serde_json::from_str::<Outcome>(&text)?;
        assert_eq!(
            Warned::from_outcome(&again).map(|warned| warned.0),
            Some(vec![(WarningCode::SupplyDateAssumed, "it is late".to_owned())])
        );
        assert_eq!(
            (MemberId::from_outcome(&outcome), ContactId::from_outcome(&outcome)),
            (Some(member), Some(contact))
        );
        assert_eq!(InvoiceId::from_outcome(&outcome), None, "it was deleted");
        // Absent parts take no room.
        assert_eq!(serde_json::to_string(&Outcome::default())?, "{\"objects\":[]}");
        assert!(serde_json::from_str::<Outcome>("{\"objects\":[\"member\"]}").is_err());
        Ok(())
    }
}
