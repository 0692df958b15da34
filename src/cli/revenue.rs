//! `samregister revenue`: revenue, costs and result.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, context,
    expiring::check_activities,
    json, open,
    report::{ReportFormat as Format, ReportOptions},
    settings, table,
};
use documents::{Grid, sheet};
use domain::{
    auth::viewer::Viewer,
    context::Context,
    error::ValidationErrors,
    revenue::{
        self, Period, ReportQuery,
        grouping::Grouping,
        report_table::{self, ReportTable},
        report_workbook,
    },
};

/// Report revenue, costs and result
///
/// Sums are in kronor. Net is without VAT and after credit notes, whose net sum is shown as
/// credited; result is net plus grants less costs. Costs and grants belong to activities: by
/// member, they are in rows without a member. Rows without any amount are left out. Committed is
/// the sum of agreements by which the network pays, by the months that they pay for; it is included
/// in no other sum.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister revenue --from 2026-01-01 --to 2026-12-31
  samregister revenue --from 2024-01-01 --to 2026-12-31 --basis paid \\
    --group-by activity,year
  samregister revenue --from 2026-01-01 --to 2026-12-31 --group-by member,quarter \\
    --output intakter-2026.xlsx")]
pub struct Options {
    /// First day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: NaiveDate,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: NaiveDate,
    /// Events that count, and their day
    #[arg(long, value_enum, default_value_t = Basis::Invoiced)]
    basis: Basis,
    /// Grouping of the rows; of year, quarter and month the shortest applies
    #[arg(long, value_enum, value_name = "GROUP", num_args = 1.., value_delimiter = ',', default_value = "activity")]
    group_by: Vec<GroupBy>,
    /// Only these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Basis {
    /// Invoices and credit notes, on their date
    Invoiced,
    /// Payments, on the day at the bank
    Paid,
    /// Lines, accrued by day over the period that they cover
    Accrued,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GroupBy {
    /// By activity
    Activity,
    /// By member
    Member,
    /// By calendar year
    Year,
    /// By quarter
    Quarter,
    /// By month
    Month,
    /// One row
    None,
}

impl Options {
    fn grouping(&self) -> Grouping {
        let has = |group| self.group_by.contains(&group);
        let periods = [
            (GroupBy::Month, Period::Month),
            (GroupBy::Quarter, Period::Quarter),
            (GroupBy::Year, Period::Year),
        ];
        let period = periods.into_iter().find(|(group, _)| has(*group)).map(|(_, period)| period);
        Grouping { activity: has(GroupBy::Activity), member: has(GroupBy::Member), period }
    }

    fn ask(&self) -> ReportQuery {
        let basis = match self.basis {
            Basis::Invoiced => revenue::Basis::Invoiced,
            Basis::Paid => revenue::Basis::Paid,
            Basis::Accrued => revenue::Basis::Accrued,
        };
        let activities = (!self.activities.is_empty()).then(|| self.activities.clone());
        ReportQuery {
            from: self.from,
            to: self.to,
            basis,
            group_by: self.grouping(),
            activities,
            members: None,
            counts: (true, true),
            committed: true,
        }
    }
}

/// Reports revenue.
///
/// # Errors
/// Fails if options are incompatible, an activity is not known, the database can't be opened or the
/// report can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("revenue");
    check_activities(context(&db, &viewer), &options.activities).await?;
    let target = options.report.target(&db, &settings)?;
    let document = options.document(context(&db, &viewer), format).await?;
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

impl Options {
    async fn document(&self, ctx: Context<'_>, format: Format) -> Result<Vec<u8>> {
        let ask = self.ask();
        if format == Format::Xlsx {
            return report_workbook::workbook(ctx, &ask).await.map_err(Failure::of_options);
        }
        let report = revenue::report(ctx, &ask, ValidationErrors::default())
            .await
            .map_err(Failure::of_options)?;
        let shown = ReportTable::of(ctx, &report, ask.group_by, ask.basis).await?;
        Ok(match format {
            Format::Table if report.rows.is_empty() => {
                format!("no revenue, cost or grant from {} to {}\n", self.from, self.to)
                    .into_bytes()
            }
            Format::Table => format!(
                "{}\n{}\n",
                table(&shown.to_table()),
                report_table::caption(ask.basis, ask.from, ask.to)
            )
            .into_bytes(),
            Format::Csv => sheet::csv(&shown.to_data())?,
            Format::Json | Format::Xlsx => self.json(&shown.to_data())?.into_bytes(),
        })
    }

    fn json(&self, grid: &Grid) -> Result<String> {
        /// JSON output, with the names of the API.
        #[derive(Serialize)]
        struct Document<R, T> {
            from: NaiveDate,
            to: NaiveDate,
            basis: String,
            group_by: Vec<&'static str>,
            rows: Vec<R>,
            total: Option<T>,
        }
        let grouping = self.grouping();
        let period = grouping.period.map(|period| match period {
            Period::Year => "YEAR",
            Period::Quarter => "QUARTER",
            Period::Month => "MONTH",
        });
        let group_by =
            [grouping.activity.then_some("ACTIVITY"), grouping.member.then_some("MEMBER"), period];
        let basis = self
            .basis
            .to_possible_value()
            .map(|value| value.get_name().to_uppercase())
            .unwrap_or_default();
        json(&Document {
            from: self.from,
            to: self.to,
            basis,
            group_by: group_by.into_iter().flatten().collect(),
            rows: grid.objects(),
            total: grid.total_object(),
        })
    }
}
