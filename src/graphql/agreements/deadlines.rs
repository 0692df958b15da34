//! GraphQL mutations that snooze deadlines of agreements.

use ::entity::id::AgreementId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    Agreement, node,
    payloads::{DeadlineSnoozePayload, DeadlineUnsnoozePayload},
};
use crate::graphql::{
    mutation::mutation,
    scalars::{Date, Parsed, row_id},
};
use domain::{
    agreements::deadlines::snooze::{self, NewAcknowledgement},
    error::{Error, Result, ValidationErrors},
};

/// Input of `deadlineSnooze`.
#[derive(InputObject)]
pub struct DeadlineSnoozeInput {
    /// Id of the agreement with the deadline.
    agreement_id: ID,
    /// Last day on which the deadline is hidden: today or later. For a NOTICE at most the deadline
    /// itself, so that the next deadline appears.
    snoozed_until: Parsed<Date>,
    /// Reason, for colleagues.
    note: Option<String>,
}

/// Input of `deadlineUnsnooze`.
#[derive(InputObject)]
pub struct DeadlineUnsnoozeInput {
    /// Id of the agreement with the deadline.
    agreement_id: ID,
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
                .perform(snooze::acknowledge(mutation.context(), new, errors), async |()| {
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
                .perform(snooze::withdraw(mutation.context(), id, errors), async |()| {
                    Ok(DeadlineUnsnoozePayload { agreement: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

async fn changed(ctx: &Context<'_>, id: AgreementId) -> Result<Agreement> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}
