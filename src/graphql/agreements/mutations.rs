//! Deeds on agreements: their life from draft to end.

use ::entity::{id::AgreementId, kind};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use serde_json::{Map, Value};

use super::{
    Agreement, Direction, node,
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
    scalars::{Date, Json, Money, Parsed, change, plain_change, row_id, take},
    viewer,
};
use domain::{
    agreements::{
        Counterparty,
        draft::{self, DraftChanges, Fee, FeeOf, NewAgreement},
        give_notice::{self, NewNotice},
        offer, replace,
        sign::{self, NewSignature},
        withdraw,
    },
    error::{Error, Result, ValidationErrors},
    fees::schedules,
};

async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}

/// What an agreement costs.
#[derive(InputObject)]
pub struct AgreementFeeInput {
    /// What it is reckoned on.
    basis: FeeBasis,
    /// The sum, net of VAT; for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// The rate, 0 to 1000 with at most three decimals; for PER_MILLE_OF_ALLOCATION.
    per_mille: Option<f64>,
    /// Never more than this in a whole year (maxtak); for PER_MILLE_OF_ALLOCATION.
    cap: Option<Parsed<Money>>,
    /// Never less than this in a whole year; for PER_MILLE_OF_ALLOCATION, and not above the cap.
    minimum: Option<Parsed<Money>>,
    /// The allocation (tilldelning) that the rate is of; for PER_MILLE_OF_ALLOCATION. Leave out:
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// The VAT treatment, not ZERO.
    vat_rate: VatRate,
}

impl AgreementFeeInput {
    fn check(self, errors: &mut ValidationErrors) -> Fee {
        Fee {
            basis: self.basis.into(),
            amount: take(self.amount, "input.fee.amount", errors).map(|sum| sum.0),
            per_mille: self
                .per_mille
                .map(|rate| errors.take("input.fee.perMille", schedules::rate(rate))),
            cap: take(self.cap, "input.fee.cap", errors).map(|sum| sum.0),
            minimum: take(self.minimum, "input.fee.minimum", errors).map(|sum| sum.0),
            allocation_basis: self.allocation_basis.map(Into::into),
            vat_rate: self.vat_rate.into(),
        }
    }
}

/// A fee that is left out, none, or this.
fn fee(
    parsed: MaybeUndefined<AgreementFeeInput>,
    errors: &mut ValidationErrors,
) -> Option<Option<Fee>> {
    plain_change(parsed).map(|parsed| parsed.map(|parsed| parsed.check(errors)))
}

/// The parameters of a text, which are a JSON object.
fn parameters(parsed: Option<Json>, errors: &mut ValidationErrors) -> Option<Map<String, Value>> {
    match parsed?.0 {
        Value::Object(parameters) => Some(parameters),
        _ => {
            errors.add("input.parameters", "must be an object: a value for each parameter's name");
            Some(Map::new())
        }
    }
}

/// An agreement to be drafted.
#[derive(InputObject)]
pub struct AgreementDraftInput {
    /// The template that it is made from; it says of which kind the agreement is.
    template: ID,
    /// A published version of the template, in place of its current one.
    template_version: Option<ID>,
    /// What it is about; left out, what the template is for. A member takes part in an activity, so
    /// that PARTICIPATION needs one.
    activity: Option<ID>,
    /// A member or an organisation; for PARTICIPATION a member.
    counterparty: ID,
    /// Which way the money goes: INCOME or NONE for PARTICIPATION and COOPERATION, COST for
    /// ASSIGNMENT. Left out, it follows from the kind and the fee.
    direction: Option<Direction>,
    /// What the text is filled in with: an object with a value for each parameter that the version
    /// declares.
    parameters: Option<Json>,
    /// First day in force.
    starts_on: Parsed<Date>,
    /// Last day of the term; leave out: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Months of notice (uppsägningstid), 0 to 120. Left out, 3 when it runs until further notice
    /// or is prolonged by itself, else 0.
    notice_months: Option<i32>,
    /// Months that it is prolonged by when nobody gives notice, 1 to 600; needs `endsOn`. Leave
    /// out: it just ends.
    renewal_months: Option<i32>,
    /// What it costs. Left out, a member who takes part pays the activity's price on the first day,
    /// with its cap and minimum (see `feeScheduleSet`); null says that there is no fee.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Who decided it.
    decision: Option<DecisionInput>,
}

