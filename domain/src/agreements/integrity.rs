//! Integrity of agreements: stored values must agree with the facts that they are derived from.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement::{self, Column, Model},
    agreement_document,
    id::AgreementId,
    signature,
};
use chrono::NaiveDate;
use documents::sha256;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query},
};

use super::date_order;
use crate::{
    audit::{Gaps, date_order::sort_out},
    database::{Database, among, rows},
    error::Result,
    findings::Findings,
    swedish, term_sql,
};

/// Number of agreements that are loaded together.
const CHUNK: u64 = 2000;

/// Number of texts that are loaded together; each has its PDF.
const DOCUMENT_CHUNK: u64 = 20;

/// Returns the violations in stored values that must follow from the facts of agreements and their
/// successors, in the sequence of numbers, and in documents, one sentence each.
pub async fn violations(db: &Database) -> Result<Vec<String>> {
    Ok(findings(&db.snapshot().await?).await?.violations)
}

/// Returns the violations, and notes about violations that came with imported history, in a
/// snapshot.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = Findings::default();
    of_rows(db, &mut found).await?;
    found.violations.extend(of_documents(db).await?);
    Ok(found)
}

/// Checks the stored dates and numbers of all agreements, and the texts of these agreements only,
/// in a snapshot.
pub async fn findings_of(
    db: &impl ConnectionTrait,
    agreements: &BTreeSet<AgreementId>,
) -> Result<Findings> {
    let mut found = Findings::default();
    of_rows(db, &mut found).await?;
    let ids: Vec<AgreementId> = agreements.iter().copied().collect();
    for ids in ids.chunks(usize::try_from(DOCUMENT_CHUNK).unwrap_or(1)) {
        let theirs = among(
            db.get_database_backend(),
            Expr::col(agreement_document::Column::AgreementId),
            ids.iter().copied(),
        );
        let documents = agreement_document::Entity::find().filter(theirs).all(db).await?;
        check_documents(db, &documents, &mut found.violations).await?;
    }
    Ok(found)
}

/// Returns the columns for checking the deadline, the number and the successor of every agreement.
fn columns() -> Vec<Column> {
    let mut columns = term_sql::COLUMNS.to_vec();
    columns.extend([
        Column::Id,
        Column::Number,
        Column::NumberKey,
        Column::ReplacesId,
        Column::DeadlineOn,
        Column::DeadlineMonth,
    ]);
    columns
}

async fn of_rows(db: &impl ConnectionTrait, found: &mut Findings) -> Result<()> {
    let columns = columns();
    // A replaced agreement may come before or after its successor, so both are collected until the
    // end, with a few bytes each.
    let (mut replaced, mut successors): (
        HashMap<AgreementId, (String, NaiveDate)>,
        HashMap<AgreementId, NaiveDate>,
    ) = Default::default();
    let (mut gaps, mut last, mut after) = (Gaps::default(), None, None::<(String, AgreementId)>);
    loop {
        let mut select = Query::select();
        select.columns(columns.iter().copied()).from(agreement::Entity);
        if let Some((key, id)) = after.take() {
            let position = Expr::tuple([Expr::col(Column::NumberKey), Expr::col(Column::Id)]);
            select.and_where(position.gt(Expr::tuple([Expr::val(key), Expr::val(id)])));
        }
        select
            .order_by(Column::NumberKey, Order::Asc)
            .order_by(Column::Id, Order::Asc)
            .limit(CHUNK);
        for row in rows::<Model>(db, &select, &columns).await? {
            check(&row, &mut found.violations);
            last = check_number(&row, last, &mut gaps);
            replaced.extend(row.replaced_from.map(|from| (row.id, (name(&row), from))));
            if let Some(predecessor) =
                row.replaces_id.filter(|_| row.signed_on.is_some() && row.withdrawn_on.is_none())
            {
                successors.insert(predecessor, row.starts_on);
            }
            after = Some((row.number_key, row.id));
        }
        if after.is_none() {
            break;
        }
    }
    let mut of_successors = Vec::new();
    for (id, (name, from)) in &replaced {
        if successors.get(id) != Some(from) {
            of_successors.push(format!(
                "{name} is replaced from {from}, but no signed successor starts then"
            ));
        }
    }
    let forgotten = successors.iter().filter(|(id, _)| !replaced.contains_key(id));
    of_successors.extend(forgotten.map(|(id, from)| {
        format!(
            "agreement {} has a signed successor from {from}, but does not say so",
            id.0.simple()
        )
    }));
    of_successors.sort();
    found.violations.extend(of_successors);
    found.extend(gaps.sort_out(db).await?);
    let (violations, notes) = sort_out(db, date_order::inversions(db).await?).await?;
    found.extend(Findings { violations, notes });
    Ok(())
}

