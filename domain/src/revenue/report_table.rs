//! A report of revenue as rows and columns, and as the files that are made of them.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    member,
    total::Total,
};
use chrono::NaiveDate;

use super::{
    Ask, Basis, Committed, Forecast, Period, Report, Sums,
    ledger::{Group, Grouping, Range},
    reports,
};
use crate::{
    activities,
    auth::viewer::Viewer,
    database::Database,
    documents::{
        Cell, Column, Grid, Kind,
        sheet::{self, About, Chart},
    },
    error::{Result, ValidationErrors},
    members, worker_pool,
};

/// Describes a report in a line, in Swedish.
fn title(basis: Basis, days: Range) -> String {
    let basis = match basis {
        Basis::Invoiced => "Fakturerat",
        Basis::Paid => "Inbetalt",
        Basis::Accrued => "Periodiserat",
    };
    format!(
        "{basis} {}–{}, i kronor; netto, krediterat, kostnad, bidrag och resultat är utan moms",
        days.from, days.to
    )
}

/// What a report is about, in a line.
#[must_use]
pub fn caption(basis: Basis, from: NaiveDate, to: NaiveDate) -> String {
    let basis = match basis {
        Basis::Invoiced => "Invoiced",
        Basis::Paid => "Paid",
        Basis::Accrued => "Accrued",
    };
    format!(
        "{basis} from {from} to {to}, in kronor; net, credited, cost, grants and result are without VAT"
    )
}

/// The report that is asked for as a workbook in Swedish: its rows, and next to them a chart of the
/// same revenue by activity and year.
///
/// # Errors
/// As [`super::report`]; INTERNAL when it has more rows than a sheet can hold.
pub async fn workbook(db: &Database, viewer: &Viewer, ask: &Ask) -> Result<Vec<u8>> {
    let by_year = Grouping { activity: true, member: false, period: Some(Period::Year) };
    let reports = reports(
        db,
        viewer,
        ask,
        &[(ask.group_by, ask.counts), (by_year, (false, false))],
        ValidationErrors::default(),
    )
    .await?;
    let [found, of_years] = reports.as_slice() else { return Ok(Vec::new()) };
    let chart = Chart {
        sheet: "Per verksamhet och år".to_owned(),
        title: "Intäkter per verksamhet och år, kronor utan moms".to_owned(),
        ..by_activity(of_years, &Names::of(db, viewer, of_years).await?)
    };
    let shown = Shown::of(db, viewer, found, ask.group_by, ask.basis).await?;
    let days = Range { from: ask.from, to: ask.to };
    let about = about("Intäkter", days, title(ask.basis, days), db);
    let (grid, chart) = (shown.for_workbook(), Some(chart).filter(|chart| !chart.rows.is_empty()));
    worker_pool::run(&viewer.subject, move || sheet::xlsx(&grid, &about, chart.as_ref(), None))
        .await
}

/// A forecast as a workbook; what it rests on has a sheet of its own.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn workbook_of_forecast(
    db: &Database,
    viewer: &Viewer,
    forecast: &Forecast,
) -> Result<Vec<u8>> {
    let Forecast { days, report, .. } = forecast;
    let shown = Shown::of(db, viewer, report, OF_FORECAST, Basis::Invoiced).await?;
    let mut grid = shown.for_workbook();
    if grid.total.is_none() {
        // In the row of the total, where people look for it.
        grid.total = Some(vec![Cell::Text(WITHHELD.into())]);
    }
    let title = format!("Prognos {}–{}, i kronor", days.from, days.to);
    let rows = forecast
        .assumptions_in_swedish
        .iter()
        .map(|sentence| vec![Cell::Text(sentence.clone())])
        .collect();
    let columns = vec![Column::new("assumption", "Assumption", Kind::Text).swedish("Antagande")];
    let (about, assumptions) =
        (about("Prognos", *days, title, db), Grid { columns, rows, total: None });
    worker_pool::run(&viewer.subject, move || {
        sheet::xlsx(&grid, &about, None, Some(("Antaganden", &assumptions)))
    })
    .await
}

/// What a forecast rests on, a row each.
#[must_use]
pub fn assumptions(forecast: &Forecast) -> Grid {
    let rows =
        forecast.assumptions.iter().map(|sentence| vec![Cell::Text(sentence.clone())]).collect();
    Grid { columns: vec![Column::new("assumption", "Assumption", Kind::Text)], rows, total: None }
}

/// Stands instead of a total that can't be given.
const WITHHELD: &str = "Ingen summa: verksamheter är utelämnade, se Antaganden";

/// What the rows of a forecast are made for.
pub const OF_FORECAST: Grouping = Grouping { activity: true, member: false, period: None };

fn about(what: &str, range: Range, title: String, db: &Database) -> About {
    About { sheet: format!("{what} {}–{}", range.from, range.to), title, made_at: db.clock.now() }
}

