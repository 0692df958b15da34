//! Inputs of the mutations of agreements.

use async_graphql::{ID, InputObject, MaybeUndefined};
use serde_json::{Map, Value};

use super::{
    queries::counterparty,
    terms::{SignatureMethod, SignatureParty},
    types::AgreementDirection,
};
use crate::graphql::{
    decisions::types::DecisionInput,
    fees::types::{FeeBasis, VatRate},
    members::types::AllocationBasis,
    scalars::{Date, Decimal, Json, Money, Parsed, Sha256, change, plain_change, row_id, take},
};
use domain::{
    agreements::{
        Counterparty,
        draft_input::{DraftChanges, NewAgreement, Successor},
        fee::{Fee, FeeSource},
    },
    error::{FieldErrorCode, ValidationErrors},
};

/// Fee of an agreement.
#[derive(InputObject)]
pub struct AgreementFeeInput {
    /// Basis of the calculation.
    basis: FeeBasis,
    /// Amount in kronor, net of VAT; required for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// Rate in per mille of the allocation, 0 to 1000 with at most three decimals; required for
    /// PER_MILLE_OF_ALLOCATION.
    per_mille: Option<Decimal>,
    /// Maximum of a whole year (maxtak), in kronor; for PER_MILLE_OF_ALLOCATION only.
    cap: Option<Parsed<Money>>,
    /// Minimum of a whole year, in kronor, at most the cap; for PER_MILLE_OF_ALLOCATION only.
    minimum: Option<Parsed<Money>>,
    /// Allocation (tilldelning) that the rate applies to; for PER_MILLE_OF_ALLOCATION only.
    /// Defaults to ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; ZERO is refused.
    vat_rate: VatRate,
}

impl AgreementFeeInput {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> Fee {
        Fee {
            basis: self.basis.into(),
            amount: take(self.amount, "fee.amount", errors).map(|sum| sum.0),
            per_mille: self.per_mille.map(|rate| rate.read("fee.per_mille", errors)),
            cap: take(self.cap, "fee.cap", errors).map(|sum| sum.0),
            minimum: take(self.minimum, "fee.minimum", errors).map(|sum| sum.0),
            allocation_basis: self.allocation_basis.map(Into::into),
            vat_rate: self.vat_rate.into(),
        }
    }
}

/// Converts a fee: `None` when omitted, `Some(None)` for no fee.
fn fee(
    parsed: MaybeUndefined<AgreementFeeInput>,
    errors: &mut ValidationErrors,
) -> Option<Option<Fee>> {
    plain_change(parsed).map(|parsed| parsed.map(|parsed| parsed.check(errors)))
}

/// Converts the parameters of a text, which must be a JSON object.
fn parameters(parsed: Option<Json>, errors: &mut ValidationErrors) -> Option<Map<String, Value>> {
    match parsed?.0 {
        Value::Object(parameters) => Some(parameters),
        _ => {
            errors.add(
                "parameters",
                FieldErrorCode::WrongType
                    .problem("must be an object: a value for each parameter's name"),
            );
            Some(Map::new())
        }
    }
}

/// Input of `agreementDraft`.
#[derive(InputObject)]
pub struct AgreementDraftInput {
    /// Id of the template. It determines the `kind` of the agreement.
    template_id: ID,
    /// Id of a published version of the template; defaults to its current version.
    template_version_id: Option<ID>,
    /// Id of the activity; defaults to that of the template. Required for PARTICIPATION.
    activity_id: Option<ID>,
    /// Id of a member or an organisation; a member for PARTICIPATION.
    counterparty_id: ID,
    /// Direction of the payments: INCOME or NONE for PARTICIPATION and COOPERATION, COST for
    /// ASSIGNMENT. Defaults by the kind and the fee.
    direction: Option<AgreementDirection>,
    /// Parameters of the text: an object with a value for each parameter that the version declares.
    parameters: Option<Json>,
    /// First day in force.
    starts_on: Parsed<Date>,
    /// Last day of the term, inclusive; omit: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Period of notice (uppsägningstid), 0 to 120 months. Defaults to 3 when it runs until further
    /// notice or is renewed automatically, else to 0.
    notice_months: Option<i32>,
    /// Length of each automatic renewal, 1 to 600 months; requires `endsOn`. Omit: it ends with its
    /// term.
    renewal_months: Option<i32>,
    /// Fee. Defaults for PARTICIPATION to the activity's price on the first day, with its cap and
    /// minimum (see `feeScheduleSet`); null: no fee.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Decision to make the agreement.
    decision: Option<DecisionInput>,
}

