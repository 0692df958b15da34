//! The audit trail (behandlingshistorik): every write is one transaction that also says who did what, and there is no other way to write.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    audit_entry::{self, Column, Entity},
    kind::SubjectKind,
    sparse::Sparse,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query, SelectStatement},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::{
    auth::viewer::{Realm, Viewer},
    database::{Database, among, rows},
    error::{Error, Faults, Result},
    idempotency::{self, Once},
    page::{self, KeyType, Order, Slice},
    search,
};

/// A change in the making: a transaction with its entries. Dropped without [`Change::commit`], nothing has happened.
#[must_use = "a change that is not committed never happened"]
#[derive(Debug)]
pub struct Change {
    tx: DatabaseTransaction,
    db: Database,
    _turn: OwnedSemaphorePermit,
    /// The request that this is the first deed of, whose mark it leaves.
    once: Option<Arc<Once>>,
    actor: String,
    action: &'static str,
    at: DateTime<Utc>,
    last: (i64, String),
    waiting: Vec<audit_entry::Model>,
    recorded: bool,
}

/// Entries that are written together.
const BATCH: usize = 250;

/// Begins a change. `action` names the deed, as the API does: `memberAdmit`.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for too long, INTERNAL when the database fails.
pub async fn begin(db: &Database, viewer: &Viewer, action: &'static str) -> Result<Change> {
    let (tx, turn) = db.write().await?;
    let last = last_entry(&tx).await?;
    let (db, actor, at) = (db.clone(), viewer.subject.clone(), db.clock.now());
    let once = db.once.clone().filter(|once| once.wants_mark(&actor));
    if let Some(once) = &once {
        idempotency::mark(&tx, once, last.0 + 1, at).await?;
    }
    Ok(Change { tx, db, _turn: turn, once, actor, action, at, last, waiting: Vec::new(), recorded: false })
}

impl Change {
    /// The transaction, for reading and writing within the change.
    #[must_use]
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// When the change happens.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// Notes what a thing was and what it is now; null where it was not, or no longer is.
    ///
    /// # Errors
    /// INTERNAL when one of them can't be written as JSON.
    pub fn record<B: Serialize, A: Serialize>(
        &mut self,
        kind: SubjectKind,
        subject: impl Into<Uuid>,
        before: Option<&B>,
        after: Option<&A>,
    ) -> Result<()> {
        let mut entry = audit_entry::Model {
            revision: self.last.0 + 1,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.to_owned(),
            subject_kind: kind,
            subject_id: subject.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hash: String::new(),
            before: before.map(serde_json::to_string).transpose().map_err(Error::internal)?,
            after: after.map(serde_json::to_string).transpose().map_err(Error::internal)?,
        };
        entry.hash = hash(&entry, &self.last.1);
        self.last = (entry.revision, entry.hash.clone());
        self.waiting.push(entry);
        self.recorded = true;
        Ok(())
    }

    /// Writes the entries that wait, so that a change of any size needs little memory.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn flush(&mut self) -> Result<()> {
        for batch in std::mem::take(&mut self.waiting).chunks(BATCH) {
            let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
            Entity::insert_many(rows).exec_without_returning(&self.tx).await?;
        }
        Ok(())
    }

    /// Makes the change happen, all of it. One that recorded nothing changed nothing, and is undone.
    ///
    /// # Errors
    /// INTERNAL when the database fails; then nothing has happened.
    pub async fn commit(mut self) -> Result<()> {
        self.flush().await?;
        if self.recorded {
            search::refresh(&self.tx).await?;
        }
        self.db.find()?;
        if self.recorded {
            self.tx.commit().await?;
            self.once.iter().for_each(|once| once.marked());
        } else {
            self.tx.rollback().await?;
        }
        Ok(())
    }

    /// Undoes the change, for those who only wanted to know what it would do.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn undo(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

/// Inserts a row within a change.
///
/// # Errors
/// INTERNAL when the database refuses it.
pub async fn insert<M, A>(change: &Change, row: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + sea_orm::ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    A::Entity::insert(row.into_active_model()).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Replaces a row, found by its primary key, within a change.
///
/// # Errors
/// INTERNAL when the database refuses it.
pub async fn replace<M, A>(change: &Change, row: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + sea_orm::ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    A::Entity::update(row.into_active_model().reset_all()).validate()?.exec(change.tx()).await?;
    Ok(())
}

async fn last_entry(db: &impl ConnectionTrait) -> Result<(i64, String)> {
    let last =
        Entity::find().select_only().columns([Column::Revision, Column::Hash]).order_by_desc(Column::Revision).into_tuple().one(db).await?;
    Ok(last.unwrap_or_default())
}

/// Which entries; every part narrows the others.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this subject.
    pub actor: Option<String>,
    /// About this thing.
    pub subject: Option<Uuid>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// The order of the trail: the latest first.
#[must_use]
pub fn order() -> Order {
    let revision = Expr::col((Entity, Column::Revision));
    // The revision alone decides; the subject only fills the place of the tie-breaker.
    Order { name: "REVISION", key: revision, key_type: KeyType::Number, id: Expr::col((Entity, Column::SubjectId)), descending: true }
}

fn matching(viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !viewer.sees(Realm::Audit).all {
        select.and_where(Expr::cust("1 = 0"));
    }
    if let Some(actor) = &filter.actor {
        select.and_where(Column::Actor.eq(actor.as_str()));
    }
    if let Some(subject) = filter.subject {
        select.and_where(Column::SubjectId.eq(subject));
    }
    if let Some(from) = filter.from {
        select.and_where(Column::At.gte(from));
    }
    if let Some(to) = filter.to {
        select.and_where(Column::At.lt(to));
    }
    select
}

/// A page of the trail; empty for those who may not read it.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<audit_entry::Model>> {
    let mut faults = Faults::default();
    let order = order();
    let page = page::Page::check(args, &order, &mut faults);
    faults.finish()?;
    page::fetch(db.read(), matching(viewer, filter), columns, &order, &page).await
}

