//! A revenue report as a table, and the files made from it.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    id::{ActivityId, Identifier, MemberId},
    member,
    total::Total,
};
use chrono::{DateTime, NaiveDate, Utc};
use documents::{
    Cell, Column, Grid, Kind,
    sheet::{self, About, Chart},
};

use super::{
    forecast::Forecast,
    grouping::{Group, Grouping, Period, Range},
    report::{Report, ReportQuery, reports},
    sums::{Basis, Committed, Sums},
};
use crate::{
    activities,
    context::Context,
    error::{Result, ValidationErrors},
    members, worker_pool,
};

/// Returns the title of a report in Swedish.
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

/// Returns the caption of a report.
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
    let (grid, chart) =
        (table.to_swedish_table(), Some(chart).filter(|chart| !chart.rows.is_empty()));
    worker_pool::run(&ctx.viewer.subject, move || {
        Ok(sheet::xlsx(&grid, &about, chart.as_ref(), None)?)
    })
    .await
}

/// Renders a forecast as a workbook. The assumptions have a separate sheet.
pub async fn workbook_of_forecast(ctx: Context<'_>, forecast: &Forecast) -> Result<Vec<u8>> {
    let Forecast { days, report, .. } = forecast;
    let table = ReportTable::of(ctx, report, OF_FORECAST, Basis::Invoiced).await?;
    let mut grid = table.to_swedish_table();
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
    let columns = vec![Column::new("assumption", "Assumption", Kind::Text).swedish("Antagande")];
    let (about, assumptions) =
        (about("Prognos", *days, title, ctx.clock.now()), Grid { columns, rows, total: None });
    worker_pool::run(&ctx.viewer.subject, move || {
        Ok(sheet::xlsx(&grid, &about, None, Some(("Antaganden", &assumptions)))?)
    })
    .await
}

/// Returns the assumptions of a forecast as a table, one in each row.
#[must_use]
pub fn assumptions(forecast: &Forecast) -> Grid {
    let rows =
        forecast.assumptions.iter().map(|sentence| vec![Cell::Text(sentence.clone())]).collect();
    Grid { columns: vec![Column::new("assumption", "Assumption", Kind::Text)], rows, total: None }
}

/// Replaces a total that can't be given.
const WITHHELD: &str = "Ingen summa: verksamheter är utelämnade, se Antaganden";

/// The grouping of a forecast's rows.
pub const OF_FORECAST: Grouping = Grouping { activity: true, member: false, period: None };

fn about(what: &str, range: Range, title: String, made_at: DateTime<Utc>) -> About {
    About { sheet: format!("{what} {}–{}", range.from, range.to), title, made_at }
}

/// Returns the net revenue of each activity, in the order of the report, by year.
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
    // Revenue without an activity comes last in every year.
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

/// The words of a table.
#[derive(Clone, Copy)]
struct Words {
    no_activity: &'static str,
    no_member: &'static str,
    total: &'static str,
    period: fn(Period, &str) -> String,
}

/// Words of the table at the terminal.
const ENGLISH: Words = Words {
    no_activity: "(no activity)",
    no_member: "(no member)",
    total: "Total",
    period: |_, name| name.to_owned(),
};

/// Words of workbooks.
const SWEDISH: Words = Words {
    no_activity: "(ingen verksamhet)",
    no_member: "(ingen medlem)",
    total: "Summa",
    period: Period::in_swedish,
};

/// The names of activities and members in a report.
struct Names {
    /// Slug and name.
    activities: HashMap<ActivityId, (String, String)>,
    members: HashMap<MemberId, String>,
}

impl Names {
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

    /// Returns the name of an activity, or the word for none.
    fn activity(&self, id: Option<ActivityId>, words: Words) -> &str {
        id.and_then(|id| self.activities.get(&id)).map_or(words.no_activity, |(_, name)| name)
    }
}

/// A report that can be converted to tables.
pub struct ReportTable<'r> {
    report: &'r Report,
    names: Names,
    grouping: Grouping,
    /// `true` for the basis of payments, the only one with amounts on no line.
    is_paid: bool,
    /// `true` if committed cost was requested.
    has_committed: bool,
}

impl<'r> ReportTable<'r> {
    /// Returns the report with the names of its activities and members that the viewer can read.
    pub async fn of(
        ctx: Context<'_>,
        report: &'r Report,
        grouping: Grouping,
        basis: Basis,
    ) -> Result<Self> {
        let mut sums = report.rows.iter().map(|row| row.sums).chain(report.total);
        let has_committed = sums.any(|sums| sums.committed.is_some());
        Ok(Self {
            report,
            names: Names::of(ctx, report).await?,
            grouping,
            is_paid: basis == Basis::Paid,
            has_committed,
        })
    }

    /// Returns the table with names and a row of totals, in English.
    #[must_use]
    pub fn to_table(&self) -> Grid {
        self.describe(ENGLISH)
    }

    /// Returns the table with names and a row of totals, in Swedish.
    #[must_use]
    pub fn to_swedish_table(&self) -> Grid {
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
        // Amounts on no line are rare: omit a column of zeros.
        let has_unattributed =
            self.report.rows.iter().any(|row| row.sums.unattributed != Total::ZERO);
        // Likewise for committed cost if no agreement has any.
        let has_committed = self
            .report
            .rows
            .iter()
            .any(|row| row.sums.committed.is_some_and(|own| own != Committed::default()));
        let grid =
            self.grid(
                columns,
                (has_unattributed, has_committed),
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

    /// Returns the table with names and the identifiers that the API uses.
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
                let id = group.member.map(Identifier::global_id);
                cells.extend([
                    Cell::text(id),
                    Cell::text(group.member.and_then(|id| self.names.members.get(&id))),
                ]);
            }
            cells
        })
    }

    /// Returns a table with these columns before the sums, and `groups` to fill them. `total` is
    /// the first cell in the row of totals. The amounts on no line and the committed cost come
    /// last, if they are included.
    fn grid(
        &self,
        mut columns: Vec<Column>,
        (has_unattributed, has_committed): (bool, bool),
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
        columns.extend(has_unattributed.then(|| {
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
            let unless_withheld = |sum| sums.unless_withheld(sum).map_or(Cell::Empty, Cell::Sum);
            cells.extend([sums.net, sums.vat, sums.gross(), sums.credited].map(Cell::Sum));
            cells.extend([sums.cost, sums.grants, sums.result()].map(unless_withheld));
            cells.push(Cell::Number(sums.invoices));
            cells.extend(has_unattributed.then_some(Cell::Sum(sums.unattributed)));
            if has_committed {
                let committed = sums.committed.unwrap_or_default();
                let committed = [committed.cost, committed.booked, committed.left()];
                cells.extend(committed.map(unless_withheld));
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
