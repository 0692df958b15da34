//! Reading of the trail's entries for a check: one that can't be read is named, and does not hide
//! the others.

use ::entity::audit_entry::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Query,
};

use crate::error::{Error, Result};

/// Entries that are read together.
const CHUNK: u64 = 1000;

/// An entry as far as it can be read.
#[derive(Debug)]
pub(super) enum Entry {
    /// All of it.
    InvoiceAggregate(Box<Model>),
    /// Some value of it is none that this program writes.
    Unreadable {
        /// The revision.
        revision: i64,
        /// Its hash; empty if that can't be read either.
        hash: String,
        /// The reason.
        cause: String,
    },
}

impl Entry {
    /// The entry, if it could be read.
    pub fn aggregate(&self) -> Option<&Model> {
        match self {
            Self::InvoiceAggregate(entry) => Some(entry),
            Self::Unreadable { .. } => None,
        }
    }
}

/// Returns the next entries after a revision, the oldest first; none at the end of the trail.
pub(super) async fn after(db: &impl ConnectionTrait, revision: i64) -> Result<Vec<Entry>> {
    let next = Entity::find()
        .filter(Column::Revision.gt(revision))
        .order_by_asc(Column::Revision)
        .limit(CHUNK);
    match next.all(db).await.map_err(Error::from) {
        Ok(entries) => {
            Ok(entries.into_iter().map(|entry| Entry::InvoiceAggregate(Box::new(entry))).collect())
        }
        Err(error) if error.is_unreadable_value() => one_by_one(db, revision).await,
        Err(error) => Err(error),
    }
}

/// The same, of which each is read for itself.
async fn one_by_one(db: &impl ConnectionTrait, revision: i64) -> Result<Vec<Entry>> {
    let select = Query::select()
        .columns([Column::Revision, Column::Hash])
        .from(Entity)
        .and_where(Column::Revision.gt(revision))
        .order_by(Column::Revision, sea_orm::Order::Asc)
        .limit(CHUNK)
        .take();
    let mut entries = Vec::new();
    for row in db.query_all(&select).await? {
        let revision: i64 = row.try_get_by_index(0)?;
        match Entity::find_by_id(revision).one(db).await.map_err(Error::from) {
            Ok(entry) => {
                entries.extend(entry.map(|entry| Entry::InvoiceAggregate(Box::new(entry))))
            }
            Err(error) if error.is_unreadable_value() => {
                let hash = row.try_get_by_index(1).unwrap_or_default();
                entries.push(Entry::Unreadable { revision, hash, cause: error.cause() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// Returns the entries of these revisions that can be read; the check of the trail names the
/// others.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn readable(db: &impl ConnectionTrait, revisions: &[i64]) -> Result<Vec<Model>> {
    match Entity::find()
        .filter(Column::Revision.is_in(revisions.iter().copied()))
        .all(db)
        .await
        .map_err(Error::from)
    {
        Err(error) if error.is_unreadable_value() => {}
        read => return read,
    }
    let mut entries = Vec::new();
    for revision in revisions {
        match Entity::find_by_id(*revision).one(db).await.map_err(Error::from) {
            Err(error) if !error.is_unreadable_value() => return Err(error),
            read => entries.extend(read.ok().flatten()),
        }
    }
    Ok(entries)
}
