//! `samregister break-even`: number of participants that cover the costs of an activity.

use std::collections::HashMap;

use clap::Args;
use entity::{
    activity,
    id::{Identifier, MemberId},
    kind::FeeBasis,
};
use serde::Serialize;

use super::{
    Outcome, Result, context,
    expiring::check_activities,
    json, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    activities,
    auth::viewer::Viewer,
    members,
    revenue::{self, BreakEven, ByFee},
};

/// Show how many participants cover the costs of activities
///
/// A row for each fee in force today: the least number of payers whose fees cover the costs of the
/// year less its grants. Yearly fees count agreements, one-off fees the agreements that begin in
/// the year, fees per participant the participants, and per-mille fees the members that pay most,
/// each by its own allocation. Members without a known allocation are listed, and are in no number.
/// Committed cost is the sum of agreements by which the network pays in the year; it is shown next
/// to the booked cost, and the number covers the booked cost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister break-even --year 2026
  samregister break-even --year 2026 --activity bip indikatorer --format json
  samregister break-even --year 2026 --output nollresultat-2026.xlsx")]
pub struct Options {
    /// Calendar year
    #[arg(long, value_parser = clap::value_parser!(i32).range(1900..=2999))]
    year: i32,
    /// Only these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    #[command(flatten)]
    report: ReportOptions,
}

/// Reports break-even.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the report can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let viewer = Viewer::operator("break-even");
    check_activities(context(&db, &viewer), &options.activities).await?;
    let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
    let mut known =
        activities::all(context(&db, &viewer), &activities::Filter::default(), &columns).await?;
    known.retain(|activity| {
        options.activities.is_empty() || options.activities.contains(&activity.slug)
    });
    let ids: Vec<_> = known.iter().map(|activity| activity.id).collect();
    let mut found = revenue::break_even_of(context(&db, &viewer), &ids, options.year).await?;
    let found: Vec<Found> = known
        .into_iter()
        .filter_map(|activity| Some((found.remove(&activity.id)?, activity)))
        .collect();
    let missing: Vec<MemberId> = found
        .iter()
        .flat_map(|(own, _)| &own.by_fee)
        .flat_map(|by_fee| by_fee.missing.clone())
        .collect();
    let columns = [entity::member::Column::Id, entity::member::Column::Name];
    let names = members::by_ids(context(&db, &viewer), &missing, &columns).await?;
    let names: Names = names.into_iter().map(|member| (member.id, member.name)).collect();
    let document = match format {
        ReportFormat::Table => to_table(&found, &names).into_bytes(),
        ReportFormat::Json => to_data(options.year, &found, &names)?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&found, |basis| basis.word().to_owned()))?,
        ReportFormat::Xlsx => {
            let title = format!("Nollresultat {}", options.year);
            report::workbook(&db, &title, title.clone(), grid(&found, in_swedish))?
        }
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

fn in_swedish(basis: FeeBasis) -> String {
    let words = match basis {
        FeeBasis::FixedPerYear => "Per år och avtal",
        FeeBasis::OneOff => "En gång, per nytt avtal",
        FeeBasis::PerParticipant => "Per deltagare",
        FeeBasis::PerMilleOfAllocation => "Promille av tilldelning, per medlem",
    };
    words.to_owned()
}

type Found = (BreakEven, activity::Model);
type Names = HashMap<MemberId, String>;

