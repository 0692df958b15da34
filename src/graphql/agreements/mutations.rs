//! GraphQL mutations of agreements, from draft to end.

use ::entity::kind;
use async_graphql::{Context, Object};

use super::{
    inputs::{
        AgreementDraftInput, AgreementDraftUpdateInput, AgreementGiveNoticeInput,
        AgreementNoticeEndDecideInput, AgreementNoticeWithdrawInput, AgreementOfferInput,
        AgreementReplaceInput, AgreementSignInput, AgreementWithdrawInput, DeadlineSnoozeInput,
        DeadlineUnsnoozeInput,
    },
    payloads::{
        AgreementDraftPayload, AgreementDraftUpdatePayload, AgreementGiveNoticePayload,
        AgreementNoticeEndDecidePayload, AgreementNoticeWithdrawPayload, AgreementOfferPayload,
        AgreementReplacePayload, AgreementSignPayload, AgreementWithdrawPayload,
        DeadlineSnoozePayload, DeadlineUnsnoozePayload,
    },
    types::changed,
};
use crate::graphql::{
    cost::cost,
    mutation::mutation,
    network,
    scalars::{change, row_id, take},
};
use domain::{
    agreements::{
        deadlines::{
            snooze::{self, NewAcknowledgement},
            unsnooze,
        },
        decide_notice_end, draft,
        give_notice::{self, NewNotice},
        offer, replace,
        sign::{self, NewSignature},
        update_draft, withdraw,
        withdraw_notice::{self, NoticeWithdrawal},
    },
    error::{Result, ValidationErrors},
};

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
                    update_draft::update_draft(
                        mutation.context(),
                        network(ctx),
                        id,
                        changes,
                        errors,
                    ),
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
                .perform(give_notice::give_notice(mutation.context(), new, errors), async |()| {
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

/// Mutations of deadlines.
#[derive(Default)]
pub struct DeadlineMutation;

#[Object]
impl DeadlineMutation {
    /// Snoozes the deadline of an agreement until a day, with an optional note. Until then,
    /// `expiringAgreements` leaves the agreement out unless the filter sets `includeSnoozed`.
    /// A second call replaces the first. CONFLICT with reason NO_DEADLINE when the agreement has
    /// none.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn deadline_snooze(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The deadline to snooze.")] input: Box<DeadlineSnoozeInput>,
    ) -> Option<Result<DeadlineSnoozePayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewAcknowledgement {
            agreement: row_id(&input.agreement_id, "agreement_id", &mut errors),
            until: input.snoozed_until.take("snoozed_until", &mut errors).0,
            note: input.note,
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(snooze::snooze(mutation.context(), new, errors), async |()| {
                    Ok(DeadlineSnoozePayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Ends a snooze, so that the deadline appears again. CONFLICT with reason NOT_SNOOZED
    /// when the deadline is not snoozed today.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn deadline_unsnooze(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The snooze to end.")] input: Box<DeadlineUnsnoozeInput>,
    ) -> Option<Result<DeadlineUnsnoozePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(unsnooze::unsnooze(mutation.context(), id, errors), async |()| {
                    Ok(DeadlineUnsnoozePayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

/// Mutations that reverse or correct a notice.
#[derive(Default)]
pub struct NoticeMutation;

#[Object]
impl NoticeMutation {
    /// Withdraws a notice before it takes effect: the agreement has its agreed last day again, and
    /// is renewed automatically if it was before. CONFLICT with reason NO_NOTICE, ENDED when the
    /// last day in force has passed, AGREED_END_UNKNOWN when the notice came with imported history
    /// and `endsOn` is needed, NOT_A_MEMBER or ACTIVITY_ENDED when the agreement would outlive its
    /// member's membership or its activity, or OVERLAPS when it would be in force at the same time
    /// as another one.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_notice_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notice to withdraw.")] input: Box<AgreementNoticeWithdrawInput>,
    ) -> Option<Result<AgreementNoticeWithdrawPayload>> {
        Some(Box::pin(withdraw_notice(ctx, *input)).await)
    }

    /// Decides on which of two days an agreement ends by notice: the one that the counterparty was
    /// notified of, or that of the present rule. CONFLICT with reason NOTHING_TO_DECIDE for an
    /// agreement that is not among `agreementNoticeEnds`, or the reasons of
    /// `agreementNoticeWithdraw` for a later day.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn agreement_notice_end_decide(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: Box<AgreementNoticeEndDecideInput>,
    ) -> Option<Result<AgreementNoticeEndDecidePayload>> {
        Some(Box::pin(decide_notice_end(ctx, *input)).await)
    }
}

async fn withdraw_notice(
    ctx: &Context<'_>,
    input: AgreementNoticeWithdrawInput,
) -> Result<AgreementNoticeWithdrawPayload> {
    let mut errors = ValidationErrors::default();
    let agreement_id = row_id(&input.agreement_id, "agreement_id", &mut errors);
    let ends_on = change(input.ends_on, "ends_on", &mut errors).map(|day| day.map(|day| day.0));
    let withdrawal = NoticeWithdrawal { agreement_id, ends_on };
    let mutation = mutation(ctx);
    let payload = async |()| {
        Ok(AgreementNoticeWithdrawPayload { agreement: changed(ctx, agreement_id).await? })
    };
    mutation
        .perform(withdraw_notice::withdraw_notice(mutation.context(), withdrawal, errors), payload)
        .await
}

async fn decide_notice_end(
    ctx: &Context<'_>,
    input: AgreementNoticeEndDecideInput,
) -> Result<AgreementNoticeEndDecidePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
    let ends_on = input.ends_on.take("ends_on", &mut errors).0;
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(AgreementNoticeEndDecidePayload { agreement: changed(ctx, id).await? });
    mutation
        .perform(
            decide_notice_end::decide_notice_end(mutation.context(), id, ends_on, errors),
            payload,
        )
        .await
}
