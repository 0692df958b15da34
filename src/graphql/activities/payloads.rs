//! Payloads of the mutations of activities.

use async_graphql::SimpleObject;

use super::types::Activity;

/// Payload of `activityStart`.
#[derive(SimpleObject)]
pub struct ActivityStartPayload {
    /// The activity.
    pub(super) activity: Activity,
}

/// Payload of `activityUpdate`.
#[derive(SimpleObject)]
pub struct ActivityUpdatePayload {
    /// The activity.
    pub(super) activity: Activity,
}

/// Payload of `activityClose`.
#[derive(SimpleObject)]
pub struct ActivityClosePayload {
    /// The activity.
    pub(super) activity: Activity,
}
