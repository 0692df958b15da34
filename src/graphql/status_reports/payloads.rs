//! Payload of the mutation of status reports.

use async_graphql::SimpleObject;

use super::types::StatusReport;

/// Payload of `statusReportFile`.
#[derive(SimpleObject)]
pub struct StatusReportFilePayload {
    /// The filed report.
    pub(super) status_report: StatusReport,
}
