//! `samregister scenario`: fees of every member under other service-fee rules.

use std::collections::HashMap;

use clap::Args;
use entity::{
    id::{Identifier, MemberId},
    money::{Money, PerMille},
};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, context, count, json, open,
    report::{ReportFormat, ReportOptions},
    settings, table, token,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    error::ValidationErrors,
    fees::scenario::{
        self,
        comparison::{Proposal, Scenario},
    },
    members,
};

/// Compare service fees of all members under other rules
///
/// Calculates fees at a rate of the allocation of all parties, with or without a cap and a minimum,
/// next to those of the rule in force; nothing is changed. Several rates, and several caps, make a
/// scenario of each rate with each cap: next to each other in the table, one after the other in
/// CSV, each on its own sheet in the workbook. Members whose allocation of the year is not known
/// are listed, and are in no sum.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister scenario --year 2026 --per-mille 3
  Two rates, each without a cap and with one:
    samregister scenario --year 2026 --per-mille 2 4 --cap none 100000
  As if two members had left:
    samregister scenario --year 2026 --per-mille 2.5 --minimum 5000 \\
      --without 229999-0016 229999-0024 --output avgifter.xlsx")]
pub struct Options {
    /// Calendar year
    #[arg(long, value_parser = clap::value_parser!(i32).range(1900..=2999))]
    year: i32,
    /// Rate in per mille; may be repeated for several scenarios
    #[arg(long, value_name = "X", required = true, num_args = 1.., value_delimiter = ',')]
    per_mille: Vec<PerMille>,
    /// Maximum in kronor (maxtak), or none; may be repeated for several scenarios
    #[arg(long, value_name = "KR", num_args = 1.., value_delimiter = ',', value_parser = cap)]
    cap: Vec<Cap>,
    /// Minimum in kronor
    #[arg(long, value_name = "KR", value_parser = kronor)]
    minimum: Option<Money>,
    /// Leave out these members, as if they had left: organisation numbers, ids or import keys
    #[arg(long, value_name = "ORGNR", num_args = 1.., value_delimiter = ',')]
    without: Vec<String>,
    #[command(flatten)]
    report: ReportOptions,
}

/// A cap, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cap(Option<Money>);

fn cap(text: &str) -> std::result::Result<Cap, String> {
    if text == "none" { Ok(Cap(None)) } else { kronor(text).map(|sum| Cap(Some(sum))) }
}

fn kronor(text: &str) -> std::result::Result<Money, String> {
    text.parse().map_err(|reason: entity::money::ParseMoneyError| reason.to_string())
}

/// Titles of the scenarios' columns; more would not fit a table.
const TITLES: [&str; 6] =
    ["Scenario 1", "Scenario 2", "Scenario 3", "Scenario 4", "Scenario 5", "Scenario 6"];

impl Options {
    /// Returns each rate with each cap.
    fn asks(&self, without: &[MemberId]) -> Result<Vec<Proposal>> {
        let caps = if self.cap.is_empty() { &[Cap(None)][..] } else { &self.cap };
        let each = |per_mille: PerMille, cap: Cap| Proposal {
            year: self.year,
            per_mille,
            cap: cap.0,
            minimum: self.minimum,
            allocation_basis: None,
            without: without.to_vec(),
        };
        let asks: Vec<Proposal> = self
            .per_mille
            .iter()
            .flat_map(|rate| caps.iter().map(move |cap| each(*rate, *cap)))
            .collect();
        if asks.len() > TITLES.len() {
            return Err(Failure::usage(format!(
                "--per-mille and --cap make {} scenarios; at most {}",
                asks.len(),
                TITLES.len()
            )));
        }
        Ok(asks)
    }
}

