//! Integrity of agreements: stored values must agree with the facts that they are derived from.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement::{self, Column, Model},
    agreement_document,
    id::AgreementId,
    signature,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query},
};

use super::{
    date_order,
    integrity_rules::{Succession, check, check_document, check_number, name},
};
use crate::{
    audit::{Gaps, date_order::sort_out},
    database::{Database, among, rows},
    error::Result,
    findings::Findings,
    term_sql,
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
    let mut succession = Succession::default();
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
            succession.add(&row);
            after = Some((row.number_key, row.id));
        }
        if after.is_none() {
            break;
        }
    }
    found.violations.extend(succession.violations());
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
        let theirs =
            signatures.iter().filter(|signature| signature.agreement_id == document.agreement_id);
        found.extend(check_document(name, document, theirs));
    }
    Ok(())
}
