//! Payloads of the mutations of members.

use async_graphql::{ID, SimpleObject};

use super::types::Member;
use crate::graphql::{agreements::types::Agreement, cost::list_size};

/// Payload of `memberAdmit`.
#[derive(SimpleObject)]
pub struct MemberAdmitPayload {
    /// The member.
    pub(super) member: Member,
}

/// Payload of `memberUpdate`.
#[derive(SimpleObject)]
pub struct MemberUpdatePayload {
    /// The member.
    pub(super) member: Member,
}

/// Payload of `memberLeave`.
#[derive(SimpleObject)]
pub struct MemberLeavePayload {
    /// The member.
    pub(super) member: Member,
}

/// Payload of `memberMerge`.
#[derive(SimpleObject)]
pub struct MemberMergePayload {
    /// The member that continues.
    pub(super) member: Member,
}

/// Payload of `allocationSet`.
#[derive(SimpleObject)]
pub struct AllocationSetPayload {
    /// The member with the allocation.
    pub(super) member: Member,
}

/// Payload of `memberReinstate`.
#[derive(SimpleObject)]
pub struct MemberReinstatePayload {
    /// The member without a last day.
    pub(super) member: Member,
    /// Its agreements that had ended with the membership and continue, in no particular order.
    #[graphql(directive = list_size::apply(Some(20), None))]
    pub(super) agreements: Vec<Agreement>,
}

/// Payload of `memberRemove`.
#[derive(SimpleObject)]
pub struct MemberRemovePayload {
    /// Id of the removed member.
    pub(super) member_id: ID,
}