/// The net revenue of each activity, in the order of the report, by year.
fn by_activity(report: &Report, names: &Names) -> Chart {
    let years: BTreeSet<&str> =
        report.rows.iter().filter_map(|row| row.group.period.as_deref()).collect();
    let years: Vec<&str> = years.into_iter().collect();
    let mut rows: Vec<(Option<ActivityId>, Vec<Total>)> = Vec::new();
    for row in report.rows.iter().filter(|row| row.sums.net != Total::ZERO) {
        let Some(year) = years.iter().position(|year| row.group.period.as_deref() == Some(*year))
        else {
            continue;
        };
        let position = rows.iter().position(|(activity, _)| *activity == row.group.activity);
        let position = position.unwrap_or_else(|| {
            rows.push((row.group.activity, vec![Total::ZERO; years.len()]));
            rows.len() - 1
        });
        rows[position].1[year] += row.sums.net;
    }
    // What belongs to no activity stands last, whatever year it is first in.
    rows.sort_by_cached_key(|(activity, _)| {
        (activity.is_none(), crate::swedish::key(names.activity(*activity, SWEDISH)))
    });
    Chart {
        series: years.into_iter().map(str::to_owned).collect(),
        rows: rows
            .into_iter()
            .map(|(activity, amounts)| (names.activity(activity, SWEDISH).to_owned(), amounts))
            .collect(),
        ..Chart::default()
    }
}

/// Words of a report for people.
#[derive(Clone, Copy)]
struct Words {
    no_activity: &'static str,
    no_member: &'static str,
    total: &'static str,
    period: fn(Period, &str) -> String,
}

/// Of the table at the terminal.
const ENGLISH: Words = Words {
    no_activity: "(no activity)",
    no_member: "(no member)",
    total: "Total",
    period: |_, name| name.to_owned(),
};

/// Of workbooks.
const SWEDISH: Words = Words {
    no_activity: "(ingen verksamhet)",
    no_member: "(ingen medlem)",
    total: "Summa",
    period: Period::in_swedish,
};

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
        let activities = found
            .into_iter()
            .map(|activity| (activity.id, (activity.slug, activity.name)))
            .collect();
        let ids: Vec<_> = report.rows.iter().filter_map(|row| row.group.member).collect();
        let found =
            members::by_ids(db, viewer, &ids, &[member::Column::Id, member::Column::Name]).await?;
        Ok(Self {
            activities,
            members: found.into_iter().map(|member| (member.id, member.name)).collect(),
        })
    }

    /// What an activity is called, or what belongs to none.
    fn activity(&self, id: Option<ActivityId>, words: Words) -> &str {
        id.and_then(|id| self.activities.get(&id)).map_or(words.no_activity, |(_, name)| name)
    }
}

/// A report that is about to become rows and columns.
pub struct Shown<'r> {
    report: &'r Report,
    names: Names,
    grouping: Grouping,
    /// Only what is paid can pay no line.
    is_paid: bool,
    /// `true` if committed cost was asked for.
    has_committed: bool,
}

