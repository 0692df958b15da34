//! Mutations of activities.

use ::entity::id::ContactId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use domain::{
    activities::{
        close,
        fields::{ActivityChanges, NewActivity},
        start, update,
    },
    error::{Result, ValidationErrors},
};

use super::{
    payloads::{ActivityClosePayload, ActivityStartPayload, ActivityUpdatePayload},
    types::{FundingKind, changed},
};
use crate::graphql::{
    decisions::types::DecisionInput,
    mutation::mutation,
    scalars::{Date, Parsed, change, plain_change, row_id, take},
};

/// Input of `activityStart`.
#[derive(InputObject)]
pub struct ActivityStartInput {
    /// Short name: letters a to z, digits and hyphens, as `stoppa-valdet`. It can't be changed
    /// later, since tokens and scripts rely on it.
    slug: String,
    /// Name, as people read it.
    name: String,
    /// Purpose (syfte).
    purpose: Option<String>,
    /// Goal (mål).
    goal: Option<String>,
    /// Sources of funding; may be empty.
    funding: Vec<FundingKind>,
    /// First day on which it runs.
    starts_on: Parsed<Date>,
    /// Last day on which it runs; omit: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Id of the contact on the board that follows it.
    board_contact_id: Option<ID>,
    /// Id of the contact that leads it.
    lead_id: Option<ID>,
    /// Decision to run it.
    decision: Option<DecisionInput>,
}

/// Input of `activityUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct ActivityUpdateInput {
    /// Id of the activity.
    activity_id: ID,
    /// New name.
    name: Option<String>,
    /// New purpose (syfte); null removes it.
    purpose: MaybeUndefined<String>,
    /// New goal (mål); null removes it.
    goal: MaybeUndefined<String>,
    /// All sources of funding; replaces the present ones.
    funding: Option<Vec<FundingKind>>,
    /// New first day.
    starts_on: Option<Parsed<Date>>,
    /// New last day; null: until further notice. Refused as in `activityClose` when participation
    /// agreements continue after it.
    ends_on: MaybeUndefined<Parsed<Date>>,
    /// Id of the contact on the board that follows it; null: none.
    board_contact_id: MaybeUndefined<ID>,
    /// Id of the contact that leads it; null: none.
    lead_id: MaybeUndefined<ID>,
    /// Decision to run it; null removes it.
    decision: MaybeUndefined<DecisionInput>,
}

/// Input of `activityClose`.
#[derive(InputObject)]
pub struct ActivityCloseInput {
    /// Id of the activity.
    activity_id: ID,
    /// Last day on which it runs.
    ends_on: Parsed<Date>,
}

fn contact(
    id: MaybeUndefined<ID>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Option<ContactId>> {
    plain_change(id).map(|id| id.map(|id| row_id(&id, path, errors)))
}

/// Mutations of activities.
#[derive(Default)]
pub struct ActivityMutation;

#[Object]
impl ActivityMutation {
    /// Starts an activity. CONFLICT with reason SLUG_TAKEN when another activity has the slug.
    ///
    /// Requires the role OFFICE.
    async fn activity_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity to start.")] input: Box<ActivityStartInput>,
    ) -> Option<Result<ActivityStartPayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewActivity {
            slug: input.slug,
            name: input.name,
            purpose: input.purpose,
            goal: input.goal,
            funding: input.funding.into_iter().map(Into::into).collect(),
            starts_on: input.starts_on.take("starts_on", &mut errors).0,
            ends_on: take(input.ends_on, "ends_on", &mut errors).map(|day| day.0),
            board_contact: input
                .board_contact_id
                .map(|id| row_id(&id, "board_contact_id", &mut errors)),
            lead: input.lead_id.map(|id| row_id(&id, "lead_id", &mut errors)),
            decision: input.decision.map(|decision| decision.check("decision", &mut errors)),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(start::start(mutation.context(), new, errors), async |id| {
                    Ok(ActivityStartPayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes an activity. CONFLICT with reason AGREEMENTS_IN_FORCE when participation agreements
    /// would continue after its last day or start before its first day.
    ///
    /// Requires the role OFFICE.
    async fn activity_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<ActivityUpdateInput>,
    ) -> Option<Result<ActivityUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity_id, "activity_id", &mut errors);
        let changes = ActivityChanges {
            name: input.name,
            purpose: plain_change(input.purpose),
            goal: plain_change(input.goal),
            funding: input.funding.map(|kinds| kinds.into_iter().map(Into::into).collect()),
            starts_on: take(input.starts_on, "starts_on", &mut errors).map(|day| day.0),
            ends_on: change(input.ends_on, "ends_on", &mut errors).map(|day| day.map(|day| day.0)),
            board_contact: contact(input.board_contact_id, "board_contact_id", &mut errors),
            lead: contact(input.lead_id, "lead_id", &mut errors),
            decision: plain_change(input.decision)
                .map(|new| new.map(|new| new.check("decision", &mut errors))),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(update::update(mutation.context(), id, changes, errors), async |()| {
                    Ok(ActivityUpdatePayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Sets an activity's last day. CONFLICT with reason AGREEMENTS_IN_FORCE and the numbers of the
    /// participation agreements that continue after it; ALREADY_CLOSED when the activity ended
    /// before today.
    ///
    /// Requires the role OFFICE.
    async fn activity_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity and its last day.")] input: Box<ActivityCloseInput>,
    ) -> Option<Result<ActivityClosePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity_id, "activity_id", &mut errors);
        let ends_on = input.ends_on.take("ends_on", &mut errors).0;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(close::close(mutation.context(), id, ends_on, errors), async |()| {
                    Ok(ActivityClosePayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }
}