/// Compares service fees.
///
/// # Errors
/// Fails if options are incompatible, a member is not known or the database can't be opened.
pub async fn run(options: Options) -> Result {
    options.asks(&[])?;
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let viewer = Viewer::operator("scenario");
    let every =
        members::all(context(&db, &viewer), &members::Filter::default(), &token::COLUMNS).await?;
    let without: Vec<MemberId> = options
        .without
        .iter()
        .map(|name| token::find(&every, name, "--without"))
        .collect::<Result<_>>()?;
    let names: HashMap<MemberId, String> =
        every.into_iter().map(|member| (member.id, member.name)).collect();
    let asks = options.asks(&without)?;
    let mut found = Vec::new();
    for ask in asks {
        let scenario = scenario::scenario(context(&db, &viewer), &ask, ValidationErrors::default())
            .await
            .map_err(Failure::of_options)?;
        found.push((ask, scenario));
    }
    let document = match format {
        ReportFormat::Table => to_table(&found, &names).into_bytes(),
        ReportFormat::Json => to_data(&found, &names)?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&consecutive_rows(&found, &names))?,
        ReportFormat::Xlsx => sheet::workbook_of(
            &format!("Serviceavgifter {}", options.year),
            Clock::system().now(),
            &sheets(&found, &names),
        )?,
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

type Found = (Proposal, Scenario);
type Names = HashMap<MemberId, String>;

fn name(names: &Names, member: MemberId) -> String {
    names.get(&member).cloned().unwrap_or_default()
}

/// Describes a rule: `4 ‰, at most 100 000,00 kr`.
fn describe(ask: &Proposal) -> String {
    let cap = ask.cap.map(|cap| format!(", at most {}", super::kronor(cap))).unwrap_or_default();
    let minimum = ask
        .minimum
        .map(|minimum| format!(", at least {}", super::kronor(minimum)))
        .unwrap_or_default();
    format!("{} ‰{cap}{minimum}", ask.per_mille)
}

fn to_table(found: &[Found], names: &Names) -> String {
    // Allocations and members are the same in all.
    let Some((ask, first)) = found.first() else { return String::new() };
    let mut lines = String::new();
    if first.rows.is_empty() {
        lines += &format!("no member of {} has a known allocation\n", ask.year);
    } else {
        let mut columns = vec![
            Column::new("member_name", "Medlem", Kind::Text),
            Column::new("allocation", "Tilldelning", Kind::Money),
            Column::new("current", "Avgift nu", Kind::Money),
        ];
        for title in &TITLES[..found.len()] {
            columns.extend([
                Column::new("proposed", *title, Kind::Money),
                Column::new("change", "Skillnad", Kind::Money),
            ]);
        }
        let rows = first.rows.iter().enumerate().map(|(position, row)| {
            let mut cells = vec![
                Cell::Text(name(names, row.member)),
                Cell::Money(row.allocation),
                Cell::Money(row.current),
            ];
            for row in found.iter().filter_map(|(_, scenario)| scenario.rows.get(position)) {
                cells.extend([Cell::Money(row.proposed), Cell::Money(row.proposed - row.current)]);
            }
            cells
        });
        let mut total =
            vec![Cell::Text("Summa".into()), Cell::Empty, Cell::Money(first.current_total)];
        for (_, scenario) in found {
            total.extend([
                Cell::Money(scenario.total),
                Cell::Money(scenario.total - scenario.current_total),
            ]);
        }
        lines += &table(&Grid { columns, rows: rows.collect(), total: Some(total) });
        lines += "\n";
    }
    for (title, (ask, scenario)) in TITLES.iter().zip(found) {
        lines += &format!("{title}: {}", describe(ask));
        if ask.cap.is_some() {
            lines += &match scenario.capped_members {
                0 => "; the cap reduces no fee".to_owned(),
                members => format!(
                    "; the cap reduces the fees of {} by {}",
                    count(members, "member"),
                    super::kronor(scenario.lost_to_cap)
                ),
            };
        }
        lines += "\n";
    }
    if !ask.without.is_empty() {
        let gone: Vec<_> = ask.without.iter().map(|member| name(names, *member)).collect();
        lines += &format!(
            "Without {}, who pay {} under the rule in force\n",
            gone.join(", "),
            super::kronor(first.without_total)
        );
    }
    if !first.missing.is_empty() {
        let missing: Vec<_> = first.missing.iter().map(|member| name(names, *member)).collect();
        let number = count(missing.len(), "member");
        lines += &format!(
            "{number} without a known allocation for {}, not included: {}\n",
            ask.year,
            missing.join(", ")
        );
    }
    lines
}

/// Returns a row for each member of each scenario; members without an allocation have no sums.
fn consecutive_rows(found: &[Found], names: &Names) -> Grid {
    let columns = vec![
        Column::new("per_mille", "Promille", Kind::Text),
        Column::new("cap", "Tak", Kind::Money),
        Column::new("minimum", "Lägsta avgift", Kind::Money),
        Column::new("member", "Medlemmens id", Kind::Text),
        Column::new("member_name", "Medlem", Kind::Text),
        Column::new("allocation", "Tilldelning", Kind::Money),
        Column::new("current", "Avgift nu", Kind::Money),
        Column::new("proposed", "Föreslagen avgift", Kind::Money),
        Column::new("change", "Skillnad", Kind::Money),
        Column::new("capped", "Begränsad av taket", Kind::Text),
    ];
    let money = |sum: Option<Money>| sum.map_or(Cell::Empty, Cell::Money);
    let mut rows = Vec::new();
    for (ask, scenario) in found {
        let of = |member: MemberId, rest: [Cell; 5]| {
            let mut cells =
                vec![Cell::Text(ask.per_mille.to_string()), money(ask.cap), money(ask.minimum)];
            cells.extend([Cell::Text(member.global_id()), Cell::Text(name(names, member))]);
            cells.extend(rest);
            cells
        };
        rows.extend(scenario.rows.iter().map(|row| {
            let change = row.proposed - row.current;
            let sums = [row.allocation, row.current, row.proposed, change].map(Cell::Money);
            let [allocation, current, proposed, change] = sums;
            of(
                row.member,
                [allocation, current, proposed, change, Cell::Text(row.capped.to_string())],
            )
        }));
        rows.extend(scenario.missing.iter().map(|member| of(*member, [const { Cell::Empty }; 5])));
    }
    Grid { columns, rows, total: None }
}

/// Returns a named sheet for each scenario, in Swedish; members without an allocation come last and
/// have no sums.
fn sheets(found: &[Found], names: &Names) -> Vec<(String, Grid)> {
    let sheet = |(index, (ask, scenario)): (usize, &Found)| {
        let columns = vec![
            Column::new("member_name", "Medlem", Kind::Text),
            Column::new("allocation", "Tilldelning", Kind::Money),
            Column::new("current", "Avgift nu", Kind::Money),
            Column::new("proposed", describe_in_swedish(ask), Kind::Money),
            Column::new("change", "Skillnad", Kind::Money),
            Column::new("capped", "Begränsad av taket", Kind::Text),
        ];
        let mut rows: Vec<_> = scenario
            .rows
            .iter()
            .map(|row| {
                let sums = [row.allocation, row.current, row.proposed, row.proposed - row.current]
                    .map(Cell::Money);
                let capped = Cell::Text(if row.capped { "Ja" } else { "Nej" }.to_owned());
                [Cell::Text(name(names, row.member))]
                    .into_iter()
                    .chain(sums)
                    .chain([capped])
                    .collect()
            })
            .collect();
        let missing = |member: &MemberId| {
            let sums = [const { Cell::Empty }; 4];
            let note = Cell::Text("Tilldelningen är inte känd".to_owned());
            [Cell::Text(name(names, *member))].into_iter().chain(sums).chain([note]).collect()
        };
        rows.extend(scenario.missing.iter().map(missing));
        let sums =
            [scenario.current_total, scenario.total, scenario.total - scenario.current_total]
                .map(Cell::Money);
        let total = [Cell::Text("Summa".to_owned()), Cell::Empty]
            .into_iter()
            .chain(sums)
            .chain([Cell::Empty])
            .collect();
        (format!("Scenario {}", index + 1), Grid { columns, rows, total: Some(total) })
    };
    found.iter().enumerate().map(sheet).collect()
}

/// Describes a rule in Swedish: `4 ‰, högst 100 000,00`.
fn describe_in_swedish(ask: &Proposal) -> String {
    let cap = ask.cap.map(|cap| format!(", högst {}", super::kronor(cap))).unwrap_or_default();
    let minimum = ask
        .minimum
        .map(|minimum| format!(", minst {}", super::kronor(minimum)))
        .unwrap_or_default();
    format!("{} ‰{cap}{minimum}", ask.per_mille.to_string().replace('.', ","))
}

/// JSON output, with the names of the API.
#[derive(Serialize)]
struct Document {
    year: i32,
    scenarios: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    per_mille: String,
    cap: Option<Cell>,
    minimum: Option<Cell>,
    rows: Vec<Line>,
    total: Cell,
    current_total: Cell,
    without_total: Cell,
    capped_member_count: usize,
    lost_to_cap: Cell,
    missing: Vec<Member>,
}

#[derive(Serialize)]
struct Line {
    member: Member,
    allocation: Cell,
    current: Cell,
    proposed: Cell,
    change: Cell,
    capped: bool,
}

#[derive(Serialize)]
struct Member {
    id: String,
    name: String,
}

fn to_data(found: &[Found], names: &Names) -> Result<String> {
    let member = |member: MemberId| Member { id: member.global_id(), name: name(names, member) };
    let entry = |(ask, scenario): &Found| Entry {
        per_mille: ask.per_mille.to_string(),
        cap: ask.cap.map(Cell::Money),
        minimum: ask.minimum.map(Cell::Money),
        rows: scenario
            .rows
            .iter()
            .map(|row| Line {
                member: member(row.member),
                allocation: Cell::Money(row.allocation),
                current: Cell::Money(row.current),
                proposed: Cell::Money(row.proposed),
                change: Cell::Money(row.proposed - row.current),
                capped: row.capped,
            })
            .collect(),
        total: Cell::Money(scenario.total),
        current_total: Cell::Money(scenario.current_total),
        without_total: Cell::Money(scenario.without_total),
        capped_member_count: scenario.capped_members,
        lost_to_cap: Cell::Money(scenario.lost_to_cap),
        missing: scenario.missing.iter().copied().map(member).collect(),
    };
    json(&Document {
        year: found.first().map_or(0, |(ask, _)| ask.year),
        scenarios: found.iter().map(entry).collect(),
    })
}
