//! GraphQL mutations that snooze deadlines of agreements.

use ::entity::id::AgreementId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{Agreement, node};
use crate::graphql::{
    mutation::mutation,
    scalars::{Date, Parsed, row_id},
    viewer,
};
use domain::{
    agreements::deadlines::snooze::{self, NewAcknowledgement},
    error::{Error, Result, ValidationErrors},
};

/// Input of `deadlineAcknowledge`.
#[derive(InputObject)]
pub struct DeadlineAcknowledgeInput {
    /// Id of the agreement with the deadline.
    agreement: ID,
    /// Last day on which the deadline is hidden: today or later. For a NOTICE at most the deadline
    /// itself, so that the next deadline appears.
    until: Parsed<Date>,
    /// Reason, for colleagues.
    note: Option<String>,
}

/// Input of `deadlineAcknowledgementWithdraw`.
#[derive(InputObject)]
pub struct DeadlineAcknowledgementWithdrawInput {
    /// Id of the agreement with the deadline.
    agreement: ID,
}

/// Mutations of deadlines.
#[derive(Default)]
pub struct DeadlineMutation;

#[Object]
impl DeadlineMutation {
    /// Snoozes the deadline of an agreement until a day, with an optional note. Until then,
    /// `expiringAgreements` leaves the agreement out unless the filter sets `includeAcknowledged`.
    /// A second call replaces the first. CONFLICT with reason NO_DEADLINE when the agreement has
    /// none.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn deadline_acknowledge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The deadline to snooze.")] input: Box<DeadlineAcknowledgeInput>,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = NewAcknowledgement {
            agreement: row_id(&input.agreement, "agreement", &mut errors),
            until: input.until.take("until", &mut errors).0,
            note: input.note,
        };
        let id = new.agreement;
        let mutation = mutation(ctx);
        mutation
            .perform(snooze::acknowledge(mutation.db(), viewer(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Ends a snooze, so that the deadline appears again. CONFLICT with reason NOT_ACKNOWLEDGED
    /// when the deadline is not snoozed today.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    async fn deadline_acknowledgement_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The snooze to end.")] input: Box<DeadlineAcknowledgementWithdrawInput>,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement, "agreement", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(snooze::withdraw(mutation.db(), viewer(ctx), id, errors), |()| {
                changed(ctx, id)
            })
            .await
    }
}

async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}
