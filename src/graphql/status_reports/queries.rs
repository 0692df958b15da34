//! GraphQL query of the list of status reports.

use async_graphql::{Context, Enum, InputObject, Object};

use super::types::{ActivityHealth, StatusReport};
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    database,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range},
    slug_list::slugs,
};
use domain::{
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    status_reports,
};

/// Filter of status reports. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct StatusReportFilter {
    /// Is about one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// Reports one of these healths.
    health: Option<Vec<ActivityHealth>>,
    /// The period has a day in this year: `2025-11/2026-02` is found in 2025 and in 2026. The label
    /// of an imported report that has another form must begin with the year.
    year: Option<i32>,
    /// `periodFrom` is this day or later.
    period_from: Option<Parsed<Date>>,
    /// `periodTo` is this day or earlier.
    period_to: Option<Parsed<Date>>,
    /// Reported on this day or later, Swedish time.
    reported_from: Option<Parsed<Date>>,
    /// Reported on this day or earlier, Swedish time.
    reported_to: Option<Parsed<Date>>,
    /// All of these words occur in the summary, the deviations or the next steps. A word may be the
    /// beginning of a longer one. Case and accents are ignored, but å, ä and ö are letters of their
    /// own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl StatusReportFilter {
    fn check(self, errors: &mut ValidationErrors) -> status_reports::Filter {
        let [reported_from, reported_to] =
            day_range("reported", self.reported_from, self.reported_to, errors);
        let [period_from, period_to] =
            day_range("period", self.period_from, self.period_to, errors);
        let has_year = self.year.is_none_or(|year| (1900..=2999).contains(&year));
        errors.expect(
            has_year,
            "filter.year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        );
        status_reports::Filter {
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            healths: self.health.into_iter().flatten().map(Into::into).collect(),
            year: self.year,
            period_from,
            period_to,
            reported_from,
            reported_to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that status reports are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status_reports::Field")]
pub enum StatusReportOrderField {
    /// By time of the report.
    ReportedAt,
    /// By first day of the period, then by last day: `2026-01`, `2026-T1`, `2026`, `2026-T2`.
    /// Labels of imported reports that have another form, first.
    Period,
}

order_input! {
    /// Order of status reports. Ties are ordered by id.
    StatusReportOrder by StatusReportOrderField
}

/// Queries of status reports.
#[derive(Default)]
pub struct StatusReportQuery;

#[Object]
impl StatusReportQuery {
    /// Status reports of all activities, the latest first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn status_reports(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<StatusReportFilter>,
        >,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            StatusReportOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<StatusReport>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) =
            order::chosen(order_by, (status_reports::Field::ReportedAt, true));
        let order = status_reports::order(database(ctx).backend(), field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<StatusReport, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(status_reports::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(status_reports::count(caller(ctx), filter)),
        )
        .await
    }
}
