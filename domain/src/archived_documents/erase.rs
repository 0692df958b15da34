//! Erases the files of documents. The document, its number and the digests of its files remain.

use std::collections::{HashMap, HashSet};

use ::entity::{
    agreement,
    archived_document::Model,
    cost,
    id::{AgreementId, ArchivedDocumentId, CostId},
    stored_file,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    loading,
    retention::{self, End},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    database::among,
    error::{LINE, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files,
};

/// Returns those of these documents whose files the viewer may erase: they are stored, and no law
/// demands them any longer.
pub async fn erasable(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<ArchivedDocumentId>> {
    if !ctx.viewer.has(Permission::ManageRegister) {
        return Ok(HashSet::new());
    }
    let (ends, today) = (ends_of(ctx.db.read(), rows).await?, ctx.clock.today());
    let is_free = |row: &&Model| {
        let end = ends.get(&row.id).copied().unwrap_or_default();
        row.erased_on.is_none() && retention::of(row, end).is_over(today)
    };
    Ok(rows.iter().filter(is_free).map(|row| row.id).collect())
}

/// Returns the ends of the agreements and the days of the costs that documents are attached to. A
/// document that is attached to neither has no entry.
async fn ends_of(
    db: &impl ConnectionTrait,
    rows: &[Model],
) -> Result<HashMap<ArchivedDocumentId, End>> {
    let backend = db.get_database_backend();
    let ids: Vec<AgreementId> = rows.iter().filter_map(|row| row.agreement_id).collect();
    let mut agreements = HashMap::<AgreementId, End>::new();
    if !ids.is_empty() {
        let theirs = among(backend, Expr::col(agreement::Column::Id), ids);
        let found = agreement::Entity::find().filter(theirs).all(db).await?;
        agreements.extend(found.iter().map(|row| (row.id, End::of_agreement(row))));
    }
    let ids: Vec<CostId> = rows.iter().filter_map(|row| row.cost_id).collect();
    let mut costs = HashMap::<CostId, End>::new();
    if !ids.is_empty() {
        let theirs = among(backend, Expr::col(cost::Column::Id), ids);
        let found = cost::Entity::find().filter(theirs).all(db).await?;
        costs.extend(found.iter().map(|row| (row.id, End::of_cost(row))));
    }
    let end_of = |row: &Model| {
        let of_agreement = row.agreement_id.and_then(|id| agreements.get(&id));
        let end = of_agreement.or_else(|| costs.get(&row.cost_id?)).copied()?;
        Some((row.id, end))
    };
    Ok(rows.iter().filter_map(end_of).collect())
}

/// Returns the name of an erased file, `D2026-0001-1.pdf`: that of the upload may name a person.
pub(crate) fn erased_name(number: &str, version: Option<i32>, media_type: &str) -> String {
    let version = version.unwrap_or(1);
    stored_files::file_name::to_save(&format!("{number}-{version}"), media_type)
}

/// Erases the bytes and the names of all versions of a document. The document stays in the archive
/// with its number, and its files with their SHA-256. Bytes that another file has as well remain
/// stored for that file. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ERASED`, or `RETAINED` with the first day on which the law permits the erasure.
pub async fn erase(
    ctx: Context<'_>,
    id: ArchivedDocumentId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<ArchivedDocumentId> {
    ctx.require(Permission::ManageRegister)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::ArchivedDocumentErase).await?;
    let before = loading::find_stored(change.tx(), id).await?;
    let today = day_of(change.at());
    let ends = ends_of(change.tx(), std::slice::from_ref(&before)).await?;
    let end = ends.get(&id).copied().unwrap_or_default();
    retention::of(&before, end).require_over(&before.number, today)?;
    let after = Model { erased_on: Some(today), erasure_reason: Some(reason), ..before.clone() };
    audit::replace(&change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    let files = stored_file::Entity::find()
        .filter(stored_file::Column::ArchivedDocumentId.eq(id))
        .all(change.tx())
        .await?;
    stored_files::removal::remove_bytes(&change, &files).await?;
    for file in files {
        let name = erased_name(&before.number, file.version, &file.media_type);
        audit::replace(&change, stored_file::Model { name, ..file }).await?;
    }
    change.commit_with(Outcome::of(id)).await?;
    // A failure here does not undo the erasure.
    if let Err(error) = ctx.db.truncate_wal().await {
        tracing::warn!(%error, "the database's log could not be emptied after the erasure");
    }
    Ok(id)
}