/// Finds every text that does not match its SHA-256, and every signature with another SHA-256, one
/// sentence each.
async fn of_documents(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    use agreement_document::Column::AgreementId as Id;
    let (mut found, mut last) = (Vec::new(), AgreementId::default());
    loop {
        let documents = agreement_document::Entity::find()
            .filter(Id.gt(last))
            .order_by_asc(Id)
            .limit(DOCUMENT_CHUNK)
            .all(db)
            .await?;
        let Some(end) = documents.last() else { return Ok(found) };
        last = end.agreement_id;
        check_documents(db, &documents, &mut found).await?;
    }
}

async fn check_documents(
    db: &impl ConnectionTrait,
    documents: &[agreement_document::Model],
    found: &mut Vec<String>,
) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    let ids = || documents.iter().map(|document| document.agreement_id);
    let columns = [Column::Id, Column::Number];
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids());
    let select = Query::select().columns(columns).from(agreement::Entity).and_where(theirs).take();
    let names: HashMap<AgreementId, String> =
        rows::<Model>(db, &select, &columns).await?.iter().map(|row| (row.id, name(row))).collect();
    let theirs = among(db.get_database_backend(), Expr::col(signature::Column::AgreementId), ids());
    let signatures = signature::Entity::find()
        .filter(theirs)
        .order_by_asc(signature::Column::Id)
        .all(db)
        .await?;
    for document in documents {
        let Some(name) = names.get(&document.agreement_id) else { continue };
        // Without a PDF there is nothing to compare with the SHA-256.
        if document.pdf.as_ref().is_some_and(|pdf| sha256(pdf) != document.sha256) {
            found.push(format!(
                "{name} has other bytes in its PDF than the SHA-256 says: {}",
                document.sha256
            ));
        }
        let theirs =
            signatures.iter().filter(|signature| signature.agreement_id == document.agreement_id);
        for signature in theirs.filter(|signature| signature.document_sha256 != document.sha256) {
            found.push(format!(
                "{name} has a signature by {} under another text: {}",
                signature.name, signature.document_sha256
            ));
        }
    }
    Ok(())
}

fn name(row: &Model) -> String {
    match &row.number {
        Some(number) => format!("agreement {number}"),
        None => format!("agreement {}", row.id.0.simple()),
    }
}

fn check(row: &Model, violations: &mut Vec<String>) {
    if (row.deadline_on, row.deadline_month) != term_sql::deadline_columns(&term_sql::of(row)) {
        violations.push(format!("{} stores another deadline than its dates give", name(row)));
    }
    if row.number_key != row.number.as_deref().map(swedish::number_key).unwrap_or_default() {
        violations.push(format!("{} is not found by its number", name(row)));
    }
}

/// Adds a gap unless the number follows the last one of its year. Returns its year and serial
/// number, or `last` if it has none.
fn check_number(row: &Model, last: Option<(i32, u32)>, gaps: &mut Gaps) -> Option<(i32, u32)> {
    let numbered = row.number.as_deref().and_then(|number| number.split_once('-')).and_then(
        |(year, serial)| {
            let is_plain = year.len() == 4 && serial.bytes().all(|byte| byte.is_ascii_digit());
            if is_plain { Some((year.parse().ok()?, serial.parse().ok()?)) } else { None }
        },
    );
    let (year, serial): (i32, u32) = numbered.or(last)?;
    if let Some((of, before)) = last
        && numbered.is_some()
        && of == year
        && serial > before.saturating_add(1)
    {
        let missing = if serial == before + 2 {
            format!("{} is", before + 1)
        } else {
            format!("{} to {} are", before + 1, serial - 1)
        };
        gaps.add(
            row.id,
            format!(
                "agreement {year}-{before:04} is followed by {year}-{serial:04}: {missing} missing"
            ),
        );
    }
    Some((year, serial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_a_years_numbers_are_named() {
        let (mut last, mut gaps) = (None, Gaps::default());
        for number in [
            "2025-0001",
            "2025-0002",
            "2025-0004",
            "2025-0008",
            "2026-0003",
            "2026-0004",
            "A-7",
            "2026-0005",
        ] {
            last = check_number(
                &Model { number: Some(number.into()), ..Model::default() },
                last,
                &mut gaps,
            );
        }
        assert_eq!(
            gaps.sentences().collect::<Vec<_>>(),
            [
                "agreement 2025-0002 is followed by 2025-0004: 3 is missing",
                "agreement 2025-0004 is followed by 2025-0008: 5 to 7 are missing",
            ]
        );
    }
}
