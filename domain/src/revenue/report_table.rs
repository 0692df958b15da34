//! A revenue report as a table, for people in Swedish and for programs.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::{ActivityId, Identifier, MemberId},
    total::Total,
};
use chrono::NaiveDate;
use documents::{Cell, Column, Grid, Kind, sheet::Chart};

use super::{
    forecast_calculation::Forecast,
    grouping::{Group, Grouping, Period, Range},
    report_rows::Report,
    sums::{Basis, Committed, Sums},
};
use crate::collation;

/// Returns the title of a report in Swedish.
pub(super) fn title(basis: Basis, days: Range) -> String {
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

/// Returns the assumptions of a forecast as a table, one in each row.
#[must_use]
pub fn assumptions(forecast: &Forecast) -> Grid {
    let rows =
        forecast.assumptions.iter().map(|sentence| vec![Cell::Text(sentence.clone())]).collect();
    Grid { columns: vec![Column::new("assumption", "Antagande", Kind::Text)], rows, total: None }
}

/// The grouping of a forecast's rows.
pub const OF_FORECAST: Grouping = Grouping { activity: true, member: false, period: None };

/// Returns the net revenue of each activity, in the order of the report, by year.
pub(super) fn by_activity(report: &Report, names: &Names) -> Chart {
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
        (activity.is_none(), collation::key(names.activity(*activity)))
    });
    Chart {
        series: years.into_iter().map(str::to_owned).collect(),
        rows: rows
            .into_iter()
            .map(|(activity, amounts)| (names.activity(activity).to_owned(), amounts))
            .collect(),
        ..Chart::default()
    }
}

/// The names of activities and members in a report.
pub(super) struct Names {
    /// Slug and name.
    pub(super) activities: HashMap<ActivityId, (String, String)>,
    pub(super) members: HashMap<MemberId, String>,
}