impl AgreementDraftInput {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> NewAgreement {
        NewAgreement {
            template: row_id(&self.template_id, "template_id", errors),
            template_version: self
                .template_version_id
                .map(|id| row_id(&id, "template_version_id", errors)),
            activity: self.activity_id.map(|id| row_id(&id, "activity_id", errors)),
            counterparty: counterparty(&self.counterparty_id, "counterparty_id", errors)
                .unwrap_or(Counterparty::Member(Default::default())),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors).unwrap_or_default(),
            starts_on: self.starts_on.take("starts_on", errors).0,
            ends_on: take(self.ends_on, "ends_on", errors).map(|day| day.0),
            notice_months: self.notice_months,
            renewal_months: self.renewal_months,
            fee: fee(self.fee, errors).map_or(FeeSource::Schedule(None), FeeSource::Explicit),
            decision: self.decision.map(|decision| decision.check("decision", errors)),
        }
    }
}

/// Input of `agreementDraftUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct AgreementDraftUpdateInput {
    /// Id of the draft.
    pub(super) agreement_id: ID,
    /// Id of another template; in its current version unless `templateVersionId` names one.
    template_id: Option<ID>,
    /// Id of another published version of the template.
    template_version_id: Option<ID>,
    /// Id of another activity; null: that of the template.
    activity_id: MaybeUndefined<ID>,
    /// Id of another member or organisation.
    counterparty_id: Option<ID>,
    /// Direction of the payments.
    direction: Option<AgreementDirection>,
    /// All parameters of the text; replaces the present ones.
    parameters: Option<Json>,
    /// First day in force.
    starts_on: Option<Parsed<Date>>,
    /// Last day of the term, inclusive; null: until further notice.
    ends_on: MaybeUndefined<Parsed<Date>>,
    /// Period of notice, 0 to 120 months.
    notice_months: Option<i32>,
    /// Length of each automatic renewal, 1 to 600 months; null: it ends with its term.
    renewal_months: MaybeUndefined<i32>,
    /// Fee; null: no fee.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Decision to make the agreement.
    decision: Option<DecisionInput>,
}

impl AgreementDraftUpdateInput {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> DraftChanges {
        DraftChanges {
            template: self.template_id.map(|id| row_id(&id, "template_id", errors)),
            template_version: self
                .template_version_id
                .map(|id| row_id(&id, "template_version_id", errors)),
            activity: plain_change(self.activity_id)
                .map(|id| id.map(|id| row_id(&id, "activity_id", errors))),
            counterparty: self
                .counterparty_id
                .and_then(|id| counterparty(&id, "counterparty_id", errors)),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors),
            starts_on: take(self.starts_on, "starts_on", errors).map(|day| day.0),
            ends_on: change(self.ends_on, "ends_on", errors).map(|day| day.map(|day| day.0)),
            notice_months: self.notice_months,
            renewal_months: plain_change(self.renewal_months),
            fee: fee(self.fee, errors),
            decision: self.decision.map(|decision| decision.check("decision", errors)),
        }
    }
}

/// Input of `agreementOffer`.
#[derive(InputObject)]
pub struct AgreementOfferInput {
    /// Id of the draft.
    pub(super) agreement_id: ID,
}

/// Input of `agreementWithdraw`.
#[derive(InputObject)]
pub struct AgreementWithdrawInput {
    /// Id of the draft or offer.
    pub(super) agreement_id: ID,
    /// Reason of the withdrawal.
    pub(super) reason: Option<String>,
}

/// Input of `agreementSign`.
#[derive(InputObject)]
pub struct AgreementSignInput {
    /// Id of the offered agreement.
    pub(super) agreement_id: ID,
    /// Party that signed.
    pub(super) party: SignatureParty,
    /// Name of the person who signed. For NETWORK, one of the signatories of that day, when the
    /// settings name any (`[[network.signatories]]`).
    pub(super) name: String,
    /// Title of the person. Defaults for NETWORK to that in the settings.
    pub(super) title: Option<String>,
    /// Day of the signature, from the day of the offer to today.
    pub(super) signed_on: Parsed<Date>,
    /// Method of signing.
    pub(super) method: SignatureMethod,
    /// SHA-256 of the signed PDF, in hexadecimal; must equal `sha256` of `Agreement.document`.
    pub(super) document_sha256: Sha256,
    /// Id of the scanned signed copy, which you have uploaded with `POST /files` within a day.
    pub(super) file_id: Option<ID>,
}

