//! Payloads of the mutations of activities.

use async_graphql::SimpleObject;

use super::Activity;
use crate::graphql::{
    ledger::{Cost, Grant},
    status_reports::StatusReport,
};

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

/// Payload of `costRecord`.
#[derive(SimpleObject)]
pub struct CostRecordPayload {
    /// The booked cost.
    pub(super) cost: Cost,
    /// Activity of the cost.
    pub(super) activity: Activity,
}

/// Payload of `grantRecord`.
#[derive(SimpleObject)]
pub struct GrantRecordPayload {
    /// The booked grant.
    pub(super) grant: Grant,
    /// Activity of the grant.
    pub(super) activity: Activity,
}

/// Payload of `statusReportFile`.
#[derive(SimpleObject)]
pub struct StatusReportFilePayload {
    /// The filed report.
    pub(super) status_report: StatusReport,
}
