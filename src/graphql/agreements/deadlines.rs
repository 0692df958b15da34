//! Deeds on deadlines.

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

/// A deadline that somebody has seen.
#[derive(InputObject)]
pub struct DeadlineAcknowledgeInput {
    /// Which agreement's.
    agreement: ID,
    /// Last quiet day: today or later and, for a NOTICE, not after the deadline itself, so that the
    /// next one is heard of again.
    until: Parsed<Date>,
    /// Why.
    note: Option<String>,
}

/// An acknowledgement to be taken back.
#[derive(InputObject)]
pub struct DeadlineAcknowledgementWithdrawInput {
    /// Of which agreement's deadline.
    agreement: ID,
}

/// Deeds on deadlines.
#[derive(Default)]
pub struct DeadlineMutation;

#[Object]
impl DeadlineMutation {
    /// Quietens the deadline of an agreement until a day, with a word why: it is then left out of
    /// `expiringAgreements` unless the filter says `includeAcknowledged`. Done again, it takes the
    /// place of what was said before. CONFLICT `NO_DEADLINE` when there is none.
    async fn deadline_acknowledge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is acknowledged")] input: DeadlineAcknowledgeInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let new = NewAcknowledgement {
            agreement: row_id(&input.agreement, "agreement", "input.agreement", &mut errors),
            until: input.until.take("input.until", &mut errors).0,
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

    /// Takes an acknowledgement back, so that the deadline is heard of again. CONFLICT
    /// `NOT_ACKNOWLEDGED` when none holds today.
    async fn deadline_acknowledgement_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is taken back")] input: DeadlineAcknowledgementWithdrawInput,
    ) -> Result<Agreement> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.agreement, "agreement", "input.agreement", &mut errors);
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