/// Input of `agreementGiveNotice`.
#[derive(InputObject)]
pub struct AgreementGiveNoticeInput {
    /// Id of the signed agreement.
    pub(super) agreement_id: ID,
    /// Day on which notice was given, from the first day in force to today; with `endsOn`, from the
    /// day on which both parties had signed.
    pub(super) given_on: Parsed<Date>,
    /// Last day in force, when the contract lets it end earlier than its period of notice (förtida
    /// upphörande), as upon a violation of it or when a grant ends: from `givenOn` to the day on
    /// which it would end by notice. Before `startsOn`, it never comes into force, and is WITHDRAWN
    /// on `givenOn`. Omit for the end by its period of notice.
    pub(super) ends_on: Option<Parsed<Date>>,
    /// Reason of the notice; required with `endsOn`.
    pub(super) reason: Option<String>,
}

/// Input of `agreementReplace`. The successor has the same counterparty and activity.
#[derive(InputObject)]
pub struct AgreementReplaceInput {
    /// Id of the agreement to replace.
    agreement_id: ID,
    /// First day of the successor, after the first day of its predecessor. The predecessor is in
    /// force until the day before.
    starts_on: Parsed<Date>,
    /// Id of another template of the same kind; defaults to the present one.
    template_id: Option<ID>,
    /// Id of a published version of the template; defaults to its current version.
    template_version_id: Option<ID>,
    /// Direction of the payments; defaults by the kind and the fee.
    direction: Option<AgreementDirection>,
    /// Parameters of the text; default to the present ones when the template is the same.
    parameters: Option<Json>,
    /// Last day of the term, inclusive; omit: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Period of notice, 0 to 120 months; defaults to the present one.
    notice_months: Option<i32>,
    /// Length of each automatic renewal, 1 to 600 months. Defaults to the present one when there is
    /// a last day; null: it ends with its term.
    renewal_months: MaybeUndefined<i32>,
    /// Fee. Defaults for PARTICIPATION to the activity's price on the first day, else to the
    /// present fee; null: no fee.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Decision to make the agreement.
    decision: Option<DecisionInput>,
}

impl AgreementReplaceInput {
    pub(super) fn check(self, errors: &mut ValidationErrors) -> Successor {
        Successor {
            agreement: row_id(&self.agreement_id, "agreement_id", errors),
            template: self.template_id.map(|id| row_id(&id, "template_id", errors)),
            template_version: self
                .template_version_id
                .map(|id| row_id(&id, "template_version_id", errors)),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors),
            starts_on: self.starts_on.take("starts_on", errors).0,
            ends_on: take(self.ends_on, "ends_on", errors).map(|day| day.0),
            notice_months: self.notice_months,
            renewal_months: plain_change(self.renewal_months),
            fee: fee(self.fee, errors),
            decision: self.decision.map(|decision| decision.check("decision", errors)),
        }
    }
}

/// Input of `agreementNoticeWithdraw`.
#[derive(InputObject)]
pub struct AgreementNoticeWithdrawInput {
    /// Id of the agreement.
    pub(super) agreement_id: ID,
    /// Agreed last day, only for a notice that came with imported history, where the agreed day is
    /// not recorded; null: until further notice. Omit for any other agreement.
    pub(super) ends_on: MaybeUndefined<Parsed<Date>>,
}

/// Input of `agreementNoticeEndDecide`.
#[derive(InputObject)]
pub struct AgreementNoticeEndDecideInput {
    /// Id of the agreement.
    pub(super) agreement_id: ID,
    /// Last day in force: `endsOn` or `ruleEndsOn` of its `AgreementNoticeEnd`.
    pub(super) ends_on: Parsed<Date>,
}

/// Input of `deadlineSnooze`.
#[derive(InputObject)]
pub struct DeadlineSnoozeInput {
    /// Id of the agreement with the deadline.
    pub(super) agreement_id: ID,
    /// Last day on which the deadline is hidden: today or later. For a NOTICE at most the deadline
    /// itself, so that the next deadline appears.
    pub(super) snoozed_until: Parsed<Date>,
    /// Reason, for colleagues.
    pub(super) note: Option<String>,
}

/// Input of `deadlineUnsnooze`.
#[derive(InputObject)]
pub struct DeadlineUnsnoozeInput {
    /// Id of the agreement with the deadline.
    pub(super) agreement_id: ID,
}
