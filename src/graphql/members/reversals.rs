//! Reversal of slips: a departure that was entered by mistake, and members and organisations that
//! were added by mistake.

use ::entity::id::{MemberId, OrganisationId};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Member, node};
use crate::graphql::{
    agreements::Agreement, batch::BatchRow, connection::every, cost::list_size, database,
    mutation::mutation, scalars::row_id, viewer,
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

/// A departure to be reversed.
#[derive(InputObject)]
pub struct MemberReinstateInput {
    /// The member that left or is to leave.
    member_id: ID,
}

/// A member whose departure was reversed.
#[derive(SimpleObject)]
pub struct MemberReinstatePayload {
    /// The member.
    member: Member,
    /// Its agreements that had ended with the membership and continue, in no order.
    #[graphql(directive = list_size::apply(Some(20), None))]
    agreements: Vec<Agreement>,
}

/// A member to be removed.
#[derive(InputObject)]
pub struct MemberRemoveInput {
    /// The member.
    member_id: ID,
}

/// The result of a removal.
#[derive(SimpleObject)]
pub struct MemberRemovePayload {
    /// The id of the member that was removed.
    member_id: ID,
}

/// An organisation to be removed.
#[derive(InputObject)]
pub struct OrganisationRemoveInput {
    /// The organisation.
    organisation_id: ID,
}

/// The result of a removal.
#[derive(SimpleObject)]
pub struct OrganisationRemovePayload {
    /// The id of the organisation that was removed.
    organisation_id: ID,
}

/// Mutations that reverse slips.
#[derive(Default)]
pub struct ReversalMutation;

#[Object]
impl ReversalMutation {
    /// Reverses a departure or merger that lies ahead or was entered by mistake: the member has no
    /// last day, and the agreements that ended with its membership are as they were before.
    /// CONFLICT with reason NOT_LEFT, AGREEMENT_CHANGED when one of these was changed since,
    /// ACTIVITY_ENDED when one would outlive its activity, or OVERLAPS when one would be in force
    /// beside another.
    async fn member_reinstate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The departure")] input: MemberReinstateInput,
    ) -> Option<Result<MemberReinstatePayload>> {
        Some(reinstate(ctx, input).await)
    }

    /// Removes a member that was admitted by mistake, while nothing refers to it; the audit log
    /// keeps it. CONFLICT with reason IN_USE names what refers to it: let it leave instead.
    async fn member_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member")] input: MemberRemoveInput,
    ) -> Option<Result<MemberRemovePayload>> {
        Some(remove_member(ctx, input).await)
    }

    /// Removes an organisation that was added by mistake, while nothing refers to it; the audit log
    /// keeps it. CONFLICT with reason IN_USE names what refers to it.
    async fn organisation_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation")] input: OrganisationRemoveInput,
    ) -> Option<Result<OrganisationRemovePayload>> {
        Some(remove_organisation(ctx, input).await)
    }
}

async fn reinstate(
    ctx: &Context<'_>,
    input: MemberReinstateInput,
) -> Result<MemberReinstatePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member", "input.memberId", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |done: Reinstated| {
        let member = node(ctx, done.member)
            .await?
            .ok_or_else(|| Error::NotFound("there is no such member".into()))?;
        let rows =
            agreements::by_ids(database(ctx), viewer(ctx), &done.agreements, &every::<Agreement>())
                .await?;
        Ok(MemberReinstatePayload {
            member,
            agreements: BatchRow::each(rows).into_iter().map(Agreement).collect(),
        })
    };
    mutation.perform(reinstate::reinstate(mutation.db(), viewer(ctx), id, errors), payload).await
}

async fn remove_member(ctx: &Context<'_>, input: MemberRemoveInput) -> Result<MemberRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: MemberId = row_id(&input.member_id, "member", "input.memberId", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |removed: Removed| Ok(MemberRemovePayload { member_id: ID(removed.api_id) });
    mutation.perform(remove::remove(mutation.db(), viewer(ctx), id, errors), payload).await
}

async fn remove_organisation(
    ctx: &Context<'_>,
    input: OrganisationRemoveInput,
) -> Result<OrganisationRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: OrganisationId =
        row_id(&input.organisation_id, "organisation", "input.organisationId", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |removed: Removed| {
        Ok(OrganisationRemovePayload { organisation_id: ID(removed.api_id) })
    };
    mutation.perform(organisations::remove(mutation.db(), viewer(ctx), id, errors), payload).await
}