impl AgreementDraftInput {
    fn check(self, errors: &mut ValidationErrors) -> NewAgreement {
        NewAgreement {
            template: row_id(&self.template, "template", "input.template", errors),
            version: self
                .template_version
                .map(|id| row_id(&id, "template_version", "input.templateVersion", errors)),
            activity: self.activity.map(|id| row_id(&id, "activity", "input.activity", errors)),
            counterparty: counterparty(&self.counterparty, "input.counterparty", errors)
                .unwrap_or(Counterparty::Member(Default::default())),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors).unwrap_or_default(),
            starts_on: self.starts_on.take("input.startsOn", errors).0,
            ends_on: take(self.ends_on, "input.endsOn", errors).map(|day| day.0),
            notice_months: self.notice_months,
            renewal_months: self.renewal_months,
            fee: fee(self.fee, errors).map_or(FeeOf::Schedule(None), FeeOf::Parsed),
            decision: self.decision.map(|decision| decision.check("input.decision", errors)),
        }
    }
}

/// What changes about a draft; what is left out stays as it is.
#[derive(InputObject)]
pub struct AgreementDraftUpdateInput {
    /// Which.
    agreement: ID,
    /// Another template, in its current version unless `templateVersion` names one.
    template: Option<ID>,
    /// Another published version of the template.
    template_version: Option<ID>,
    /// Null: what the template is for.
    activity: MaybeUndefined<ID>,
    /// Another counterparty.
    counterparty: Option<ID>,
    /// Which way the money goes.
    direction: Option<Direction>,
    /// All of its parameters.
    parameters: Option<Json>,
    /// First day in force.
    starts_on: Option<Parsed<Date>>,
    /// Last day of the term; null: until further notice.
    ends_on: MaybeUndefined<Parsed<Date>>,
    /// Months of notice, 0 to 120.
    notice_months: Option<i32>,
    /// Months that it is prolonged by, 1 to 600; null: it just ends.
    renewal_months: MaybeUndefined<i32>,
    /// What it costs; null: nothing.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Who decided it.
    decision: Option<DecisionInput>,
}

impl AgreementDraftUpdateInput {
    fn check(self, errors: &mut ValidationErrors) -> DraftChanges {
        DraftChanges {
            template: self.template.map(|id| row_id(&id, "template", "input.template", errors)),
            version: self
                .template_version
                .map(|id| row_id(&id, "template_version", "input.templateVersion", errors)),
            activity: plain_change(self.activity)
                .map(|id| id.map(|id| row_id(&id, "activity", "input.activity", errors))),
            counterparty: self
                .counterparty
                .and_then(|id| counterparty(&id, "input.counterparty", errors)),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors),
            starts_on: take(self.starts_on, "input.startsOn", errors).map(|day| day.0),
            ends_on: change(self.ends_on, "input.endsOn", errors).map(|day| day.map(|day| day.0)),
            notice_months: self.notice_months,
            renewal_months: plain_change(self.renewal_months),
            fee: fee(self.fee, errors),
            decision: self.decision.map(|decision| decision.check("input.decision", errors)),
        }
    }
}

/// A draft to be offered.
#[derive(InputObject)]
pub struct AgreementOfferInput {
    /// Which.
    agreement: ID,
}

/// A draft or an offer to be taken back.
#[derive(InputObject)]
pub struct AgreementWithdrawInput {
    /// Which.
    agreement: ID,
    /// Why.
    reason: Option<String>,
}

/// A signature under an offered agreement.
#[derive(InputObject)]
pub struct AgreementSignInput {
    /// Which.
    agreement: ID,
    /// Which side signed.
    party: SignatureParty,
    /// Who signed. For NETWORK one of those who may on that day, when the settings name any
    /// (`[[network.signatories]]`).
    name: String,
    /// As what; left out for NETWORK, as the settings have it.
    title: Option<String>,
    /// When; from the day of the offer to today.
    signed_on: Parsed<Date>,
    /// How.
    method: SignatureMethod,
    /// SHA-256 of the PDF that was signed, in hexadecimal; must be that of `Agreement.document`.
    document_sha256: String,
}

