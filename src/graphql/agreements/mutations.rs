//! GraphQL mutations of agreements, from draft to end.

use ::entity::{id::AgreementId, kind};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use serde_json::{Map, Value};

use super::{
    Agreement, AgreementDirection, node,
    payloads::{
        AgreementDraftPayload, AgreementDraftUpdatePayload, AgreementGiveNoticePayload,
        AgreementOfferPayload, AgreementReplacePayload, AgreementSignPayload,
        AgreementWithdrawPayload,
    },
    queries::counterparty,
    types::{SignatureMethod, SignatureParty},
};
use crate::graphql::{
    cost::cost,
    decisions::DecisionInput,
    fees::{FeeBasis, VatRate},
    members::AllocationBasis,
    mutation::mutation,
    network,
    scalars::{Date, Decimal, Json, Money, Parsed, Sha256, change, plain_change, row_id, take},
};
use domain::{
    agreements::{
        Counterparty,
        draft::{self},
        draft_input::{DraftChanges, Fee, FeeSource, NewAgreement},
        give_notice::{self, NewNotice},
        offer, replace,
        sign::{self, NewSignature},
        withdraw,
    },
    error::{Error, FieldErrorCode, Result, ValidationErrors},
};

async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}

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
    fn check(self, errors: &mut ValidationErrors) -> Fee {
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
    fn check(self, errors: &mut ValidationErrors) -> NewAgreement {
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
    agreement_id: ID,
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
    fn check(self, errors: &mut ValidationErrors) -> DraftChanges {
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
    agreement_id: ID,
}

/// Input of `agreementWithdraw`.
#[derive(InputObject)]
pub struct AgreementWithdrawInput {
    /// Id of the draft or offer.
    agreement_id: ID,
    /// Reason of the withdrawal.
    reason: Option<String>,
}

/// Input of `agreementSign`.
#[derive(InputObject)]
pub struct AgreementSignInput {
    /// Id of the offered agreement.
    agreement_id: ID,
    /// Party that signed.
    party: SignatureParty,
    /// Name of the person who signed. For NETWORK, one of the signatories of that day, when the
    /// settings name any (`[[network.signatories]]`).
    name: String,
    /// Title of the person. Defaults for NETWORK to that in the settings.
    title: Option<String>,
    /// Day of the signature, from the day of the offer to today.
    signed_on: Parsed<Date>,
    /// Method of signing.
    method: SignatureMethod,
    /// SHA-256 of the signed PDF, in hexadecimal; must equal `sha256` of `Agreement.document`.
    document_sha256: Sha256,
    /// Id of the scanned signed copy, which you have uploaded with `POST /files` within a day.
    file_id: Option<ID>,
}

/// Input of `agreementGiveNotice`.
#[derive(InputObject)]
pub struct AgreementGiveNoticeInput {
    /// Id of the signed agreement.
    agreement_id: ID,
    /// Day on which notice was given, from the first day in force to today; with `endsOn`, from the
    /// day on which both parties had signed.
    given_on: Parsed<Date>,
    /// Last day in force, when the contract lets it end earlier than its period of notice (förtida
    /// upphörande), as upon a violation of it or when a grant ends: from `givenOn` to the day on
    /// which it would end by notice. Before `startsOn`, it never comes into force, and is WITHDRAWN
    /// on `givenOn`. Omit for the end by its period of notice.
    ends_on: Option<Parsed<Date>>,
    /// Reason of the notice; required with `endsOn`.
    reason: Option<String>,
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
    fn check(self, errors: &mut ValidationErrors) -> replace::Successor {
        replace::Successor {
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

/// Mutations of agreements.
#[derive(Default)]
pub struct AgreementMutation;

#[Object]
impl AgreementMutation {
    /// Drafts an agreement from a template. It has no number until it is offered.
    /// `Agreement.preview` shows the text that it would be offered with.
    ///
    /// The counterparty, the direction and the fee must fit the kind of agreement and the funding
    /// of the activity: a participant pays no fee where a grant, the service fee or volunteers
    /// carry the activity. An activity run by volunteers needs no agreement, but may have one. The
    /// term must lie within the membership, and that of a participation within the days of the
    /// activity.
    ///
    /// CONFLICT with reason NO_PUBLISHED_VERSION, TEMPLATE_NOT_PUBLISHED or TEMPLATE_RETIRED when
    /// the template can't be used. FACTS_MISSING when the text shows data that is not recorded, as
    /// the address of a member without one, or `member.name` for an organisation; the message names
    /// each. TEXT_UNUSABLE when an imported text can't be filled in.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agreement to draft.")] input: Box<AgreementDraftInput>,
    ) -> Option<Result<AgreementDraftPayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(draft::draft(mutation.context(), network(ctx), new, errors), async |id| {
                    Ok(AgreementDraftPayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes a draft. CONFLICT with reason ALREADY_OFFERED or WITHDRAWN when it is no longer a
    /// draft, or the reasons of `agreementDraft`.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_draft_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<AgreementDraftUpdateInput>,
    ) -> Option<Result<AgreementDraftUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
        let changes = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    draft::update(mutation.context(), network(ctx), id, changes, errors),
                    async |()| {
                        Ok(AgreementDraftUpdatePayload { agreement: changed(ctx, id).await? })
                    },
                )
                .await,
        )
    }

    /// Offers a draft: it gets the next number of the year, and its text is frozen in
    /// `Agreement.document`.
    ///
    /// CONFLICT with reason ALREADY_OFFERED, WITHDRAWN, NO_TEMPLATE, TEMPLATE_RETIRED, or OVERLAPS
    /// when the member takes part in the activity by another agreement on some of its days. Changes
    /// since the draft was written are checked: NOT_A_MEMBER and ACTIVITY_ENDED when the membership
    /// or the activity ends before the term, ACTIVITY_NOT_STARTED, and DOES_NOT_FIT when the fee or
    /// the direction no longer fits the funding of the activity. FACTS_MISSING when the text shows
    /// data that is not recorded. DOCUMENT_TOO_LONG when it has more text, table cells or links
    /// than can be rendered in two seconds.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    #[graphql(directive = cost::apply("8000".into()))]
    async fn agreement_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft to offer.")] input: Box<AgreementOfferInput>,
    ) -> Option<Result<AgreementOfferPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(offer::offer(mutation.context(), network(ctx), id, errors), async |()| {
                    Ok(AgreementOfferPayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Withdraws a draft, or an offer that not both parties have signed. An offer retains its
    /// number. CONFLICT with reason ALREADY_SIGNED or WITHDRAWN.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft or offer to withdraw.")] input: Box<AgreementWithdrawInput>,
    ) -> Option<Result<AgreementWithdrawPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    withdraw::withdraw(mutation.context(), id, input.reason.as_deref(), errors),
                    async |()| Ok(AgreementWithdrawPayload { agreement: changed(ctx, id).await? }),
                )
                .await,
        )
    }

    /// Records the signature of a party on an offered agreement. When both have signed, the
    /// agreement is signed on the later day, and its predecessor ends the day before it starts.
    /// CONFLICT with reason NOT_OFFERED, ALREADY_SIGNED, WITHDRAWN, NO_DOCUMENT, DOCUMENT_DIFFERS,
    /// NOT_SIGNATORY, NOT_A_MEMBER or ACTIVITY_ENDED when the membership or the activity has ended
    /// since, or OVERLAPS.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_sign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The signature.")] input: Box<AgreementSignInput>,
    ) -> Option<Result<AgreementSignPayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewSignature {
            agreement: row_id(&input.agreement_id, "agreement_id", &mut errors),
            party: kind::SignatureParty::from(input.party),
            name: input.name,
            title: input.title,
            signed_on: input.signed_on.take("signed_on", &mut errors).0,
            method: input.method.into(),
            document_sha256: input.document_sha256.0,
            file_id: input.file_id.map(|id| row_id(&id, "file_id", &mut errors)),
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    sign::sign(mutation.context(), &network(ctx).signatories, new, errors),
                    async |()| Ok(AgreementSignPayload { agreement: changed(ctx, id).await? }),
                )
                .await,
        )
    }

    /// Gives notice on an agreement in force; `endsOn` is then its last day. An agreement with
    /// automatic renewal ends with the first term whose last day for notice has not passed. One
    /// until further notice ends after its period of notice, and one for a fixed term likewise if
    /// that is sooner than its end. With `endsOn` in the input it ends on that day, where the
    /// contract provides for it, even before it has begun: its predecessor then continues. CONFLICT
    /// with reason NOT_SIGNED, NOT_STARTED, NOTICE_GIVEN, ENDED, WITHDRAWN, REPLACED, FIXED_TERM
    /// when it would not end sooner, or OVERLAPS when the predecessor would be in force at the same
    /// time as another agreement.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_give_notice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notice.")] input: Box<AgreementGiveNoticeInput>,
    ) -> Option<Result<AgreementGiveNoticePayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewNotice {
            agreement: row_id(&input.agreement_id, "agreement_id", &mut errors),
            given_on: input.given_on.take("given_on", &mut errors).0,
            ends_on: take(input.ends_on, "ends_on", &mut errors).map(|day| day.0),
            reason: input.reason,
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(give_notice::give(mutation.context(), new, errors), async |()| {
                    Ok(AgreementGiveNoticePayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Drafts a successor with new terms, and returns it. The predecessor stays in force; when both
    /// parties have signed the successor, until the day before that starts. CONFLICT with reason
    /// NOT_SIGNED, ENDED, WITHDRAWN, ALREADY_REPLACED when it has a successor that is not
    /// withdrawn, or the reasons of `agreementDraft`.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_replace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The predecessor and the terms of the successor.")] input: Box<
            AgreementReplaceInput,
        >,
    ) -> Option<Result<AgreementReplacePayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    replace::replace(mutation.context(), network(ctx), new, errors),
                    async |id| Ok(AgreementReplacePayload { agreement: changed(ctx, id).await? }),
                )
                .await,
        )
    }
}
