//! GraphQL mutation of status reports.

use ::entity::id::StatusReportId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::StatusReportFilePayload,
    types::{ActivityHealth, StatusReport, node},
};
use crate::graphql::{mutation::mutation, scalars::row_id};
use domain::{
    error::{Error, Result, ValidationErrors},
    status_reports::{self, file::NewReport},
};

/// Input of `statusReportFile`.
#[derive(InputObject)]
pub struct StatusReportFileInput {
    /// Id of the activity.
    activity_id: ID,
    /// Reported period: a year, as `2026`, a part of one: `2026-H1` and `H2` (half-years),
    /// `2026-T1` to `T3` (tertial), `2026-Q1` to `Q4`, `2026-01` to `12`, or a range of months, as
    /// `2026-03/2026-06`. It must have begun.
    period: String,
    /// Health of the activity.
    health: ActivityHealth,
    /// Summary, in a few words.
    summary: String,
    /// Deviations from the plan; omit when there are none.
    deviations: Option<String>,
    /// Next steps.
    next_steps: Option<String>,
}

/// Mutations of status reports.
#[derive(Default)]
pub struct StatusReportMutation;

#[Object]
impl StatusReportMutation {
    /// Files a status report on an activity for the board, in your name. FORBIDDEN unless you lead
    /// the activity or have the role OFFICE.
    async fn status_report_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The report to file.")] input: Box<StatusReportFileInput>,
    ) -> Option<Result<StatusReportFilePayload>> {
        Some(Box::pin(file(ctx, *input)).await)
    }
}

async fn file(ctx: &Context<'_>, input: StatusReportFileInput) -> Result<StatusReportFilePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewReport {
        activity: row_id(&input.activity_id, "activity_id", &mut errors),
        period: input.period,
        health: input.health.into(),
        summary: input.summary,
        deviations: input.deviations,
        next_steps: input.next_steps,
    };
    let mutation = mutation(ctx);
    mutation
        .perform(status_reports::file::file(mutation.context(), new, errors), async |id| {
            Ok(StatusReportFilePayload { status_report: changed(ctx, id).await? })
        })
        .await
}

async fn changed(ctx: &Context<'_>, id: StatusReportId) -> Result<StatusReport> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such status report".into()))
}
