//! `samregister revenue`: what came in, what it cost and what is left.

use std::{
    collections::HashMap,
    fs,
    io::{self, IsTerminal},
    path::PathBuf,
};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{
    activity,
    id::{ActivityId, MemberId},
    member,
};
use serde::Serialize;

use super::{Failure, Outcome, Result, expiring::check_activities, json, open, put, say, settings, table};
use crate::{
    activities,
    auth::viewer::Viewer,
    database::Database,
    documents::{Cell, Column, Grid, Kind, sheet},
    error::{Error, Faults},
    members,
    revenue::{
        self, Ask, Period, Report, Sums,
        ledger::{Group, Grouping},
    },
};

/// Report revenue, cost and result
///
/// Sums are in kronor. Net is without VAT and after credit notes, whose net sum is shown as credited; result is net and grants without
/// cost. Costs and grants belong to activities: by member, they stand in rows without one. Rows without any money are left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister revenue --from 2026-01-01 --to 2026-12-31
  samregister revenue --from 2024-01-01 --to 2026-12-31 --basis paid \\
    --group-by activity,year
  samregister revenue --from 2026-01-01 --to 2026-12-31 --group-by member,quarter \\
    --format xlsx --output revenue-2026.xlsx")]
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
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the eye
    Table,
    /// One document for programs
    Json,
    /// For programs and spreadsheets (RFC 4180)
    Csv,
    /// A workbook, its sums as formulas
    Xlsx,
}

impl Options {
    fn check(&self) -> Result<()> {
        if self.format == Format::Xlsx && self.output.is_none() && io::stdout().is_terminal() {
            return Err(Failure::usage("--format xlsx needs --output FILE, since a terminal can't show a workbook"));
        }
        Ok(())
    }

    fn grouping(&self) -> Grouping {
        let has = |group| self.group_by.contains(&group);
        let periods = [(GroupBy::Month, Period::Month), (GroupBy::Quarter, Period::Quarter), (GroupBy::Year, Period::Year)];
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
        Ask { from: self.from, to: self.to, basis, group_by: self.grouping(), activities, members: None, counts: (true, true) }
    }
}

/// Reports revenue.
///
/// # Errors
/// When options don't go together, an activity is not known, the register can't be opened or the report can't be written.
pub async fn run(options: Options) -> Result {
    options.check()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("revenue");
    check_activities(&db, &viewer, &options.activities).await?;
    let report = revenue::report(&db, &viewer, &options.ask(), Faults::default()).await.map_err(refused)?;
    let names = Names::of(&db, &viewer, &report).await?;
    let now = db.clock.now();
    db.close().await?;

    let shown = Shown { report: &report, names: &names, grouping: options.grouping() };
    let document = match options.format {
        Format::Table if report.rows.is_empty() => {
            format!("no revenue, cost or grant from {} to {}\n", options.from, options.to).into_bytes()
        }
        Format::Table => format!("{}\n{}\n", table(&shown.for_people()), options.caption()).into_bytes(),
        Format::Json => options.document(&shown.for_programs())?.into_bytes(),
        Format::Csv => sheet::csv(&shown.for_programs())?,
        Format::Xlsx => {
            let about =
                sheet::About { sheet: format!("Revenue {}–{}", options.from, options.to), title: options.caption(), made_at: now };
            sheet::xlsx(&shown.for_people(), &about)?
        }
    };
    match &options.output {
        None => put(document)?,
        Some(path) => {
            let place = path.display();
            fs::write(path, document).map_err(|cause| Failure::new(format!("cannot write {place}: {cause}")))?;
            say(&format!("wrote {place}"));
        }
    }
    Ok(Outcome::Done)
}

/// Names the options where the API's fields are named.
fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => {
            let lines = faults.iter().map(|fault| format!("--{} {}", fault.path.trim_start_matches("input."), fault.message));
            Failure { lines: lines.collect(), code: 2 }
        }
        other => other.into(),
    }
}

impl Options {
    fn caption(&self) -> String {
        let basis = match self.basis {
            Basis::Invoiced => "Invoiced",
            Basis::Paid => "Paid",
            Basis::Accrued => "Accrued",
        };
        format!("{basis} from {} to {}, in kronor; net, credited, cost, grants and result are without VAT", self.from, self.to)
    }

