//! The audit trail (behandlingshistorik): every write is one transaction that also says who did
//! what, and there is no other way to write.

mod appending;
mod chain;
mod checkpoints;
pub mod clock_order;
mod continuity;
pub mod date_order;
mod entries;
pub mod forms;
mod gaps;
mod head;
mod key_owners;
pub(crate) mod migration;
pub(crate) mod past;
mod person_keys;
mod reading;
pub mod reads;
mod recorded;
mod sealing;
mod signature;
pub mod timestamp;
pub(crate) mod withdrawn_successors;

use std::collections::BTreeSet;

use ::entity::kind::SubjectKind;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

pub(crate) use self::{
    appending::Appender, head::trusted, migration::TRAIL_MIGRATE, reading::opened, recorded::fields,
};
pub use self::{
    chain::{TrailCheck, TrailChecked, hash, violations},
    checkpoints::{Checkpoint, checkpoint, departures},
    continuity::{Link, RecordHead, TextDigest},
    entries::readable,
    gaps::{Gaps, imported},
    head::{TrailHead, is_appointed, last_key, replace_key, replacement},
    reading::{
        Filter, about, about_records, by_revisions, count, last_action, list, order, revision,
        revision_in,
    },
    recorded::{Fields, Person, Personal, Recorded, Written, parts, to_value},
    sealing::{Keyring, Opened},
    signature::{TrailKey, TrustedKeys, write_private},
};
use crate::{
    auth::viewer::Viewer,
    clock::Clock,
    database::{Database, Transaction},
    error::{Error, Result},
    idempotency::{MutationField, Outcome},
    search,
};

/// A change in the making: a transaction with its entries. Dropped without [`Change::commit`],
/// nothing has happened.
#[must_use = "a change that is not committed never happened"]
#[derive(Debug)]
pub struct Change {
    tx: Transaction,
    db: Database,
    /// The mutation that this change is made for, whose outcome it stores.
    mutation: Option<MutationField>,
    /// The entries of the change.
    trail: Appender,
    /// Keys of persons that go when the entries that say so are written.
    erased: Vec<Uuid>,
}

/// Entries that are written together.
const BATCH: usize = 250;

/// Begins a change. `action` names the deed, as the API does: `memberAdmit`.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for too long, or CLOCK_BEHIND when the last
/// entry is of a later time; INTERNAL when the database fails, this program has no key that signs
/// the trail, or the trail's last entry was not written by a program with that key.
pub async fn begin(db: &Database, viewer: &Viewer, action: &'static str) -> Result<Change> {
    start(db, viewer, action, clock_order::check).await
}