fn grid(found: &[Found], basis: fn(FeeBasis) -> String) -> Grid {
    let columns = vec![
        Column::new("activity", "Verksamhet", Kind::Text),
        Column::new("basis", "Avgift", Kind::Text),
        Column::new("fee", "Belopp", Kind::Money),
        Column::new("per_mille", "Promille", Kind::Text),
        Column::new("cost", "Kostnad", Kind::Money),
        Column::new("grants", "Bidrag", Kind::Money),
        Column::new("need", "Att täcka", Kind::Money),
        Column::new("needed_count", "Antal som krävs", Kind::Number),
        Column::new("joined_count", "Anslutna", Kind::Number),
        Column::new("more_count", "Ytterligare", Kind::Number),
        Column::new("shortfall", "Saknas", Kind::Money),
        Column::new("committed_cost", "Avtalad kostnad", Kind::Money),
        Column::new("committed_cost_booked", "Därav bokförd", Kind::Money),
        Column::new("committed_cost_left", "Kvar att bokföra", Kind::Money),
    ];
    let number = |number: Option<i64>| number.map_or(Cell::Empty, Cell::Number);
    let row = |(own, activity): &Found, by_fee: &ByFee| {
        vec![
            Cell::Text(activity.slug.clone()),
            Cell::Text(basis(by_fee.basis)),
            by_fee.fee.map_or(Cell::Empty, Cell::Money),
            Cell::text(by_fee.per_mille.map(|rate| rate.to_string())),
            Cell::Sum(own.cost),
            Cell::Sum(own.grants),
            Cell::Sum(by_fee.need),
            number(by_fee.count),
            number(by_fee.joined),
            number(by_fee.more),
            Cell::Sum(by_fee.shortfall),
            Cell::Sum(own.committed.cost),
            Cell::Sum(own.committed.booked),
            Cell::Sum(own.committed.left()),
        ]
    };
    let rows = found
        .iter()
        .flat_map(|found| found.0.by_fee.iter().map(move |by_fee| row(found, by_fee)))
        .collect();
    Grid { columns, rows, total: None }
}

fn to_table(found: &[Found], names: &Names) -> String {
    let grid = grid(found, in_swedish);
    if grid.rows.is_empty() {
        return "no activity has a fee today\n".to_owned();
    }
    let mut lines = format!("{}\n", table(&grid));
    for (own, activity) in found {
        for by_fee in &own.by_fee {
            for assumption in &by_fee.assumptions {
                lines += &format!("{}: {assumption}\n", activity.slug);
            }
            if !by_fee.missing.is_empty() {
                let missing: Vec<_> = by_fee
                    .missing
                    .iter()
                    .filter_map(|member| names.get(member))
                    .map(String::as_str)
                    .collect();
                lines += &format!(
                    "{}: without a known allocation, not counted: {}\n",
                    activity.slug,
                    missing.join(", ")
                );
            }
        }
    }
    lines
}

/// JSON output, with the names of the API.
#[derive(Serialize)]
struct Document {
    year: i32,
    activities: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    slug: String,
    name: String,
    cost: Cell,
    grants: Cell,
    committed_cost: Cell,
    committed_cost_booked: Cell,
    committed_cost_left: Cell,
    joined_count: i64,
    by_fee: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    basis: &'static str,
    fee: Option<Cell>,
    per_mille: Option<String>,
    need: Cell,
    needed_count: Option<i64>,
    joined_count: Option<i64>,
    more_count: Option<i64>,
    shortfall: Cell,
    missing: Vec<Missing>,
    assumptions: Vec<String>,
}

#[derive(Serialize)]
struct Missing {
    id: String,
    name: String,
}

fn to_data(year: i32, found: &[Found], names: &Names) -> Result<String> {
    let missing = |member: &MemberId| Missing {
        id: member.global_id(),
        name: names.get(member).cloned().unwrap_or_default(),
    };
    let line = |by_fee: &ByFee| Line {
        basis: by_fee.basis.word(),
        fee: by_fee.fee.map(Cell::Money),
        per_mille: by_fee.per_mille.map(|rate| rate.to_string()),
        need: Cell::Sum(by_fee.need),
        needed_count: by_fee.count,
        joined_count: by_fee.joined,
        more_count: by_fee.more,
        shortfall: Cell::Sum(by_fee.shortfall),
        missing: by_fee.missing.iter().map(missing).collect(),
        assumptions: by_fee.assumptions.clone(),
    };
    let entry = |(own, activity): &Found| Entry {
        slug: activity.slug.clone(),
        name: activity.name.clone(),
        cost: Cell::Sum(own.cost),
        grants: Cell::Sum(own.grants),
        committed_cost: Cell::Sum(own.committed.cost),
        committed_cost_booked: Cell::Sum(own.committed.booked),
        committed_cost_left: Cell::Sum(own.committed.left()),
        joined_count: own.joined,
        by_fee: own.by_fee.iter().map(line).collect(),
    };
    json(&Document { year, activities: found.iter().map(entry).collect() })
}