    fn document(&self, grid: &Grid) -> Result<String> {
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
        let group_by = [grouping.activity.then_some("ACTIVITY"), grouping.member.then_some("MEMBER"), period];
        let basis = self.basis.to_possible_value().map(|value| value.get_name().to_uppercase()).unwrap_or_default();
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

/// The names of what rows are for.
struct Names {
    /// Slug and name.
    activities: HashMap<ActivityId, (String, String)>,
    members: HashMap<MemberId, String>,
}

impl Names {
    async fn of(db: &Database, viewer: &Viewer, report: &Report) -> Result<Self> {
        let ids: Vec<_> = report.rows.iter().filter_map(|row| row.group.activity).collect();
        let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
        let found = activities::by_ids(db, viewer, &ids, &columns).await?;
        let activities = found.into_iter().map(|activity| (activity.id, (activity.slug, activity.name))).collect();
        let ids: Vec<_> = report.rows.iter().filter_map(|row| row.group.member).collect();
        let found = members::by_ids(db, viewer, &ids, &[member::Column::Id, member::Column::Name]).await?;
        Ok(Self { activities, members: found.into_iter().map(|member| (member.id, member.name)).collect() })
    }
}

/// A report that is about to become rows and columns.
struct Shown<'r> {
    report: &'r Report,
    names: &'r Names,
    grouping: Grouping,
}

impl Shown<'_> {
    fn for_people(&self) -> Grid {
        let mut columns = Vec::new();
        columns.extend(self.grouping.period.map(|_| Column::new("period", "Period", Kind::Text)));
        columns.extend(self.grouping.activity.then_some(Column::new("activity_name", "Activity", Kind::Text)));
        columns.extend(self.grouping.member.then_some(Column::new("member_name", "Member", Kind::Text)));
        let is_one_row = columns.is_empty();
        let grid = self.grid(columns, Cell::Text("Total".into()), |group| {
            let mut cells = Vec::new();
            cells.extend(self.grouping.period.map(|_| Cell::text(group.period.clone())));
            cells.extend(self.grouping.activity.then(|| match group.activity.and_then(|id| self.names.activities.get(&id)) {
                Some((_, name)) => Cell::Text(name.clone()),
                None => Cell::Text("(no activity)".into()),
            }));
            cells.extend(self.grouping.member.then(|| match group.member.and_then(|id| self.names.members.get(&id)) {
                Some(name) => Cell::Text(name.clone()),
                None => Cell::Text("(no member)".into()),
            }));
            cells
        });
        // A single row is its own total.
        Grid { total: grid.total.filter(|_| !is_one_row), ..grid }
    }

    fn for_programs(&self) -> Grid {
        let mut columns = Vec::new();
        columns.extend(self.grouping.period.map(|_| Column::new("period", "Period", Kind::Text)));
        if self.grouping.activity {
            columns.extend([Column::new("activity", "Activity", Kind::Text), Column::new("activity_name", "Activity's name", Kind::Text)]);
        }
        if self.grouping.member {
            columns.extend([Column::new("member", "Member", Kind::Text), Column::new("member_name", "Member's name", Kind::Text)]);
        }
        self.grid(columns, Cell::Empty, |group| {
            let mut cells = Vec::new();
            cells.extend(self.grouping.period.map(|_| Cell::text(group.period.clone())));
            if self.grouping.activity {
                let names = group.activity.and_then(|id| self.names.activities.get(&id));
                cells.extend([Cell::text(names.map(|(slug, _)| slug)), Cell::text(names.map(|(_, name)| name))]);
            }
            if self.grouping.member {
                let id = group.member.map(|id| format!("member_{}", id.0.simple()));
                cells.extend([Cell::text(id), Cell::text(group.member.and_then(|id| self.names.members.get(&id)))]);
            }
            cells
        })
    }

    /// The rows with these columns before the sums, and `groups` to fill them; `total` stands first in the row of totals.
    fn grid(&self, mut columns: Vec<Column>, total: Cell, groups: impl Fn(&Group) -> Vec<Cell>) -> Grid {
        let before = columns.len();
        columns.extend([
            Column::new("net", "Net", Kind::Money),
            Column::new("vat", "VAT", Kind::Money),
            Column::new("gross", "Gross", Kind::Money),
            Column::new("credited", "Credited", Kind::Money),
            Column::new("cost", "Cost", Kind::Money),
            Column::new("grants", "Grants", Kind::Money),
            Column::new("result", "Result", Kind::Money),
            Column::new("invoices", "Invoices", Kind::Distinct),
        ]);
        let with_sums = |mut cells: Vec<Cell>, sums: &Sums| {
            let amounts = [sums.net, sums.vat, sums.gross(), sums.credited, sums.cost, sums.grants, sums.result()];
            cells.extend(amounts.map(Cell::Money));
            cells.push(Cell::Number(sums.invoices));
            cells
        };
        let rows = self.report.rows.iter().map(|row| with_sums(groups(&row.group), &row.sums)).collect();
        let heading = (0..before).map(|place| if place == 0 { total.clone() } else { Cell::Empty });
        Grid { columns, rows, total: Some(with_sums(heading.collect(), &self.report.total)) }
    }
}
