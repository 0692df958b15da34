//! GraphQL mutations of requisitions of grants.

use ::entity::id::RequisitionId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{RequisitionIssuePayload, RequisitionWithdrawPayload},
    types::changed,
};
use crate::graphql::{
    mutation::mutation,
    network,
    scalars::{Date, Money, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    requisitions::{
        issue::{self, NewRequisition},
        withdraw,
    },
};

/// Input of `requisitionIssue`.
#[derive(InputObject)]
pub struct RequisitionIssueInput {
    /// Id of the signed cooperation agreement by which the money comes in.
    agreement_id: ID,
    /// Requested amount in kronor, above 0.00.
    amount: Parsed<Money>,
    /// First day of the period of the grant.
    period_from: Parsed<Date>,
    /// Last day of the period of the grant.
    period_to: Parsed<Date>,
    /// Purpose of the grant for the funder, in Swedish.
    description: String,
    /// Funder's own reference, as a case number (diarienummer).
    reference: Option<String>,
    /// Day of issue: not after today, nor before the latest requisition or the signing of the
    /// agreement. Defaults to today.
    issued_on: Option<Parsed<Date>>,
}

/// Input of `requisitionWithdraw`.
#[derive(InputObject)]
pub struct RequisitionWithdrawInput {
    /// Id of the requisition.
    requisition_id: ID,
    /// Reason of the withdrawal, which is stored.
    reason: String,
}

/// Mutations of requisitions.
#[derive(Default)]
pub struct RequisitionMutation;

#[Object]
impl RequisitionMutation {
    /// Issues a requisition (rekvisition) of a grant, with the next number of its year and a PDF in
    /// Swedish. The days to pay are the agreement's (`payment_days`), else those of the settings. A
    /// grant is never part of an invoice run (`invoiceRun`).
    ///
    /// The period must lie within the agreement's term. CONFLICT with reason NOT_A_GRANT unless the
    /// agreement is a COOPERATION with direction INCOME, NOT_SIGNED, ALREADY_REQUISITIONED when
    /// another requisition of the agreement that is not withdrawn covers a day of the period, or
    /// BEYOND_GRANT when the requisitions of the period's years would exceed the grant of these
    /// years. INVALID for an `issuedOn` before the latest requisition or before the agreement was
    /// signed.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn requisition_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The requisition to issue.")] input: Box<RequisitionIssueInput>,
    ) -> Option<Result<RequisitionIssuePayload>> {
        Some(Box::pin(issue(ctx, *input)).await)
    }

    /// Withdraws a requisition that was issued by mistake: its document and number remain, and its
    /// period can be requisitioned again. The funder is not notified. CONFLICT with reason
    /// WITHDRAWN.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn requisition_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The requisition to withdraw.")] input: Box<RequisitionWithdrawInput>,
    ) -> Option<Result<RequisitionWithdrawPayload>> {
        Some(Box::pin(withdraw(ctx, *input)).await)
    }
}

async fn withdraw(
    ctx: &Context<'_>,
    input: RequisitionWithdrawInput,
) -> Result<RequisitionWithdrawPayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.requisition_id, "requisition_id", &mut errors);
    let mutation = mutation(ctx);
    let withdrawn = withdraw::withdraw(mutation.context(), id, &input.reason, errors);
    let payload = async |id: RequisitionId| {
        Ok(RequisitionWithdrawPayload { requisition: changed(ctx, id).await? })
    };
    mutation.perform(withdrawn, payload).await
}

async fn issue(ctx: &Context<'_>, input: RequisitionIssueInput) -> Result<RequisitionIssuePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewRequisition {
        agreement: row_id(&input.agreement_id, "agreement_id", &mut errors),
        amount: input.amount.take("amount", &mut errors).0,
        period_from: input.period_from.take("period_from", &mut errors).0,
        period_to: input.period_to.take("period_to", &mut errors).0,
        description: input.description,
        reference: input.reference,
        issued_on: take(input.issued_on, "issued_on", &mut errors).map(|day| day.0),
    };
    let mutation = mutation(ctx);
    let payload = async |id: RequisitionId| {
        Ok(RequisitionIssuePayload { requisition: changed(ctx, id).await? })
    };
    mutation.perform(issue::issue(mutation.context(), network(ctx), new, errors), payload).await
}
