//! GraphQL mutations that withdraw notices, and decisions on ends by notice that an earlier rule
//! computed.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::{Agreement, agreement_of, node};
use crate::graphql::{
    batch::{BatchRow, take_rows},
    caller,
    cost::list_size,
    mutation::mutation,
    scalars::{Date, Parsed, change, row_id},
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

/// Input of `agreementNoticeWithdraw`.
#[derive(InputObject)]
pub struct AgreementNoticeWithdrawInput {
    /// Id of the agreement.
    agreement_id: ID,
    /// Agreed last day, only for a notice that came with imported history, where the agreed day is
    /// not recorded; null: until further notice. Omit for any other agreement.
    ends_on: MaybeUndefined<Parsed<Date>>,
}

/// Payload of `agreementNoticeWithdraw`.
#[derive(SimpleObject)]
pub struct AgreementNoticeWithdrawPayload {
    /// The agreement without the notice.
    agreement: Agreement,
}

/// Input of `agreementNoticeEndDecide`.
#[derive(InputObject)]
pub struct AgreementNoticeEndDecideInput {
    /// Id of the agreement.
    agreement_id: ID,
    /// Last day in force: `endsOn` or `ruleEndsOn` of its `AgreementNoticeEnd`.
    ends_on: Parsed<Date>,
}

/// Payload of `agreementNoticeEndDecide`.
#[derive(SimpleObject)]
pub struct AgreementNoticeEndDecidePayload {
    /// The agreement with the decided end.
    agreement: Agreement,
}

/// An end by notice that an earlier rule computed, and that differs by the present rule. The
/// counterparty was notified of the earlier one.
#[derive(Clone, Description)]
pub struct AgreementNoticeEnd(BatchRow<notice_ends::NoticeEnd>);

#[Object(use_type_description)]
impl AgreementNoticeEnd {
    /// The agreement; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |end| Some(end.agreement)).await.transpose()
    }

    /// Day of the notice.
    async fn notice_given_on(&self) -> Date {
        Date(self.0.given_on)
    }

    /// Last day in force that the counterparty was notified of. It applies until
    /// `agreementNoticeEndDecide` decides otherwise.
    async fn ends_on(&self) -> Date {
        Date(self.0.ends_on)
    }

    /// Last day in force by the present rule.
    async fn rule_ends_on(&self) -> Date {
        Date(self.0.rule_ends_on)
    }
}

/// Queries of ends by notice.
#[derive(Default)]
pub struct NoticeEndQuery;

#[Object]
impl NoticeEndQuery {
    /// Agreements whose end by notice differs from the present rule, since renewed terms of short
    /// months used to end early; by number. FORBIDDEN unless you may change agreements. Decide on
    /// each with `agreementNoticeEndDecide`.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn agreement_notice_ends(&self, ctx: &Context<'_>) -> Result<Vec<AgreementNoticeEnd>> {
        let found = Box::pin(notice_ends::list(caller(ctx))).await?;
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
        Some(Box::pin(withdraw(ctx, *input)).await)
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
        Some(Box::pin(decide(ctx, *input)).await)
    }
}

async fn withdraw(
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

async fn decide(
    ctx: &Context<'_>,
    input: AgreementNoticeEndDecideInput,
) -> Result<AgreementNoticeEndDecidePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.agreement_id, "agreement_id", &mut errors);
    let ends_on = input.ends_on.take("ends_on", &mut errors).0;
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(AgreementNoticeEndDecidePayload { agreement: changed(ctx, id).await? });
    mutation.perform(notice_ends::decide(mutation.context(), id, ends_on, errors), payload).await
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&AgreementNoticeEnd(crate::graphql::future_sizes::row()));
}
