//! Files that people upload: scanned signed agreements, vouchers of costs, and versions of archived
//! documents. A file is uploaded first, and used by the mutation that records what it belongs to;
//! an unused one is removed after a day.

pub(crate) mod attach;
pub mod file_name;
pub(crate) mod integrity;
mod media_type;
mod office_archive;
pub(crate) mod removal;
pub mod uploads;

pub(crate) use self::media_type::detect as media_type;

use std::collections::HashMap;

use ::entity::{
    cost,
    id::{ActivityId, AgreementId, ArchivedDocumentId, CostId, SignatureId, StoredFileId},
    signature, stored_content,
    stored_file::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    audit::forms::{CostFile, DocumentFile, SignatureFile},
    context::Context,
    database::among,
    error::Result,
};

/// The object that a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// The signed copy of a signature of an agreement.
    Signature(SignatureId, AgreementId),
    /// The voucher of a cost of an activity, with its day.
    Cost(CostId, ActivityId, NaiveDate),
    /// The version with this number of an archived document.
    Document(ArchivedDocumentId, i32),
}

/// Returns the files of these signatures. The caller has checked that the viewer can read the
/// agreements.
pub async fn of_signatures(
    ctx: Context<'_>,
    signatures: &[SignatureId],
) -> Result<HashMap<SignatureId, Model>> {
    let column = Expr::col((Entity, Column::SignatureId));
    let theirs = among(ctx.db.backend(), column, signatures.iter().copied());
    let found = Entity::find().filter(theirs).all(ctx.db.read()).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.signature_id?, row))).collect())
}

/// Returns the files of these costs. The caller has checked that the viewer can read them.
pub async fn of_costs(ctx: Context<'_>, costs: &[CostId]) -> Result<HashMap<CostId, Model>> {
    let column = Expr::col((Entity, Column::CostId));
    let theirs = among(ctx.db.backend(), column, costs.iter().copied());
    let found = Entity::find().filter(theirs).all(ctx.db.read()).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.cost_id?, row))).collect())
}

/// Returns the files of these archived documents, the latest version first. The caller has checked
/// that the viewer can read the documents.
pub async fn of_documents(
    ctx: Context<'_>,
    documents: &[ArchivedDocumentId],
) -> Result<HashMap<ArchivedDocumentId, Vec<Model>>> {
    let column = Expr::col((Entity, Column::ArchivedDocumentId));
    let theirs = among(ctx.db.backend(), column, documents.iter().copied());
    let ordered = Entity::find().filter(theirs).order_by_desc(Column::Version);
    let files = ordered.all(ctx.db.read()).await?;
    let mut found = HashMap::<ArchivedDocumentId, Vec<Model>>::new();
    for row in files {
        if let Some(document) = row.archived_document_id {
            found.entry(document).or_default().push(row);
        }
    }
    Ok(found)
}

/// Returns those of these files that an object uses, each with the object.
pub(crate) async fn with_owners(
    ctx: Context<'_>,
    ids: &[StoredFileId],
) -> Result<Vec<(Model, FileOwner)>> {
    let theirs = among(ctx.db.backend(), Expr::col(Column::Id), ids.iter().copied());
    let rows = Entity::find().filter(theirs).all(ctx.db.read()).await?;
    let agreements = agreements_of(ctx.db.read(), &rows).await?;
    let with_owner = |row: Model| {
        let owner = match (row.signature_id, row.archived_document_id) {
            (Some(id), _) => FileOwner::Signature(id, agreements.get(&id).copied()?),
            (None, Some(id)) => FileOwner::Document(id, row.version?),
            // The activity and the day of a cost are not needed to find out who may read it.
            (None, None) => {
                FileOwner::Cost(row.cost_id?, ActivityId::default(), NaiveDate::default())
            }
        };
        Some((row, owner))
    };
    Ok(rows.into_iter().filter_map(with_owner).collect())
}

/// Returns the agreements of the signatures whose files these are.
async fn agreements_of(
    db: &impl ConnectionTrait,
    files: &[Model],
) -> Result<HashMap<SignatureId, AgreementId>> {
    let signatures: Vec<SignatureId> = files.iter().filter_map(|row| row.signature_id).collect();
    if signatures.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs = among(db.get_database_backend(), Expr::col(signature::Column::Id), signatures);
    let found = signature::Entity::find()
        .select_only()
        .columns([signature::Column::Id, signature::Column::AgreementId])
        .filter(theirs)
        .into_tuple::<(SignatureId, AgreementId)>()
        .all(db)
        .await?;
    Ok(found.into_iter().collect())
}

/// Returns the bytes with this SHA-256; `None` if they are not stored, or were erased.
pub(crate) async fn content(db: &impl ConnectionTrait, sha256: &str) -> Result<Option<Vec<u8>>> {
    let found = stored_content::Entity::find_by_id(sha256.to_owned()).one(db).await?;
    Ok(found.map(|found| found.bytes).filter(|bytes| !bytes.is_empty()))
}

/// Returns the records of the files of signatures with these ids.
pub(crate) async fn signature_files(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<SignatureFile>> {
    let rows = by_ids(db, ids, Column::SignatureId).await?;
    let agreements = agreements_of(db, &rows).await?;
    let record = |row: Model| {
        let signature_id = row.signature_id?;
        let agreement_id = agreements.get(&signature_id).copied()?;
        let Model { id, sha256, size, .. } = row;
        Some(SignatureFile { id, agreement_id, signature_id, sha256, size })
    };
    Ok(rows.into_iter().filter_map(record).collect())
}

/// Returns the records of the files of costs with these ids.
pub(crate) async fn cost_files(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<CostFile>> {
    let rows = by_ids(db, ids, Column::CostId).await?;
    let costs = rows.iter().filter_map(|row| row.cost_id);
    let theirs = among(db.get_database_backend(), Expr::col(cost::Column::Id), costs);
    let costs: HashMap<CostId, (ActivityId, NaiveDate)> = cost::Entity::find()
        .select_only()
        .columns([cost::Column::Id, cost::Column::ActivityId, cost::Column::BookedOn])
        .filter(theirs)
        .into_tuple::<(CostId, ActivityId, NaiveDate)>()
        .all(db)
        .await?
        .into_iter()
        .map(|(id, activity, booked_on)| (id, (activity, booked_on)))
        .collect();
    let record = |row: Model| {
        let cost_id = row.cost_id?;
        let (activity_id, booked_on) = costs.get(&cost_id).copied()?;
        let Model { id, sha256, size, .. } = row;
        Some(CostFile { id, activity_id, cost_id, booked_on, sha256, size })
    };
    Ok(rows.into_iter().filter_map(record).collect())
}

/// Returns the records of the versions of archived documents with these ids.
pub(crate) async fn document_files(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<DocumentFile>> {
    let rows = by_ids(db, ids, Column::ArchivedDocumentId).await?;
    let record = |row: Model| {
        let (document_id, version) = (row.archived_document_id?, row.version?);
        let Model { id, sha256, size, .. } = row;
        Some(DocumentFile { id, document_id, version, sha256, size })
    };
    Ok(rows.into_iter().filter_map(record).collect())
}

/// Returns the files with these ids that have an owner in this column.
async fn by_ids(db: &impl ConnectionTrait, ids: &[Uuid], owner: Column) -> Result<Vec<Model>> {
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
    Ok(Entity::find().filter(theirs).filter(owner.is_not_null()).all(db).await?)
}
