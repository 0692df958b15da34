//! Payloads of the mutations of members.

use async_graphql::SimpleObject;

use super::Member;

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
