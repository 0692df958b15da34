//! Persons who are not contacts: signatories, payers, and people named in billing details, invoice
//! references, decisions or token subjects.

mod buyer;
mod decision;
pub mod erase;
mod payer;
mod retained;
mod signatory;
mod token_subject;

use std::collections::BTreeSet;

use ::entity::{
    id::{
        ActivityId, AgreementId, BankPaymentId, FeeScheduleId, InvoiceId, MemberId, OrganisationId,
    },
    kind::{PersonKind, SignatureParty, SubjectKind},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    audit::Person,
    error::Error,
    idempotency::{FromOutcome, Outcome},
};

/// Identifies a person by the record that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The signatory of an agreement for this party.
    Signatory(AgreementId, SignatureParty),
    /// The payer of a payment in a bank file, with its reference and message.
    Payer(BankPaymentId),
    /// The person in a member's billing details.
    MemberBuyer(MemberId),
    /// The person in an organisation's billing details.
    OrganisationBuyer(OrganisationId),
    /// The people in the references of an invoice, of both parties.
    InvoiceReferences(InvoiceId),
    /// The person in the decisions about an agreement.
    AgreementDecision(AgreementId),
    /// The person in the decisions about an activity.
    ActivityDecision(ActivityId),
    /// The person in the decision about a fee.
    FeeDecision(FeeScheduleId),
    /// The subject of tokens, compared without case, that is not the e-mail address of a contact.
    Subject(String),
}

impl Named {
    /// Returns the field of the input that has the id of the record.
    fn field(&self) -> &'static str {
        match self {
            Self::Signatory(..) => "signatory_of.agreement_id",
            Self::Payer(_) => "bank_payment_id",
            Self::MemberBuyer(_) => "billing_of_member_id",
            Self::OrganisationBuyer(_) => "billing_of_organisation_id",
            Self::InvoiceReferences(_) => "references_of_invoice_id",
            Self::AgreementDecision(_) => "decision_of_agreement_id",
            Self::ActivityDecision(_) => "decision_of_activity_id",
            Self::FeeDecision(_) => "decision_of_fee_schedule_id",
            Self::Subject(_) => "subject",
        }
    }
}

/// The result of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The kind of person.
    pub kind: PersonKind,
    /// The audit trail revisions whose personal fields can no longer be read, in ascending order.
    pub revisions: Vec<i64>,
}

impl FromOutcome for Erased {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        serde_json::from_value(outcome.details.clone()).ok()
    }
}

/// The persons to erase, and the object whose history records the erasure.
type Found = (BTreeSet<Person>, (SubjectKind, Uuid));

/// Returns the error for a record that does not exist.
fn missing(noun: &str) -> Error {
    Error::NotFound(format!("there is no such {noun}").into())
}
