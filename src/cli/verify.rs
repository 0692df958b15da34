//! `samregister verify`: whether everything that must hold in the register does.

use std::collections::HashMap;

use chrono::NaiveDate;
use clap::Args;
use entity::{
    agreement::{Column, Model},
    id::AgreementId,
};
use sea_orm::DbBackend;

use super::{Outcome, Result, count, open, put, settings};
use crate::{
    agreements::{self, Field, Filter},
    audit,
    auth::viewer::Viewer,
    database::Database,
    error::{self, Faults},
    page, revenue, search, swedish, terms,
};

/// Check everything that must hold in the register
///
/// The audit trail's chain; invoices against their lines, payments and credit notes; the totals by month; gapless series of numbers; the
/// deadlines and successors of agreements; the words that the search finds things by; with SQLite also references between rows and the file itself. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter from cron, only when something is broken:
    samregister verify > list || mail -s Register kansli@example.se < list

Exit codes: 0 nothing found; 3 something is broken, each breach on a line.")]
pub struct Options {}

/// Checks the register.
///
/// # Errors
/// When the register can't be opened or read, or stdout can't be written to.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut checks =
        vec![audit::breaches(&db).await?, revenue::breaches(&db).await?, of_agreements(&db).await?, search::breaches(&db).await?];
    if db.backend() == DbBackend::Sqlite {
        checks.push(db.breaches().await?);
    }
    db.close().await?;
    let breaches: Vec<_> = checks.iter().flatten().collect();
    let lines: String = breaches.iter().map(|breach| format!("{breach}\n")).collect();
    let found = match breaches.len() {
        0 => "no breach".to_owned(),
        1 => "1 breach".to_owned(),
        many => format!("{many} breaches"),
    };
    put(format!("{lines}{}, {found}\n", count(checks.len(), "check")))?;
    Ok(if breaches.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// What agreements store though it follows from their facts and from those of their successors, and gaps in their numbers.
async fn of_agreements(db: &Database) -> error::Result<Vec<String>> {
    let viewer = Viewer::operator("verify");
    let order = agreements::order(db, Field::Number, false);
    let mut columns = terms::COLUMNS.to_vec();
    columns.extend([Column::Id, Column::Number, Column::NumberKey, Column::ReplacesId, Column::DeadlineOn, Column::DeadlineMonth]);
    let mut breaches = Vec::new();
    // Whoever is replaced stands before or after its successor, so both are kept until the end: a few bytes each.
    let (mut replaced, mut successors): (HashMap<AgreementId, (String, NaiveDate)>, HashMap<AgreementId, NaiveDate>) = Default::default();
    let (mut after, mut last) = (None, None);
    loop {
        let args = page::Args { first: i64::try_from(page::MOST).ok(), after, ..page::Args::default() };
        let page = agreements::list(db, &viewer, &Filter::default(), &order, &args, &columns, Faults::default()).await?;
        after = page.rows.last().map(|(place, _)| place.encode());
        for (_, row) in page.rows {
            look_at(&row, &mut breaches);
            last = look_at_number(&row, last, &mut breaches);
            replaced.extend(row.replaced_from.map(|from| (row.id, (name(&row), from))));
            if let Some(predecessor) = row.replaces_id.filter(|_| row.signed_on.is_some() && row.withdrawn_on.is_none()) {
                successors.insert(predecessor, row.starts_on);
            }
        }
        if !page.has_next {
            break;
        }
    }
    let mut of_successors = Vec::new();
    for (id, (name, from)) in &replaced {
        if successors.get(id) != Some(from) {
            of_successors.push(format!("{name} is replaced from {from}, but no signed successor starts then"));
        }
    }
    let forgotten = successors.iter().filter(|(id, _)| !replaced.contains_key(id));
    of_successors
        .extend(forgotten.map(|(id, from)| format!("agreement {} has a signed successor from {from}, but does not say so", id.0.simple())));
    of_successors.sort();
    breaches.extend(of_successors);
    Ok(breaches)
}

fn name(row: &Model) -> String {
    match &row.number {
        Some(number) => format!("agreement {number}"),
        None => format!("agreement {}", row.id.0.simple()),
    }
}

fn look_at(row: &Model, breaches: &mut Vec<String>) {
    if (row.deadline_on, row.deadline_month) != terms::deadline_columns(&terms::of(row)) {
        breaches.push(format!("{} stores another deadline than its dates give", name(row)));
    }
    if row.number_key != row.number.as_deref().map(swedish::number_key).unwrap_or_default() {
        breaches.push(format!("{} is not found by its number", name(row)));
    }
}

/// Whether the number follows the last one of its year; answers its year and serial number, when it has them.
fn look_at_number(row: &Model, last: Option<(i32, u32)>, breaches: &mut Vec<String>) -> Option<(i32, u32)> {
    let numbered = row.number.as_deref().and_then(|number| number.split_once('-')).and_then(|(year, serial)| {
        let is_plain = year.len() == 4 && serial.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { Some((year.parse().ok()?, serial.parse().ok()?)) } else { None }
    });
    let (year, serial): (i32, u32) = numbered.or(last)?;
    if let Some((of, before)) = last
        && numbered.is_some()
        && of == year
        && serial > before.saturating_add(1)
    {
        let missing = if serial == before + 2 { format!("{} is", before + 1) } else { format!("{} to {} are", before + 1, serial - 1) };
        breaches.push(format!("agreement {year}-{before:04} is followed by {year}-{serial:04}: {missing} missing"));
    }
    Some((year, serial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_a_years_numbers_are_named() {
        let (mut last, mut breaches) = (None, Vec::new());
        for number in ["2025-0001", "2025-0002", "2025-0004", "2025-0008", "2026-0003", "2026-0004", "A-7", "2026-0005"] {
            last = look_at_number(&Model { number: Some(number.into()), ..Model::default() }, last, &mut breaches);
        }
        assert_eq!(
            breaches,
            [
                "agreement 2025-0002 is followed by 2025-0004: 3 is missing",
                "agreement 2025-0004 is followed by 2025-0008: 5 to 7 are missing",
            ]
        );
    }
}
