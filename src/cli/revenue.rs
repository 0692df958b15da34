//! `samregister revenue`: what came in, what it cost and what is left.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    Failure, Outcome, Result,
    expiring::check_activities,
    json, open,
    report::{ReportFormat as Format, ReportOptions},
    settings, table,
};
use domain::{
    auth::viewer::Viewer,
    database::Database,
    documents::{Grid, sheet},
    error::ValidationErrors,
    revenue::{
        self, Ask, Period,
        ledger::Grouping,
        report_table::{self, Shown},
    },
};

/// Report revenue, cost and result
///
/// Sums are in kronor. Net is without VAT and after credit notes, whose net sum is shown as
/// credited; result is net and grants without cost. Costs and grants belong to activities: by
/// member, they stand in rows without one. Rows without any money are left out. Committed is what
/// agreements by which the network pays come to, by the months that they pay for; it is in no other
/// sum.
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
    /// What counts, and on which day
    #[arg(long, value_enum, default_value_t = Basis::Invoiced)]
    basis: Basis,
    /// What each row is for; of year, quarter and month the shortest counts
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
    /// Payments, on the day that they came in
    Paid,
    /// Lines, spread by day over the period that they cover
    Accrued,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GroupBy {
    /// Each activity
    Activity,
    /// Each member
    Member,
    /// Each calendar year
    Year,
    /// Each quarter
    Quarter,
    /// Each month
    Month,
    /// One row for all
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

    fn ask(&self) -> Ask {
        let basis = match self.basis {
            Basis::Invoiced => revenue::Basis::Invoiced,
            Basis::Paid => revenue::Basis::Paid,
            Basis::Accrued => revenue::Basis::Accrued,
        };
        let activities = (!self.activities.is_empty()).then(|| self.activities.clone());
        Ask {
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
/// When options don't go together, an activity is not known, the register can't be opened or the
/// report can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("revenue");
    check_activities(&db, &viewer, &options.activities).await?;
    let target = options.report.target(&db, &settings)?;
    let document = options.document(&db, &viewer, format).await?;
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

impl Options {
    async fn document(&self, db: &Database, viewer: &Viewer, format: Format) -> Result<Vec<u8>> {
        let ask = self.ask();
        if format == Format::Xlsx {
            return report_table::workbook(db, viewer, &ask).await.map_err(Failure::of_options);
        }
        let report = revenue::report(db, viewer, &ask, ValidationErrors::default())
            .await
            .map_err(Failure::of_options)?;
        let shown = Shown::of(db, viewer, &report, ask.group_by, ask.basis).await?;
        Ok(match format {
            Format::Table if report.rows.is_empty() => {
                format!("no revenue, cost or grant from {} to {}\n", self.from, self.to)
                    .into_bytes()
            }
            Format::Table => format!(
                "{}\n{}\n",
                table(&shown.to_swedish_table()),
                report_table::caption(ask.basis, ask.from, ask.to)
            )
            .into_bytes(),
            Format::Csv => sheet::csv(&shown.to_data())?,
            Format::Json | Format::Xlsx => self.json(&shown.to_data())?.into_bytes(),
        })
    }

    fn json(&self, grid: &Grid) -> Result<String> {
        /// What programs read; the words are those of the API.
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
