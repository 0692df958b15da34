//! The audit trail (behandlingshistorik): every write is one transaction that also says who did what, and there is no other way to write.

mod chain;
mod checkpoints;
pub mod clock_order;
pub mod date_order;
mod erasure;
mod reading;
pub mod reads;

use ::entity::{
    audit_entry::{self, Column, Entity},
    kind::SubjectKind,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect};
use serde::Serialize;
use uuid::Uuid;

pub use self::{
    chain::{breaches, hash},
    checkpoints::{Checkpoint, checkpoint, departures},
    reading::{Filter, about, by_revisions, count, last_action, list, order, revision, tally},
};
use crate::{
    auth::viewer::Viewer,
    clock::Clock,
    database::{Database, Transaction},
    error::{Error, Result},
    idempotency::{MutationField, Outcome},
    search,
};

/// A change in the making: a transaction with its entries. Dropped without [`Change::commit`], nothing has happened.
#[must_use = "a change that is not committed never happened"]
#[derive(Debug)]
pub struct Change {
    tx: Transaction,
    db: Database,
    /// The mutation that this change is made for, whose outcome it stores.
    mutation: Option<MutationField>,
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
/// CONFLICT with the reason BUSY when others write for too long, or CLOCK_BEHIND when the last entry is of a later time; INTERNAL when the
/// database fails.
pub async fn begin(db: &Database, viewer: &Viewer, action: &'static str) -> Result<Change> {
    start(db, viewer, action, clock_order::check).await
}

/// Begins a change when `check` allows it, which gets the clock, the revision of the last entry and its time.
async fn start(
    db: &Database,
    viewer: &Viewer,
    action: &'static str,
    check: impl Fn(&Clock, i64, DateTime<Utc>) -> Result<()>,
) -> Result<Change> {
    let tx = db.write().await?;
    let (revision, hash, last_at) = last_entry(&tx).await?;
    check(&db.clock, revision, last_at)?;
    let last = (revision, hash);
    let (db, actor, at) = (db.clone(), viewer.subject.clone(), db.clock.now());
    let mutation = db.mutation.clone().filter(|mutation| mutation.is_by(&actor));
    if let Some(mutation) = &mutation {
        mutation.expect_new(&tx, at).await?;
    }
    Ok(Change { tx, db, mutation, actor, action, at, last, waiting: Vec::new(), recorded: false })
}

impl Change {
    /// The transaction, for reading and writing within the change.
    #[must_use]
    pub fn tx(&self) -> &Transaction {
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
            salt: Some(rand::random::<[u8; 16]>().to_vec()),
            ..audit_entry::Model::default()
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

    /// Commits the change of a command, and answers when that is confirmed. One that recorded nothing changed nothing, and is undone.
    ///
    /// # Errors
    /// INTERNAL when the database fails, or for a mutation, which needs [`Change::commit_with`]; then nothing has happened.
    pub async fn commit(self) -> Result<()> {
        if self.mutation.is_some() {
            return Err(Error::internal(std::io::Error::other(format!("{} must be committed with its outcome", self.action))));
        }
        self.finish(Outcome::default()).await
    }

    /// Commits the change of a mutation together with its outcome, and answers when that is confirmed. One that recorded nothing changed
    /// nothing, and is undone.
    ///
    /// # Errors
    /// INTERNAL when the database fails. Then nothing has happened, unless the database could not be asked what became of its COMMIT.
    pub async fn commit_with(self, outcome: impl Into<Outcome>) -> Result<()> {
        self.finish(outcome.into()).await
    }

    async fn finish(mut self, outcome: Outcome) -> Result<()> {
        self.flush().await?;
        if self.recorded {
            search::refresh(&self.tx).await?;
        }
        if !self.recorded {
            return self.finish_unchanged(outcome).await;
        }
        if let Some(mutation) = &self.mutation {
            mutation.store(&self.tx, &outcome, self.last.0, self.at).await?;
        }
        self.db.announce(&self.tx, self.last.0).await?;
        self.db.commit(self.tx, Some((self.last.0, &self.last.1))).await?;
        if let Some(mutation) = self.mutation {
            mutation.committed(outcome, self.last.0);
        }
        self.db.tell(self.last.0);
        Ok(())
    }

    /// Undoes a change that changed nothing. A mutation with a key stores its outcome all the same: a retry that came after the changes of
    /// others would otherwise change something.
    async fn finish_unchanged(self, outcome: Outcome) -> Result<()> {
        let Self { tx, db, mutation, last, at, .. } = self;
        db.find()?;
        tx.rollback().await?;
        let Some(mutation) = mutation else { return Ok(()) };
        if mutation.has_key() {
            let tx = db.write().await?;
            mutation.store(&tx, &outcome, last.0, at).await?;
            db.commit(tx, None).await?;
        }
        mutation.committed(outcome, last.0);
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

/// The revision, hash and time of the last entry; zero, nothing and the beginning of time when there is none.
async fn last_entry(db: &impl ConnectionTrait) -> Result<(i64, String, DateTime<Utc>)> {
    let columns = [Column::Revision, Column::Hash, Column::At];
    let last = Entity::find().select_only().columns(columns).order_by_desc(Column::Revision).into_tuple().one(db).await?;
    Ok(last.unwrap_or_default())
}
