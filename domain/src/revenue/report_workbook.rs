//! Workbooks of revenue reports and forecasts, with the names of their activities and members.

use ::entity::{activity, member};
use chrono::{DateTime, Utc};
use documents::{
    Cell, Column, Grid, Kind,
    sheet::{self, About, Chart},
};

use super::{
    forecast_calculation::Forecast,
    grouping::{Grouping, Period, Range},
    report::reports,
    report_rows::{Report, ReportQuery},
    report_table::{Names, OF_FORECAST, ReportTable, by_activity, title},
    sums::Basis,
};
use crate::{
    activities,
    context::Context,
    error::{Result, ValidationErrors},
    members, worker_pool,
};

/// Renders a report as a workbook in Swedish: its rows, and a chart of the same revenue by activity
/// and year.
///
/// # Errors
/// As [`super::report`], and INTERNAL when it has more rows than a sheet can hold.
pub async fn workbook(ctx: Context<'_>, query: &ReportQuery) -> Result<Vec<u8>> {
    let by_year = Grouping { activity: true, member: false, period: Some(Period::Year) };
    let reports = reports(
        ctx,
        query,
        &[(query.group_by, query.counts), (by_year, (false, false))],
        ValidationErrors::default(),
    )
    .await?;
    let [found, of_years] = reports.as_slice() else { return Ok(Vec::new()) };
    let chart = Chart {
        sheet: "Per verksamhet och år".to_owned(),
        title: "Intäkter per verksamhet och år, kronor utan moms".to_owned(),
        ..by_activity(of_years, &Names::of(ctx, of_years).await?)
    };
    let table = ReportTable::of(ctx, found, query.group_by, query.basis).await?;
    let days = Range { from: query.from, to: query.to };
    let about = about("Intäkter", days, title(query.basis, days), ctx.clock.now());
    let (grid, chart) = (table.to_table(), Some(chart).filter(|chart| !chart.rows.is_empty()));
    worker_pool::run(&ctx.viewer.subject, move || {
        Ok(sheet::xlsx(&grid, &about, chart.as_ref(), None)?)
    })
    .await
}

/// Renders a forecast as a workbook. The assumptions have a separate sheet.
pub async fn workbook_of_forecast(ctx: Context<'_>, forecast: &Forecast) -> Result<Vec<u8>> {
    let Forecast { days, report, .. } = forecast;
    let table = ReportTable::of(ctx, report, OF_FORECAST, Basis::Invoiced).await?;
    let mut grid = table.to_table();
    if grid.total.is_none() {
        // In the row of the total, where a reader expects it.
        grid.total = Some(vec![Cell::Text(WITHHELD.into())]);
    }
    let title = format!("Prognos {}–{}, i kronor", days.from, days.to);
    let rows = forecast
        .assumptions_in_swedish
        .iter()
        .map(|sentence| vec![Cell::Text(sentence.clone())])
        .collect();
    let columns = vec![Column::new("assumption", "Antagande", Kind::Text)];
    let (about, assumptions) =
        (about("Prognos", *days, title, ctx.clock.now()), Grid { columns, rows, total: None });
    worker_pool::run(&ctx.viewer.subject, move || {
        Ok(sheet::xlsx(&grid, &about, None, Some(("Antaganden", &assumptions)))?)
    })
    .await
}

/// Replaces a total that can't be given.
const WITHHELD: &str = "Ingen summa: verksamheter är utelämnade, se Antaganden";

fn about(what: &str, range: Range, title: String, made_at: DateTime<Utc>) -> About {
    About { sheet: format!("{what} {}–{}", range.from, range.to), title, made_at }
}

impl Names {
    /// Loads the names in a report that the viewer can read.
    async fn of(ctx: Context<'_>, report: &Report) -> Result<Self> {
        let ids: Vec<_> = report.rows.iter().filter_map(|row| row.group.activity).collect();
        let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
        let found = activities::by_ids(ctx, &ids, &columns).await?;
        let activities = found
            .into_iter()
            .map(|activity| (activity.id, (activity.slug, activity.name)))
            .collect();
        let ids: Vec<_> = report.rows.iter().filter_map(|row| row.group.member).collect();
        let found = members::by_ids(ctx, &ids, &[member::Column::Id, member::Column::Name]).await?;
        Ok(Self {
            activities,
            members: found.into_iter().map(|member| (member.id, member.name)).collect(),
        })
    }
}

impl<'r> ReportTable<'r> {
    /// Returns the report with the names of its activities and members that the viewer can read.
    pub async fn of(
        ctx: Context<'_>,
        report: &'r Report,
        grouping: Grouping,
        basis: Basis,
    ) -> Result<Self> {
        Ok(Self::new(report, Names::of(ctx, report).await?, grouping, basis))
    }
}
