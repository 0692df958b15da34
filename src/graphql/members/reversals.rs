//! GraphQL mutations that reverse mistakes: a departure, and members and organisations that were
//! added by mistake.

use ::entity::id::{MemberId, OrganisationId};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Member, node};
use crate::graphql::{
    agreements::Agreement, batch::BatchRow, caller, connection::every, cost::list_size,
    mutation::mutation, scalars::row_id,
};
use domain::{
    agreements,
    error::{Error, Result, ValidationErrors},
    members::{
        reinstate::{self, Reinstated},
        remove::{self, Removed},
    },
    organisations,
};

/// Input of `memberReinstate`.
#[derive(InputObject)]
pub struct MemberReinstateInput {
    /// Id of the member that left or is to leave.
    member_id: ID,
}

/// Payload of `memberReinstate`.
#[derive(SimpleObject)]
pub struct MemberReinstatePayload {
    /// The member without a last day.
    member: Member,
    /// Its agreements that had ended with the membership and continue, in no particular order.
    #[graphql(directive = list_size::apply(Some(20), None))]
    agreements: Vec<Agreement>,
}

/// Input of `memberRemove`.
#[derive(InputObject)]
pub struct MemberRemoveInput {
    /// Id of the member.
    member_id: ID,
}

/// Payload of `memberRemove`.
#[derive(SimpleObject)]
pub struct MemberRemovePayload {
    /// Id of the removed member.
    member_id: ID,
}

/// Input of `organisationRemove`.
#[derive(InputObject)]
pub struct OrganisationRemoveInput {
    /// Id of the organisation.
    organisation_id: ID,
}

/// Payload of `organisationRemove`.
#[derive(SimpleObject)]
pub struct OrganisationRemovePayload {
    /// Id of the removed organisation.
    organisation_id: ID,
}

/// Mutations that reverse mistakes.
#[derive(Default)]
pub struct ReversalMutation;

#[Object]
impl ReversalMutation {
    /// Reverses a departure or merger that lies ahead or was entered by mistake: the member has no
    /// last day, and the agreements that ended with its membership are restored. CONFLICT with
    /// reason NOT_LEFT, AGREEMENT_CHANGED when one of these was changed since, ACTIVITY_ENDED when
    /// one would outlive its activity, or OVERLAPS when one would be in force at the same time as
    /// another.
    ///
    /// Requires the role OFFICE.
    async fn member_reinstate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The departure to reverse.")] input: Box<MemberReinstateInput>,
    ) -> Option<Result<MemberReinstatePayload>> {
        Some(Box::pin(reinstate(ctx, *input)).await)
    }

    /// Removes a member that was admitted by mistake, while nothing refers to it; the audit trail
    /// retains it. CONFLICT with reason IN_USE lists the references: end the membership with
    /// `memberLeave` instead.
    ///
    /// Requires the role OFFICE.
    async fn member_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member to remove.")] input: Box<MemberRemoveInput>,
    ) -> Option<Result<MemberRemovePayload>> {
        Some(Box::pin(remove_member(ctx, *input)).await)
    }

    /// Removes an organisation that was added by mistake, while nothing refers to it; the audit
    /// trail retains it. CONFLICT with reason IN_USE lists the references.
    ///
    /// Requires the role OFFICE.
    async fn organisation_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation to remove.")] input: Box<OrganisationRemoveInput>,
    ) -> Option<Result<OrganisationRemovePayload>> {
        Some(Box::pin(remove_organisation(ctx, *input)).await)
    }
}

async fn reinstate(
    ctx: &Context<'_>,
    input: MemberReinstateInput,
) -> Result<MemberReinstatePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member_id", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |done: Reinstated| {
        let member = node(ctx, done.member)
            .await?
            .ok_or_else(|| Error::NotFound("there is no such member".into()))?;
        let rows = agreements::by_ids(caller(ctx), &done.agreements, &every::<Agreement>()).await?;
        Ok(MemberReinstatePayload {
            member,
            agreements: BatchRow::each(rows).into_iter().map(Agreement).collect(),
        })
    };
    mutation.perform(reinstate::reinstate(mutation.context(), id, errors), payload).await
}

async fn remove_member(ctx: &Context<'_>, input: MemberRemoveInput) -> Result<MemberRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member_id", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |removed: Removed| Ok(MemberRemovePayload { member_id: ID(removed.api_id) });
    mutation.perform(remove::remove(mutation.context(), id, errors), payload).await
}

async fn remove_organisation(
    ctx: &Context<'_>,
    input: OrganisationRemoveInput,
) -> Result<OrganisationRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: OrganisationId = row_id(&input.organisation_id, "organisation_id", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |removed: Removed| {
        Ok(OrganisationRemovePayload { organisation_id: ID(removed.api_id) })
    };
    mutation.perform(organisations::remove(mutation.context(), id, errors), payload).await
}