/// Notice on a signed agreement.
#[derive(InputObject)]
pub struct AgreementGiveNoticeInput {
    /// Which.
    agreement: ID,
    /// The day that notice was given; from the first day in force to today, and with `endsOn` from
    /// the day that both had signed.
    given_on: Parsed<Date>,
    /// Last day in force, when the contract lets it end sooner than by its months of notice
    /// (förtida upphörande), as upon breach or when a grant ceases: from `givenOn` to the day that
    /// it would end on by notice. Before `startsOn` it never comes into force, and is WITHDRAWN on
    /// `givenOn`. Leave out: as its months of notice have it.
    ends_on: Option<Parsed<Date>>,
    /// Why; needed with `endsOn`.
    reason: Option<String>,
}

/// A successor of a signed agreement, with the same counterparty about the same activity.
#[derive(InputObject)]
pub struct AgreementReplaceInput {
    /// What is replaced.
    agreement: ID,
    /// First day of the successor; what it replaces is in force until the day before. Must be after
    /// the first day of that.
    starts_on: Parsed<Date>,
    /// Another template of the same kind; left out, the same one.
    template: Option<ID>,
    /// A published version of the template, in place of its current one.
    template_version: Option<ID>,
    /// Which way the money goes; left out, it follows from the kind and the fee.
    direction: Option<Direction>,
    /// What the text is filled in with; left out, as before when the template is the same.
    parameters: Option<Json>,
    /// Last day of the term; leave out: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Months of notice, 0 to 120; left out, as before.
    notice_months: Option<i32>,
    /// Months that it is prolonged by, 1 to 600; left out, as before when there is a last day;
    /// null: it just ends.
    renewal_months: MaybeUndefined<i32>,
    /// What it costs; left out, the activity's price on the first day when a member takes part,
    /// else as before; null says that there is no fee.
    fee: MaybeUndefined<AgreementFeeInput>,
    /// Who decided it.
    decision: Option<DecisionInput>,
}

impl AgreementReplaceInput {
    fn check(self, errors: &mut ValidationErrors) -> replace::Successor {
        replace::Successor {
            agreement: row_id(&self.agreement, "agreement", "input.agreement", errors),
            template: self.template.map(|id| row_id(&id, "template", "input.template", errors)),
            version: self
                .template_version
                .map(|id| row_id(&id, "template_version", "input.templateVersion", errors)),
            direction: self.direction.map(Into::into),
            parameters: parameters(self.parameters, errors),
            starts_on: self.starts_on.take("input.startsOn", errors).0,
            ends_on: take(self.ends_on, "input.endsOn", errors).map(|day| day.0),
            notice_months: self.notice_months,
            renewal_months: plain_change(self.renewal_months),
            fee: fee(self.fee, errors),
            decision: self.decision.map(|decision| decision.check("input.decision", errors)),
        }
    }
}

/// Deeds on agreements.
#[derive(Default)]
pub struct AgreementMutation;

