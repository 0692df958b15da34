//! GraphQL type of status reports.

use ::entity::{activity, id::StatusReportId, status_report, status_report_text};
use async_graphql::{Context, Description, Enum, ID, Object};
use futures_util::future::BoxFuture;

use crate::graphql::{
    activities::types::{Activity, activity_of},
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest, every},
    cost::{cost, unversioned},
    database,
    request::LongText,
    scalars::{Date, DateTime, node_id},
    times,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    status_reports::{self, period},
};

/// Health of an activity.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::Health")]
pub enum ActivityHealth {
    /// As planned.
    Green,
    /// Needs attention.
    Yellow,
    /// Needs a decision.
    Red,
}

/// A status report on an activity to the board.
#[derive(Clone, Description)]
pub struct StatusReport(pub BatchRow<status_report::Model>);

#[Object(use_type_description)]
impl StatusReport {
    /// Global id of the report, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Activity of the report.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Label of the reported period: a year, as `2026`, a part of one: `2026-H1` and `H2`
    /// (half-years), `2026-T1` to `T3` (tertial), `2026-Q1` to `Q4`, `2026-01` to `12`, or a range
    /// of months, as `2026-03/2026-06`. An imported report may have another text.
    async fn period(&self) -> &str {
        &self.0.period
    }

    /// First day of the period; null if the label of an imported report has another form.
    async fn period_from(&self) -> Option<Date> {
        period::days(&self.0.period).map(|(from, _)| Date(from))
    }

    /// Last day of the period; null if the label of an imported report has another form.
    async fn period_to(&self) -> Option<Date> {
        period::days(&self.0.period).map(|(_, to)| Date(to))
    }

    /// Health of the activity.
    async fn health(&self) -> ActivityHealth {
        self.0.health.into()
    }

    /// Summary.
    async fn summary(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let found = text(ctx, &self.0, |texts| Some(&texts.summary)).await?;
        found.map(LongText).ok_or_else(|| Error::NotFound("there is no such status report".into()))
    }

    /// Deviations from the plan; null when there are none.
    async fn deviations(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.deviations.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// Next steps; null when not recorded.
    async fn next_steps(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.next_steps.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// Author: the subject of the token that filed it. Null when you may not see the revenue of the
    /// activity, unless you filed it.
    #[graphql(directive = unversioned::apply())]
    async fn reported_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let authors = self.0.load(ctx, "", || async {
            status_reports::authors_of(caller(ctx), self.0.batch_rows()).await
        });
        authors.await.map(|authors| authors.get(&self.0.id).cloned()).transpose()
    }

    /// Time of filing.
    async fn reported_at(&self) -> DateTime {
        DateTime(self.0.reported_at)
    }
}

/// Returns a text of a report. The texts of its batch are loaded together, whichever of them are
/// selected.
async fn text(
    ctx: &Context<'_>,
    row: &BatchRow<status_report::Model>,
    of: fn(&status_report_text::Model) -> Option<&String>,
) -> Result<Option<String>> {
    let texts = row.share("texts".to_owned(), || async {
        let reports: Vec<_> = row.batch_rows().iter().map(|row| row.id).collect();
        status_reports::texts_of(database(ctx).read(), &reports).await
    });
    Ok(texts.await?.get(&row.id).and_then(of).cloned())
}

impl ConnectionNode for StatusReport {
    type Row = status_report::Model;
    const NAME: &'static str = "StatusReport";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use status_report::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "activity" => &[C::ActivityId],
            "period" | "periodFrom" | "periodTo" => &[C::Period],
            "health" => &[C::Health],
            "reportedBy" => &[C::ReportedBy],
            "reportedAt" => &[C::ReportedAt],
            "id" | "createdAt" | "updatedAt" | "summary" | "deviations" | "nextSteps" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[status_report::Column::Id]
    }
}

/// Returns the same page of reports for each row of a batch of activities.
pub(in crate::graphql) fn reports_of<'c>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<activity::Model>,
    args: domain::page::Args,
) -> BoxFuture<'c, Result<Connection<StatusReport>>> {
    let field = status_reports::Field::ReportedAt;
    let order = status_reports::order(database(ctx).backend(), field, true);
    connection::nested_connection(
        ctx,
        row,
        |row| row.id,
        ListRequest::new((), order, args, ValidationErrors::default()),
        |ctx, activities, (), page| {
            Box::pin(status_reports::of_each(caller(ctx), activities, page))
        },
        |ctx, activities, ()| Box::pin(status_reports::count_each(caller(ctx), activities)),
    )
}

/// Returns the report with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: StatusReportId) -> Result<Option<StatusReport>> {
    let found = status_reports::by_ids(caller(ctx), &[id], &every::<StatusReport>()).await?;
    Ok(found.into_iter().next().map(|row| StatusReport(BatchRow::single(row))))
}