/// Begins a change when `check` allows it, which gets the clock, the revision of the last entry and
/// its time.
async fn start(
    db: &Database,
    viewer: &Viewer,
    action: &'static str,
    check: impl Fn(&Clock, i64, DateTime<Utc>) -> Result<()>,
) -> Result<Change> {
    if db.trail_key().is_none() {
        return Err(Error::internal(std::io::Error::other(
            "nothing can be written without the key that signs the audit trail; name its file in SAMREGISTER_TRAIL_KEY",
        )));
    }
    let tx = db.write().await?;
    let (last, hash, last_at) = trusted(db, &tx).await?;
    check(&db.clock, last, last_at)?;
    let (db, actor, at) = (db.clone(), viewer.subject.clone(), db.clock.now());
    let mutation = db.mutation.clone().filter(|mutation| mutation.is_by(&actor));
    if let Some(mutation) = &mutation {
        mutation.expect_new(&tx, at).await?;
        if mutation.has_key() {
            // What a rule writes without recording a change is undone, while the mutation's outcome
            // is stored.
            tx.execute_unprepared("SAVEPOINT change").await?;
        }
    }
    Ok(Change {
        tx,
        db,
        mutation,
        trail: Appender::new(last, hash, actor, action, at),
        erased: Vec::new(),
    })
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
        self.trail.at()
    }

    /// Records what a record was and what it is now; `None` where it was not, or no longer is.
    ///
    /// # Errors
    /// INTERNAL when one of them can't be written as JSON, both are `None`, or they are two
    /// records.
    pub fn record<R: Recorded>(&mut self, before: Option<&R>, after: Option<&R>) -> Result<()> {
        self.trail.record(before, after)
    }

    /// Writes the entries that wait but for the last, so that a change of any size needs little
    /// memory.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn flush(&mut self) -> Result<()> {
        self.trail.flush(&self.tx).await
    }

    /// Erases persons from the trail: their keys go with this change, each with an entry that names
    /// the revisions whose fields it was for. Returns these revisions in order. What is recorded
    /// afterwards must not name them.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn erase(
        &mut self,
        persons: &BTreeSet<Person>,
        of: (SubjectKind, Uuid),
    ) -> Result<Vec<i64>> {
        if self.trail.waits_about(persons) {
            // A person named for the first time gets a key, which then goes, with an entry that
            // will be the last and signed.
            self.trail.write(&self.tx, None).await?;
        } else {
            self.flush().await?;
        }
        let keys = person_keys::ids_of(&self.tx, persons).await?;
        let mut erased = BTreeSet::new();
        for (person, key_id) in &keys {
            let revisions = person_keys::revisions_of(&self.tx, *key_id).await?;
            erased.extend(revisions.iter().copied());
            self.record(
                None,
                Some(&forms::Erasure { key_id: *key_id, person: person.kind, revisions, of }),
            )?;
            self.erased.push(*key_id);
        }
        Ok(erased.into_iter().collect())
    }

    /// Commits the change of a command, and answers when that is confirmed. One that recorded
    /// nothing changed nothing, and is undone.
    ///
    /// # Errors
    /// INTERNAL when the database fails, or for a mutation, which needs [`Change::commit_with`];
    /// then nothing has happened.
    pub async fn commit(self) -> Result<()> {
        if self.mutation.is_some() {
            return Err(Error::internal(std::io::Error::other(format!(
                "{} must be committed with its outcome",
                self.trail.action()
            ))));
        }
        self.finish(Outcome::default()).await
    }

    /// Commits the change of a mutation together with its outcome, and answers when that is
    /// confirmed. One that recorded nothing changed nothing, and is undone.
    ///
    /// # Errors
    /// INTERNAL when the database fails. Then nothing has happened, unless the outcome of its
    /// COMMIT could not be looked up.
    pub async fn commit_with(self, outcome: impl Into<Outcome>) -> Result<()> {
        self.finish(outcome.into()).await
    }

    async fn finish(mut self, outcome: Outcome) -> Result<()> {
        if self.trail.is_empty() {
            return self.finish_unchanged(outcome).await;
        }
        let db = self.db.clone();
        self.trail.write(&self.tx, db.trail_key()).await?;
        person_keys::delete(&self.tx, &self.erased).await?;
        search::refresh(&self.tx).await?;
        let (at, (last, hash)) = (self.trail.at(), self.trail.end());
        let hash = hash.to_owned();
        if let Some(mutation) = &self.mutation {
            mutation.store(&self.tx, &outcome, last, at).await?;
        }
        db.announce(&self.tx, last).await?;
        db.commit(self.tx, Some((last, &hash))).await?;
        db.trail_head.set(last, hash);
        if let Some(mutation) = self.mutation {
            mutation.committed(outcome, last);
        }
        db.tell(last);
        Ok(())
    }

    /// Undoes a change that changed nothing. A mutation with a key stores its outcome all the same,
    /// in the transaction that has found that no other request with the key was committed: a retry
    /// that came after the changes of others would otherwise change something.
    async fn finish_unchanged(self, outcome: Outcome) -> Result<()> {
        let Self { tx, db, mutation, trail, .. } = self;
        let (last, _) = trail.end();
        match &mutation {
            Some(mutation) if mutation.has_key() => {
                tx.execute_unprepared("ROLLBACK TO SAVEPOINT change").await?;
                mutation.store(&tx, &outcome, last, trail.at()).await?;
                db.commit(tx, None).await?;
            }
            _ => {
                db.find()?;
                tx.rollback().await?;
            }
        }
        if let Some(mutation) = mutation {
            mutation.committed(outcome, last);
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