impl Names {
    /// Returns the name of an activity, or the word for none.
    fn activity(&self, id: Option<ActivityId>) -> &str {
        id.and_then(|id| self.activities.get(&id)).map_or("(ingen verksamhet)", |(_, name)| name)
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
    /// Returns the report with these names.
    pub(super) fn new(report: &'r Report, names: Names, grouping: Grouping, basis: Basis) -> Self {
        let mut sums = report.rows.iter().map(|row| row.sums).chain(report.total);
        let has_committed = sums.any(|sums| sums.committed.is_some());
        Self { report, names, grouping, is_paid: basis == Basis::Paid, has_committed }
    }

    /// Returns the table with names and a row of totals, in Swedish.
    #[must_use]
    pub fn to_table(&self) -> Grid {
        let mut columns = Vec::new();
        columns.extend(self.grouping.period.map(|_| Column::new("period", "Period", Kind::Text)));
        columns.extend(
            self.grouping.activity.then(|| Column::new("activity_name", "Verksamhet", Kind::Text)),
        );
        columns
            .extend(self.grouping.member.then(|| Column::new("member_name", "Medlem", Kind::Text)));
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
        let grid = self.grid(
            columns,
            (has_unattributed, has_committed),
            Cell::Text("Summa".into()),
            |group| {
                let mut cells = Vec::new();
                let name = |period: Period| {
                    Cell::text(group.period.as_deref().map(|name| period.in_swedish(name)))
                };
                cells.extend(self.grouping.period.map(name));
                cells.extend(
                    self.grouping
                        .activity
                        .then(|| Cell::Text(self.names.activity(group.activity).to_owned())),
                );
                cells.extend(self.grouping.member.then(|| {
                    match group.member.and_then(|id| self.names.members.get(&id)) {
                        Some(name) => Cell::Text(name.clone()),
                        None => Cell::Text("(ingen medlem)".into()),
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
                Column::new("activity", "Kortnamn", Kind::Text),
                Column::new("activity_name", "Verksamhet", Kind::Text),
            ]);
        }
        if self.grouping.member {
            columns.extend([
                Column::new("member", "Medlemmens id", Kind::Text),
                Column::new("member_name", "Medlem", Kind::Text),
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
            Column::new("net", "Netto", Kind::Money),
            Column::new("vat", "Moms", Kind::Money),
            Column::new("gross", "Brutto", Kind::Money),
            Column::new("credited", "Krediterat", Kind::Money),
            Column::new("cost", "Kostnad", Kind::Money),
            Column::new("grants", "Bidrag", Kind::Money),
            Column::new("result", "Resultat", Kind::Money),
            Column::new("invoices", "Antal fakturor", Kind::Distinct),
        ]);
        columns.extend(
            has_unattributed.then(|| Column::new("unattributed", "På ingen rad", Kind::Money)),
        );
        if has_committed {
            columns.extend([
                Column::new("committed_cost", "Avtalad kostnad", Kind::Money),
                Column::new("committed_cost_booked", "Därav bokförd", Kind::Money),
                Column::new("committed_cost_left", "Kvar att bokföra", Kind::Money),
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{super::report_rows::Row, *};

    fn activity(id: u128) -> ActivityId {
        ActivityId(Uuid::from_u128(id))
    }

    fn names() -> Names {
        let activities = [(1, "bip", "BIP"), (2, "alfa", "Alfa")];
        let named = |(id, slug, name): (u128, &str, &str)| {
            (activity(id), (slug.to_owned(), name.to_owned()))
        };
        Names { activities: activities.map(named).into(), members: HashMap::new() }
    }

    fn row(activity_id: Option<u128>, period: Option<&str>, sums: Sums) -> Row {
        let group = Group {
            activity: activity_id.map(activity),
            member: None,
            period: period.map(str::to_owned),
        };
        Row { group, sums }
    }

    fn net(net: i128) -> Sums {
        Sums { net: Total(net), ..Sums::default() }
    }

    #[test]
    fn a_chart_has_a_label_for_each_activity_and_a_series_for_each_year() {
        let rows = vec![
            row(Some(1), Some("2025"), net(100)),
            row(None, Some("2025"), net(5)),
            row(Some(2), Some("2026"), net(300)),
            row(Some(1), Some("2026"), net(200)),
            row(Some(2), Some("2027"), net(0)),
        ];
        let chart = by_activity(&Report { rows, ..Report::default() }, &names());
        assert_eq!(chart.series, ["2025", "2026", "2027"]);
        let expected =
            [("Alfa", [0, 300, 0]), ("BIP", [100, 200, 0]), ("(ingen verksamhet)", [5, 0, 0])];
        let expected = expected.map(|(name, sums)| (name.to_owned(), sums.map(Total).to_vec()));
        assert_eq!(chart.rows, expected);
    }

    #[test]
    fn withheld_costs_are_empty_cells_and_no_zeros() {
        let sums = Sums { cost: Total(7), are_costs_withheld: true, ..net(100) };
        let report =
            Report { rows: vec![row(Some(1), None, sums)], total: Some(sums), ..Report::default() };
        let grouping = Grouping { activity: true, ..Grouping::default() };
        let table = ReportTable::new(&report, names(), grouping, Basis::Invoiced);
        let grid = table.to_data();
        let cell = |name: &str| {
            let position = grid.columns.iter().position(|column| column.name == name).unwrap();
            grid.rows[0][position].clone()
        };
        assert_eq!(
            (cell("activity"), cell("net")),
            (Cell::Text("bip".into()), Cell::Sum(Total(100)))
        );
        for name in ["cost", "grants", "result"] {
            assert_eq!(cell(name), Cell::Empty, "{name}");
        }
        assert!(grid.columns.iter().all(|column| column.name != "committed_cost"));
    }

    #[test]
    fn the_total_of_a_table_has_its_word_and_a_single_row_needs_none() {
        let report = Report {
            rows: vec![row(None, Some("2026-Q2"), net(1))],
            total: Some(net(1)),
            ..Report::default()
        };
        let grouping = Grouping { period: Some(Period::Quarter), ..Grouping::default() };
        let grid = ReportTable::new(&report, names(), grouping, Basis::Invoiced).to_table();
        assert_eq!(grid.rows[0][0], Cell::Text("kvartal 2 2026".into()));
        assert_eq!(grid.total.unwrap()[0], Cell::Text("Summa".into()));
        let grid =
            ReportTable::new(&report, names(), Grouping::default(), Basis::Invoiced).to_table();
        assert_eq!(grid.total, None);
    }
}