#[Object]
impl AgreementMutation {
    /// Drafts an agreement from a template. It has no number until it is offered; see it as it
    /// would be offered in `Agreement.preview`.
    ///
    /// The counterparty, the direction and the fee must fit the kind and what the activity is paid
    /// for by: who takes part in what a grant, the service fee or volunteers pay for pays nothing.
    /// What volunteers run needs no agreement, but may have one. CONFLICT with reason
    /// NO_PUBLISHED_VERSION, TEMPLATE_NOT_PUBLISHED or TEMPLATE_RETIRED when the template can't be
    /// used, FACTS_MISSING when its text shows what the register does not know, as the address of a
    /// member without one or `member.name` for an organisation; the message names each.
    /// TEXT_UNUSABLE when an imported text can't be filled in at all. The term must lie within the
    /// membership, and that of a participation within the days of the activity.
    async fn agreement_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementDraftInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(draft::draft(mutation.db(), viewer(ctx), network(ctx), new, errors), |id| {
                changed(ctx, id)
            })
            .await
    }

    /// Changes a draft. CONFLICT with reason ALREADY_OFFERED or WITHDRAWN when it is none any
    /// longer, and the reasons of `agreementDraft`.
    async fn agreement_draft_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementDraftUpdateInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement, "agreement", "input.agreement", &mut errors);
        let changes = input.check(&mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(
                draft::update(mutation.db(), viewer(ctx), network(ctx), id, changes, errors),
                |()| changed(ctx, id),
            )
            .await
    }

    /// Offers a draft: it gets the next number of the year, and its text is frozen in
    /// `Agreement.document`. CONFLICT with reason ALREADY_OFFERED, WITHDRAWN, NO_TEMPLATE,
    /// TEMPLATE_RETIRED, or OVERLAPS when the member takes part in the activity by another
    /// agreement on some of its days. What has changed since the draft was written is looked at
    /// again: NOT_A_MEMBER and ACTIVITY_ENDED when the member leaves or the activity ends before
    /// the term does, ACTIVITY_NOT_STARTED, and DOES_NOT_FIT when the fee or the direction no
    /// longer fits what the activity is paid for by. FACTS_MISSING when the text shows what the
    /// register does not know, and DOCUMENT_TOO_LONG when it has more text, table cells or links
    /// than can be set in two seconds.
    #[graphql(directive = cost::apply("8000".into()))]
    async fn agreement_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementOfferInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement, "agreement", "input.agreement", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(offer::offer(mutation.db(), viewer(ctx), network(ctx), id, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Takes back a draft, or an offer that not both have signed. An offer keeps its number.
    /// CONFLICT with reason ALREADY_SIGNED or WITHDRAWN.
    async fn agreement_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementWithdrawInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement, "agreement", "input.agreement", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(
                withdraw::withdraw(mutation.db(), viewer(ctx), id, input.reason.as_deref(), errors),
                |()| changed(ctx, id),
            )
            .await
    }

    /// Records that a side has signed what was offered. When both have, the agreement is signed on
    /// the later day, and what it replaces ends the day before it starts. CONFLICT with reason
    /// NOT_OFFERED, ALREADY_SIGNED, WITHDRAWN, NO_DOCUMENT, DOCUMENT_DIFFERS, NOT_SIGNATORY,
    /// NOT_A_MEMBER or ACTIVITY_ENDED when the member has left or the activity has ended since, or
    /// OVERLAPS.
    async fn agreement_sign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementSignInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = NewSignature {
            agreement: row_id(&input.agreement, "agreement", "input.agreement", &mut errors),
            party: kind::SignatureParty::from(input.party),
            name: input.name,
            title: input.title,
            signed_on: input.signed_on.take("input.signedOn", &mut errors).0,
            method: input.method.into(),
            document_sha256: input.document_sha256,
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        mutation
            .perform(
                sign::sign(mutation.db(), viewer(ctx), &network(ctx).signatories, new, errors),
                |()| changed(ctx, id),
            )
            .await
    }

    /// Gives notice on an agreement in force; `endsOn` then says when it ends. One that is
    /// prolonged by itself ends with the first term whose last day for notice has not passed; one
    /// until further notice when its months of notice have passed, and one for a fixed term
    /// likewise if that is sooner than its end. With `endsOn` in the input it ends then, where the
    /// contract provides for it, even before it has begun: what it was to replace then goes on.
    /// CONFLICT with reason NOT_SIGNED, NOT_STARTED, NOTICE_GIVEN, ENDED, WITHDRAWN, REPLACED,
    /// FIXED_TERM when it would end no sooner, or OVERLAPS when what goes on would be in force
    /// beside another one.
    async fn agreement_give_notice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementGiveNoticeInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = NewNotice {
            agreement: row_id(&input.agreement, "agreement", "input.agreement", &mut errors),
            given_on: input.given_on.take("input.givenOn", &mut errors).0,
            ends_on: take(input.ends_on, "input.endsOn", &mut errors).map(|day| day.0),
            reason: input.reason,
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        mutation
            .perform(give_notice::give(mutation.db(), viewer(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Drafts a successor with new terms, and answers it. What it replaces stays in force; when
    /// both have signed the successor, until the day before that starts. CONFLICT with reason
    /// NOT_SIGNED, ENDED, WITHDRAWN, ALREADY_REPLACED when there is a successor that is not
    /// withdrawn, and the reasons of `agreementDraft`.
    async fn agreement_replace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: AgreementReplaceInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(
                replace::replace(mutation.db(), viewer(ctx), network(ctx), new, errors),
                |id| changed(ctx, id),
            )
            .await
    }
}