impl<'r> Shown<'r> {
    /// The report with the names of what its rows are for, those that the viewer sees.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn of(
        db: &Database,
        viewer: &Viewer,
        report: &'r Report,
        grouping: Grouping,
        basis: Basis,
    ) -> Result<Self> {
        let has_committed = report.total.is_some_and(|total| total.committed.is_some());
        Ok(Self {
            report,
            names: Names::of(db, viewer, report).await?,
            grouping,
            is_paid: basis == Basis::Paid,
            has_committed,
        })
    }

    /// With names, and a row of totals.
    #[must_use]
    pub fn to_swedish_table(&self) -> Grid {
        self.describe(ENGLISH)
    }

    /// With names and a row of totals, in Swedish.
    #[must_use]
    pub fn for_workbook(&self) -> Grid {
        self.describe(SWEDISH)
    }

    fn describe(&self, words: Words) -> Grid {
        let mut columns = Vec::new();
        columns.extend(self.grouping.period.map(|_| Column::new("period", "Period", Kind::Text)));
        columns.extend(
            self.grouping.activity.then(|| {
                Column::new("activity_name", "Activity", Kind::Text).swedish("Verksamhet")
            }),
        );
        columns.extend(
            self.grouping
                .member
                .then(|| Column::new("member_name", "Member", Kind::Text).swedish("Medlem")),
        );
        let is_one_row = columns.is_empty();
        // What pays no line is rare, and then people need no column of noughts.
        let is_rest_told = self.report.rows.iter().any(|row| row.sums.unattributed != Total::ZERO);
        // Nor of committed cost, where no agreement has any.
        let has_committed = self
            .report
            .rows
            .iter()
            .any(|row| row.sums.committed.is_some_and(|own| own != Committed::default()));
        let grid =
            self.grid(
                columns,
                (is_rest_told, has_committed),
                Cell::Text(words.total.into()),
                |group| {
                    let mut cells = Vec::new();
                    let name = |period: Period| {
                        Cell::text(group.period.as_deref().map(|name| (words.period)(period, name)))
                    };
                    cells.extend(self.grouping.period.map(name));
                    cells.extend(self.grouping.activity.then(|| {
                        Cell::Text(self.names.activity(group.activity, words).to_owned())
                    }));
                    cells.extend(self.grouping.member.then(|| {
                        match group.member.and_then(|id| self.names.members.get(&id)) {
                            Some(name) => Cell::Text(name.clone()),
                            None => Cell::Text(words.no_member.into()),
                        }
                    }));
                    cells
                },
            );
        // A single row is its own total.
        Grid { total: grid.total.filter(|_| !is_one_row), ..grid }
    }

    /// With names and what the API calls them by.
    #[must_use]
    pub fn to_data(&self) -> Grid {
        let mut columns = Vec::new();
        columns.extend(self.grouping.period.map(|_| Column::new("period", "Period", Kind::Text)));
        if self.grouping.activity {
            columns.extend([
                Column::new("activity", "Activity", Kind::Text),
                Column::new("activity_name", "Activity's name", Kind::Text),
            ]);
        }
        if self.grouping.member {
            columns.extend([
                Column::new("member", "Member", Kind::Text),
                Column::new("member_name", "Member's name", Kind::Text),
            ]);
        }
        self.grid(columns, (self.is_paid, self.has_committed), Cell::Empty, |group| {
            let mut cells = Vec::new();
            cells.extend(self.grouping.period.map(|_| Cell::text(group.period.clone())));
            if self.grouping.activity {
                let names = group.activity.and_then(|id| self.names.activities.get(&id));
                cells.extend([
                    Cell::text(names.map(|(slug, _)| slug)),
                    Cell::text(names.map(|(_, name)| name)),
                ]);
            }
            if self.grouping.member {
                let id = group.member.map(|id| format!("member_{}", id.0.simple()));
                cells.extend([
                    Cell::text(id),
                    Cell::text(group.member.and_then(|id| self.names.members.get(&id))),
                ]);
            }
            cells
        })
    }

    /// The rows with these columns before the sums, and `groups` to fill them; `total` stands first
    /// in the row of totals. Last comes what pays no line, if it is to be told, and committed cost,
    /// if the report has it.
    fn grid(
        &self,
        mut columns: Vec<Column>,
        (is_rest_told, has_committed): (bool, bool),
        total: Cell,
        groups: impl Fn(&Group) -> Vec<Cell>,
    ) -> Grid {
        let before = columns.len();
        columns.extend([
            Column::new("net", "Net", Kind::Money).swedish("Netto"),
            Column::new("vat", "VAT", Kind::Money).swedish("Moms"),
            Column::new("gross", "Gross", Kind::Money).swedish("Brutto"),
            Column::new("credited", "Credited", Kind::Money).swedish("Krediterat"),
            Column::new("cost", "Cost", Kind::Money).swedish("Kostnad"),
            Column::new("grants", "Grants", Kind::Money).swedish("Bidrag"),
            Column::new("result", "Result", Kind::Money).swedish("Resultat"),
            Column::new("invoices", "Invoices", Kind::Distinct).swedish("Antal fakturor"),
        ]);
        columns.extend(is_rest_told.then(|| {
            Column::new("unattributed", "On no line", Kind::Money).swedish("På ingen rad")
        }));
        if has_committed {
            columns.extend([
                Column::new("committed_cost", "Committed", Kind::Money).swedish("Avtalad kostnad"),
                Column::new("committed_cost_booked", "Of it booked", Kind::Money)
                    .swedish("Därav bokförd"),
                Column::new("committed_cost_left", "Left to book", Kind::Money)
                    .swedish("Kvar att bokföra"),
            ]);
        }
        let with_sums = |mut cells: Vec<Cell>, sums: &Sums| {
            let amounts = [
                sums.net,
                sums.vat,
                sums.gross(),
                sums.credited,
                sums.cost,
                sums.grants,
                sums.result(),
            ];
            cells.extend(amounts.map(Cell::Sum));
            cells.push(Cell::Number(sums.invoices));
            cells.extend(is_rest_told.then_some(Cell::Sum(sums.unattributed)));
            if has_committed {
                let committed = sums.committed.unwrap_or_default();
                cells.extend([committed.cost, committed.booked, committed.left()].map(Cell::Sum));
            }
            cells
        };
        let rows =
            self.report.rows.iter().map(|row| with_sums(groups(&row.group), &row.sums)).collect();
        let heading = (0..before)
            .map(|position| if position == 0 { total.clone() } else { Cell::Empty })
            .collect();
        let total = self.report.total.as_ref().map(|sums| with_sums(heading, sums));
        Grid { columns, rows, total }
    }
}
