//! Uploads: files that wait for the mutation that uses them. An upload changes nothing in the
//! register, so it has no entry in the audit trail: the mutation that uses the file records it.

use std::time::Duration;

use ::entity::{
    id::StoredFileId,
    stored_content,
    stored_file::{Column, Entity, Model},
};
use chrono::{DateTime, TimeDelta, Utc};
use documents::sha256;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
    sea_query::{Expr, OnConflict, Query},
};

use super::{file_name, media_type, removal};
use crate::{
    auth::viewer::Permission,
    clock::Clock,
    context::Context,
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
};

/// Time after which an unused file is removed.
const UNUSED_DAYS: i64 = 1;
/// Interval at which unused files are removed.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A file to store.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Name of the file.
    pub name: String,
    /// Media type that the uploader declares; null: none.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Checks that the viewer may upload files.
///
/// # Errors
/// FORBIDDEN unless the viewer may record signatures or costs.
pub fn require(ctx: Context<'_>) -> Result<()> {
    if ctx.viewer.has(Permission::ManageAgreements) {
        return Ok(());
    }
    ctx.require(Permission::ManageAccounts)
}

/// Stores an uploaded file, which only the same subject may use, within a day.
///
/// # Errors
/// FORBIDDEN unless the viewer may record signatures or costs, INVALID naming every bad field,
/// CONFLICT `BUSY`.
pub async fn upload(ctx: Context<'_>, new: NewFile) -> Result<Model> {
    require(ctx)?;
    let (name, media_type) = check(&new)?;
    let row = Model {
        id: StoredFileId::new(),
        sha256: sha256(&new.bytes),
        media_type: media_type.to_owned(),
        name,
        size: i64::try_from(new.bytes.len()).map_err(Error::internal)?,
        uploaded_at: ctx.clock.now(),
        uploaded_by: sha256(ctx.viewer.subject.as_bytes()),
        signature_id: None,
        cost_id: None,
        archived_document_id: None,
        version: None,
    };
    let tx = ctx.db.write().await?;
    store_content(&tx, &row.sha256, new.bytes).await?;
    Entity::insert(row.clone().into_active_model()).exec_without_returning(&tx).await?;
    ctx.db.commit(tx, None).await?;
    Ok(row)
}

/// Checks a file. Returns its name as it is stored, and its media type.
///
/// # Errors
/// INVALID naming every bad field.
pub(crate) fn check(new: &NewFile) -> Result<(String, &'static str)> {
    let mut errors = ValidationErrors::default();
    let name = errors.text("name", &new.name, LINE);
    let media_type = match media_type::detect(&new.bytes, new.media_type.as_deref()) {
        Ok(media_type) => {
            if let Some(problem) = file_name::problem(&name, media_type) {
                errors.add("name", problem);
            }
            media_type
        }
        Err(problem) => {
            errors.add("media_type", problem);
            ""
        }
    };
    errors.finish()?;
    Ok((name, media_type))
}

/// Stores bytes, unless they are stored already. Bytes that were erased are stored again.
pub(crate) async fn store_content(
    tx: &impl ConnectionTrait,
    sha256: &str,
    bytes: Vec<u8>,
) -> Result<()> {
    let known = stored_content::Entity::find_by_id(sha256.to_owned())
        .select_only()
        .column(stored_content::Column::Sha256)
        .into_tuple::<String>()
        .one(tx)
        .await?;
    if known.is_some() {
        restore_erased(tx, sha256, bytes).await
    } else {
        let content = stored_content::Model { sha256: sha256.to_owned(), bytes };
        // Another server may store the same bytes at the same time.
        let same = OnConflict::column(stored_content::Column::Sha256).do_nothing().to_owned();
        stored_content::Entity::insert(content.into_active_model())
            .on_conflict(same)
            .exec_without_returning(tx)
            .await?;
        Ok(())
    }
}

/// Stores the bytes of a file whose bytes were erased with the only document that had it.
async fn restore_erased(tx: &impl ConnectionTrait, sha256: &str, bytes: Vec<u8>) -> Result<()> {
    stored_content::Entity::update_many()
        .col_expr(stored_content::Column::Bytes, Expr::val(bytes))
        .filter(stored_content::Column::Sha256.eq(sha256))
        .filter(stored_content::Column::Bytes.eq(Vec::<u8>::new()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes unused files every hour, for as long as a server runs.
pub async fn remove_continuously(db: Database, clock: Clock) {
    loop {
        if let Err(error) = remove_unused(&db, clock).await {
            tracing::warn!(?error, "unused files wait to be removed");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Removes files that nothing has used within a day, and bytes of no file. Returns the number of
/// removed files.
///
/// # Errors
/// CONFLICT `BUSY`.
pub async fn remove_unused(db: &Database, clock: Clock) -> Result<u64> {
    let before = clock.now() - TimeDelta::days(UNUSED_DAYS);
    let is_old = Entity::find().filter(unused_since(before)).one(db.read()).await?.is_some();
    if !is_old {
        return Ok(0);
    }
    let tx = db.write().await?;
    let removed = Entity::delete_many().filter(unused_since(before)).exec(&tx).await?.rows_affected;
    let file = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::Sha256))
                .equals((stored_content::Entity, stored_content::Column::Sha256)),
        )
        .take();
    stored_content::Entity::delete_many().filter(Expr::exists(file).not()).exec(&tx).await?;
    removal::remove_unused_bytes(&tx).await?;
    db.commit(tx, None).await?;
    Ok(removed)
}

/// Selects files that were uploaded before this instant and that nothing uses.
fn unused_since(before: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::SignatureId.is_null())
        .add(Column::CostId.is_null())
        .add(Column::ArchivedDocumentId.is_null())
        .add(Column::UploadedAt.lt(before))
}