/// How many entries there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(viewer, filter)).await
}

/// The last revision: it stays the same as long as nothing is changed; 0 when nothing ever was.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn revision(db: &Database) -> Result<i64> {
    let select = Query::select().from(Entity).expr(Expr::col(Column::Revision).max()).take();
    let row = db.read().query_one(&select).await?;
    Ok(row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten().unwrap_or_default())
}

/// The entries of these revisions; none for those who may not read the trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_revisions(db: &Database, viewer: &Viewer, revisions: &[i64]) -> Result<Vec<audit_entry::Model>> {
    let columns = audit_entry::Model::every_column();
    let mut select = matching(viewer, &Filter::default());
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(Column::Revision.is_in(revisions.iter().copied()));
    rows(db.read(), &select, &columns).await
}

/// The entries about each of these things, the oldest first; none for those who may not read the trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn about(db: &Database, viewer: &Viewer, subjects: &[Uuid], columns: &[Column]) -> Result<Vec<audit_entry::Model>> {
    let mut select = matching(viewer, &Filter::default());
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(db.backend(), Expr::col((Entity, Column::SubjectId)), subjects.iter().copied()))
        .order_by((Entity, Column::Revision), sea_orm::Order::Asc);
    rows(db.read(), &select, columns).await
}

/// How many entries there are about each of these things, which the viewer must be known to see, and when the last was made; a thing
/// without any is left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn tally(db: &Database, subjects: &[Uuid]) -> Result<HashMap<Uuid, (i64, DateTime<Utc>)>> {
    let subject = Expr::col((Entity, Column::SubjectId));
    let select = Query::select()
        .from(Entity)
        .expr(subject.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::col((Entity, Column::At)).max())
        .and_where(among(db.backend(), subject.clone(), subjects.iter().copied()))
        .add_group_by([subject])
        .take();
    let found = db.read().query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))).collect()
}

/// The deed that a thing was last changed by, as far as the entries tell; null: by none.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn last_action(db: &impl ConnectionTrait, subject: impl Into<Uuid>) -> Result<Option<String>> {
    let select = Entity::find().select_only().column(Column::Action).filter(Column::SubjectId.eq(subject.into()));
    Ok(select.order_by_desc(Column::Revision).into_tuple().one(db).await?)
}

/// What is broken in the chain: gaps between revisions, and hashes that don't follow from the entry and the one before.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn breaches(db: &Database) -> Result<Vec<String>> {
    let (mut breaches, mut last) = (Vec::new(), (0, String::new()));
    loop {
        let entries = Entity::find().filter(Column::Revision.gt(last.0)).order_by_asc(Column::Revision).limit(1000).all(db.read()).await?;
        if entries.is_empty() {
            return Ok(breaches);
        }
        for entry in entries {
            if entry.revision != last.0 + 1 {
                breaches.push(format!("audit trail: revision {} follows {}", entry.revision, last.0));
            }
            if entry.hash != hash(&entry, &last.1) {
                breaches.push(format!("audit trail: the hash of revision {} does not follow from it and the one before", entry.revision));
            }
            last = (entry.revision, entry.hash);
        }
    }
}

/// SHA-256 over the entry and the hash before it. What was before and after counts by its own digest, so that a text can be
/// proved without being shown.
#[must_use]
pub fn hash(entry: &audit_entry::Model, before: &str) -> String {
    let digest = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| hex(&Sha256::digest(text)));
    let parts = [
        before.to_owned(),
        entry.revision.to_string(),
        entry.at.timestamp_micros().to_string(),
        entry.actor.replace('\n', " "),
        entry.action.clone(),
        entry.subject_kind.to_string(),
        entry.subject_id.simple().to_string(),
        entry.version.clone(),
        digest(entry.before.as_ref()),
        digest(entry.after.as_ref()),
    ];
    hex(&Sha256::digest(parts.join("\n")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
