//! Files that people upload: scanned signed agreements, and vouchers of costs. A file is uploaded
//! first, and used by the mutation that records its signature or cost; an unused one is removed
//! after a day.

mod media_type;
pub mod uploads;

pub(crate) use self::media_type::detect as media_type;

use std::collections::HashMap;

use ::entity::{
    cost,
    id::{ActivityId, AgreementId, CostId, SignatureId, StoredFileId},
    signature, stored_content,
    stored_file::{Column, Entity, Model},
};
use chrono::NaiveDate;
use documents::sha256;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use self::uploads::{NewFile, store_content};
use crate::{
    audit::{
        self, Change,
        forms::{CostFile, SignatureFile},
    },
    auth::viewer::Viewer,
    database::{Database, among},
    error::{Error, FieldErrorCode, Result},
};

/// Number of files whose bytes are checked together.
const CHUNK: u64 = 10;

/// The object that a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// The signed copy of a signature of an agreement.
    Signature(SignatureId, AgreementId),
    /// The voucher of a cost of an activity, with its day.
    Cost(CostId, ActivityId, NaiveDate),
}

/// Stores the voucher of a cost within the change that imports it.
pub(crate) async fn store_for_cost(
    change: &mut Change,
    cost: &cost::Model,
    new: NewFile,
) -> Result<()> {
    let row = Model {
        id: StoredFileId::new(),
        sha256: sha256(&new.bytes),
        media_type: new.media_type.unwrap_or_default(),
        name: new.name,
        size: i64::try_from(new.bytes.len()).map_err(Error::internal)?,
        uploaded_at: change.at(),
        // No one may use it for another object.
        uploaded_by: String::new(),
        signature_id: None,
        cost_id: Some(cost.id),
    };
    store_content(change.tx(), &row.sha256, new.bytes).await?;
    audit::insert(change, row.clone()).await?;
    let (Model { id, sha256, size, .. }, booked_on) = (row, cost.booked_on);
    let (cost_id, activity_id) = (cost.id, cost.activity_id);
    let record = CostFile { id, activity_id, cost_id, booked_on, sha256, size };
    change.record(None, Some(&record))
}

/// Gives an uploaded file to a signature or a cost, within the change that records it.
///
/// # Errors
/// INVALID unless the viewer has uploaded it, and nothing uses it.
pub(crate) async fn attach(
    change: &mut Change,
    viewer: &Viewer,
    id: StoredFileId,
    owner: FileOwner,
) -> Result<()> {
    let own = sha256(viewer.subject.as_bytes());
    let found = Entity::find_by_id(id).one(change.tx()).await?;
    let unused = found.filter(|row| {
        row.signature_id.is_none() && row.cost_id.is_none() && row.uploaded_by == own
    });
    let Some(row) = unused else {
        let words = "is no unused file of yours; upload it first, at most a day before";
        return Err(Error::invalid("file_id", FieldErrorCode::Unknown.problem(words)));
    };
    let (sha256, size) = (row.sha256.clone(), row.size);
    match owner {
        FileOwner::Signature(signature_id, agreement_id) => {
            audit::replace(change, Model { signature_id: Some(signature_id), ..row }).await?;
            let record = SignatureFile { id, agreement_id, signature_id, sha256, size };
            change.record(None, Some(&record))
        }
        FileOwner::Cost(cost_id, activity_id, booked_on) => {
            audit::replace(change, Model { cost_id: Some(cost_id), ..row }).await?;
            let record = CostFile { id, activity_id, cost_id, booked_on, sha256, size };
            change.record(None, Some(&record))
        }
    }
}

/// Returns the files of these signatures. The caller has checked that the viewer can read the
/// agreements.
pub async fn of_signatures(
    db: &Database,
    signatures: &[SignatureId],
) -> Result<HashMap<SignatureId, Model>> {
    let column = Expr::col((Entity, Column::SignatureId));
    let theirs = among(db.backend(), column, signatures.iter().copied());
    let found = Entity::find().filter(theirs).all(db.read()).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.signature_id?, row))).collect())
}

/// Returns the files of these costs. The caller has checked that the viewer can read them.
pub async fn of_costs(db: &Database, costs: &[CostId]) -> Result<HashMap<CostId, Model>> {
    let column = Expr::col((Entity, Column::CostId));
    let theirs = among(db.backend(), column, costs.iter().copied());
    let found = Entity::find().filter(theirs).all(db.read()).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.cost_id?, row))).collect())
}

/// Returns a file and the object that it belongs to; `None` if there is none, or nothing uses it.
pub(crate) async fn find(db: &Database, id: StoredFileId) -> Result<Option<(Model, FileOwner)>> {
    let Some(row) = Entity::find_by_id(id).one(db.read()).await? else { return Ok(None) };
    if let Some(signature_id) = row.signature_id {
        let found = signature::Entity::find_by_id(signature_id).one(db.read()).await?;
        return Ok(found.map(|signed| {
            let owner = FileOwner::Signature(signature_id, signed.agreement_id);
            (row, owner)
        }));
    }
    // The activity and the day of a cost are not needed to find out who may read it.
    let owner =
        row.cost_id.map(|id| FileOwner::Cost(id, ActivityId::default(), NaiveDate::default()));
    Ok(owner.map(|owner| (row, owner)))
}

/// Returns the bytes with this SHA-256; `None` if they are not stored.
pub(crate) async fn content(db: &impl ConnectionTrait, sha256: &str) -> Result<Option<Vec<u8>>> {
    let found = stored_content::Entity::find_by_id(sha256.to_owned()).one(db).await?;
    Ok(found.map(|found| found.bytes))
}

/// Returns a sentence for each file whose bytes are missing or do not match its SHA-256.
pub(crate) async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (mut found, mut last) = (Vec::new(), String::new());
    loop {
        let contents = stored_content::Entity::find()
            .filter(stored_content::Column::Sha256.gt(last.as_str()))
            .order_by_asc(stored_content::Column::Sha256)
            .limit(CHUNK)
            .all(db)
            .await?;
        let Some(end) = contents.last() else { return Ok(found) };
        last.clone_from(&end.sha256);
        let broken = contents.iter().filter(|content| sha256(&content.bytes) != content.sha256);
        found.extend(broken.map(|content| {
            format!("an uploaded file has other bytes than the SHA-256 says: {}", content.sha256)
        }));
    }
}

/// Returns the records of the files of signatures with these ids.
pub(crate) async fn signature_files(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<SignatureFile>> {
    let rows = by_ids(db, ids, Column::SignatureId).await?;
    let signatures = rows.iter().filter_map(|row| row.signature_id);
    let theirs = among(db.get_database_backend(), Expr::col(signature::Column::Id), signatures);
    let agreements: HashMap<SignatureId, AgreementId> = signature::Entity::find()
        .select_only()
        .columns([signature::Column::Id, signature::Column::AgreementId])
        .filter(theirs)
        .into_tuple::<(SignatureId, AgreementId)>()
        .all(db)
        .await?
        .into_iter()
        .collect();
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

/// Returns the files with these ids that have an owner in this column.
async fn by_ids(db: &impl ConnectionTrait, ids: &[Uuid], owner: Column) -> Result<Vec<Model>> {
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
    Ok(Entity::find().filter(theirs).filter(owner.is_not_null()).all(db).await?)
}
