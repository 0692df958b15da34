//! Reading of the trail's entries for a check: an unreadable entry is reported, and doesn't hide
//! the others.

use ::entity::audit_entry::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Query,
};

use crate::error::{Error, Result};

/// Number of entries that are read together.
const CHUNK: u64 = 1000;

/// An entry, as far as it can be read.
#[derive(Debug)]
pub(super) enum Entry {
    /// A readable entry.
    Readable(Box<Model>),
    /// An entry with a value that this program doesn't write.
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
    /// Returns the entry, if it could be read.
    pub fn readable(&self) -> Option<&Model> {
        match self {
            Self::Readable(entry) => Some(entry),
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
            Ok(entries.into_iter().map(|entry| Entry::Readable(Box::new(entry))).collect())
        }
        Err(error) if error.is_unreadable_value() => one_by_one(db, revision).await,
        Err(error) => Err(error),
    }
}

/// Reads the same entries one by one.
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
            Ok(entry) => entries.extend(entry.map(|entry| Entry::Readable(Box::new(entry)))),
            Err(error) if error.is_unreadable_value() => {
                let hash = row.try_get_by_index(1).unwrap_or_default();
                entries.push(Entry::Unreadable { revision, hash, cause: error.cause() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// Returns the readable entries of these revisions; the check of the trail reports the others.
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
