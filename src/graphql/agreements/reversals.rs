//! Withdrawal of notices, and decisions on ends by notice that the rule of before gave.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::{Agreement, agreement_of, node};
use crate::graphql::{
    batch::{BatchRow, take_rows},
    cost::list_size,
    database,
    mutation::mutation,
    scalars::{Date, Parsed, change, row_id},
    viewer,
};
use ::entity::id::AgreementId;
use domain::{
    agreements::{
        notice_ends,
        withdraw_notice::{self, NoticeWithdrawal},
    },
    error::{Error, Result, ValidationErrors},
};

async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}

/// A notice to be withdrawn.
#[derive(InputObject)]
pub struct AgreementNoticeWithdrawInput {
    /// The agreement.
    agreement_id: ID,
    /// The agreed last day of an agreement whose notice came with imported history, of which the
    /// register does not know it; null: until further notice. Leave it out for any other.
    ends_on: MaybeUndefined<Parsed<Date>>,
}

/// An agreement whose notice was withdrawn.
#[derive(SimpleObject)]
pub struct AgreementNoticeWithdrawPayload {
    /// The agreement.
    agreement: Agreement,
}

/// A decision on the day on which an agreement ends by notice.
#[derive(InputObject)]
pub struct AgreementNoticeEndDecideInput {
    /// The agreement.
    agreement_id: ID,
    /// Its last day in force: `endsOn` or `ruleEndsOn` of its `AgreementNoticeEnd`.
    ends_on: Parsed<Date>,
}

/// An agreement whose end by notice was decided on.
#[derive(SimpleObject)]
pub struct AgreementNoticeEndDecidePayload {
    /// The agreement.
    agreement: Agreement,
}

/// An end by notice that was computed by the rule of before, and is another day by the present one.
/// The counterparty was told the former.
#[derive(Clone, Description)]
pub struct AgreementNoticeEnd(BatchRow<notice_ends::NoticeEnd>);

#[Object(use_type_description)]
impl AgreementNoticeEnd {
    /// The agreement.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |end| Some(end.agreement)).await.transpose()
    }

    /// Day of the notice.
    async fn notice_given_on(&self) -> Date {
        Date(self.0.given_on)
    }

    /// Last day in force, as the counterparty was told. It stays until it is decided otherwise.
    async fn ends_on(&self) -> Date {
        Date(self.0.ends_on)
    }

    /// Last day in force by the present rule.
    async fn rule_ends_on(&self) -> Date {
        Date(self.0.rule_ends_on)
    }
}

/// Queries on ends by notice.
#[derive(Default)]
pub struct NoticeEndQuery;

#[Object]
impl NoticeEndQuery {
    /// The agreements that end by a notice on another day than the present rule gives, since
    /// prolonged terms of short months used to end early; by number. For those who keep the
    /// agreements. Decide on each with `agreementNoticeEndDecide`.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn agreement_notice_ends(&self, ctx: &Context<'_>) -> Result<Vec<AgreementNoticeEnd>> {
        let found = notice_ends::list(database(ctx), viewer(ctx)).await?;
        take_rows(ctx, found.len())?;
        Ok(BatchRow::each(found).into_iter().map(AgreementNoticeEnd).collect())
    }
}

/// Mutations that reverse or correct a notice.
#[derive(Default)]
pub struct NoticeMutation;

#[Object]
impl NoticeMutation {
    /// Withdraws a notice before it takes effect: the agreement has its agreed last day again, and
    /// is prolonged automatically if it was before. CONFLICT with reason NO_NOTICE, ENDED when the
    /// last day in force has passed, AGREED_END_UNKNOWN when the notice came with imported history
    /// and `endsOn` is needed, NOT_A_MEMBER or ACTIVITY_ENDED when the agreement would outlive its
    /// member's membership or its activity, or OVERLAPS when it would be in force beside another
    /// one.
    async fn agreement_notice_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notice")] input: AgreementNoticeWithdrawInput,
    ) -> Option<Result<AgreementNoticeWithdrawPayload>> {
        Some(withdraw(ctx, input).await)
    }

    /// Decides on which of two days an agreement ends by notice: the one that the counterparty was
    /// told, or that of the present rule. CONFLICT with reason NOTHING_TO_DECIDE for an agreement
    /// that is not among `agreementNoticeEnds`, or the reasons of `agreementNoticeWithdraw` for a
    /// later day.
    async fn agreement_notice_end_decide(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision")] input: AgreementNoticeEndDecideInput,
    ) -> Option<Result<AgreementNoticeEndDecidePayload>> {
        Some(decide(ctx, input).await)
    }
}

async fn withdraw(
    ctx: &Context<'_>,
    input: AgreementNoticeWithdrawInput,
) -> Result<AgreementNoticeWithdrawPayload> {
    let mut errors = ValidationErrors::default();
    let agreement_id = row_id(&input.agreement_id, "agreement", "input.agreementId", &mut errors);
    let ends_on =
        change(input.ends_on, "input.endsOn", &mut errors).map(|day| day.map(|day| day.0));
    let withdrawal = NoticeWithdrawal { agreement_id, ends_on };
    let mutation = mutation(ctx);
    let payload = async |()| {
        Ok(AgreementNoticeWithdrawPayload { agreement: changed(ctx, agreement_id).await? })
    };
    mutation
        .perform(
            withdraw_notice::withdraw_notice(mutation.db(), viewer(ctx), withdrawal, errors),
            payload,
        )
        .await
}

async fn decide(
    ctx: &Context<'_>,
    input: AgreementNoticeEndDecideInput,
) -> Result<AgreementNoticeEndDecidePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.agreement_id, "agreement", "input.agreementId", &mut errors);
    let ends_on = input.ends_on.take("input.endsOn", &mut errors).0;
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(AgreementNoticeEndDecidePayload { agreement: changed(ctx, id).await? });
    mutation
        .perform(notice_ends::decide(mutation.db(), viewer(ctx), id, ends_on, errors), payload)
        .await
}
