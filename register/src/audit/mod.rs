//! The audit trail (behandlingshistorik): every write is one transaction that also says who did what, and there is no other way to write.

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
mod person_keys;
mod reading;
pub mod reads;
mod recorded;
mod sealing;
mod signature;
pub mod timestamp;

use std::collections::BTreeSet;

use ::entity::{
    audit_entry::{self, Entity},
    kind::SubjectKind,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use self::sealing::Text;
pub use self::{
    chain::{TrailCheck, breaches, hash, violations},
    checkpoints::{Checkpoint, checkpoint, departures},
    continuity::Link,
    entries::readable,
    gaps::{Gaps, imported},
    head::{TrailHead, is_appointed, last_key, replace_key},
    reading::{Filter, about, by_revisions, count, last_action, list, order, revision, revision_in},
    recorded::{Fields, Person, Personal, Recorded, Written, parts, to_value},
    sealing::{Keyring, Opened},
    signature::{TrailKey, TrustedKeys, write_private},
};
pub(crate) use self::{reading::opened, recorded::fields};
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
    /// The first revision of this change.
    first: i64,
    /// The last revision that was recorded.
    last: i64,
    /// The hash of the last entry that was sealed.
    hash: String,
    waiting: Vec<Draft>,
    /// Keys of persons that go when the entries that say so are written.
    erased: Vec<Uuid>,
}

/// An entry that was recorded and is not sealed yet.
#[derive(Debug)]
struct Draft {
    entry: audit_entry::Model,
    texts: [Text; 2],
}

/// Entries that are written together.
const BATCH: usize = 250;

/// Begins a change. `action` names the deed, as the API does: `memberAdmit`.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for too long, or CLOCK_BEHIND when the last entry is of a later time; INTERNAL when the
/// database fails, this program has no key that signs the trail, or the trail's last entry was not written by a program with that key.
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
    if db.trail_key().is_none() {
        return Err(Error::internal(std::io::Error::other(
            "nothing can be written without the key that signs the audit trail; name its file in SAMREGISTER_TRAIL_KEY",
        )));
    }
    let tx = db.write().await?;
    let (last, hash, last_at) = head::trusted(db, &tx).await?;
    check(&db.clock, last, last_at)?;
    let (db, actor, at) = (db.clone(), viewer.subject.clone(), db.clock.now());
    let mutation = db.mutation.clone().filter(|mutation| mutation.is_by(&actor));
    if let Some(mutation) = &mutation {
        mutation.expect_new(&tx, at).await?;
    }
    let (waiting, erased) = (Vec::new(), Vec::new());
    Ok(Change { tx, db, mutation, actor, action, at, first: last + 1, last, hash, waiting, erased })
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

    /// Records what a record was and what it is now; `None` where it was not, or no longer is.
    ///
    /// # Errors
    /// INTERNAL when one of them can't be written as JSON, both are `None`, or they are two records.
    pub fn record<R: Recorded>(&mut self, before: Option<&R>, after: Option<&R>) -> Result<()> {
        let one = after.or(before).ok_or_else(|| Error::internal(std::io::Error::other("an entry records something")))?;
        if before.is_some_and(|before| before.record_id() != one.record_id()) {
            return Err(Error::internal(std::io::Error::other("an entry is about one record")));
        }
        let (subject_kind, subject_id) = one.subject();
        self.last += 1;
        let entry = audit_entry::Model {
            revision: self.last,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.to_owned(),
            subject_kind,
            subject_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            form: Some(R::FORM),
            form_version: R::VERSION,
            record_id: Some(one.record_id()),
            ..audit_entry::Model::default()
        };
        self.waiting.push(Draft { entry, texts: [text(before)?, text(after)?] });
        Ok(())
    }

    /// Writes the entries that wait but for the last, so that a change of any size needs little memory.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn flush(&mut self) -> Result<()> {
        // The last entry of the change is the one that is signed.
        let last = self.waiting.pop();
        self.write(None).await?;
        self.waiting.extend(last);
        Ok(())
    }

    /// Seals and writes the entries that wait; the last is signed, if there is a key.
    async fn write(&mut self, key: Option<&TrailKey>) -> Result<()> {
        let mut left = self.waiting.len();
        let mut drafts = std::mem::take(&mut self.waiting).into_iter();
        while left > 0 {
            let batch: Vec<Draft> = drafts.by_ref().take(BATCH).collect();
            left -= batch.len();
            let persons: BTreeSet<Person> = batch.iter().flat_map(|draft| draft.texts.iter().flat_map(Text::persons)).collect();
            let keys = person_keys::of_persons(&self.tx, &persons).await?;
            let (mut rows, mut used) = (Vec::with_capacity(batch.len()), BTreeSet::new());
            for Draft { mut entry, texts } in batch {
                let names: Vec<Person> = texts.iter().flat_map(Text::persons).collect();
                [entry.before, entry.after] = sealing::seal(entry.revision, texts, &keys)?;
                if !names.is_empty() {
                    let ids = [&entry.before, &entry.after].into_iter().flatten().flat_map(|text| sealing::key_ids(text));
                    used.extend(ids.map(|id| (id, entry.revision)));
                }
                entry.hash = hash(&entry, &self.hash);
                self.hash.clone_from(&entry.hash);
                if let Some(key) = key.filter(|_| entry.revision == self.last) {
                    head::sign(&mut entry, self.first, key);
                }
                rows.push(entry.into_active_model());
            }
            Entity::insert_many(rows).exec_without_returning(&self.tx).await?;
            person_keys::note_use(&self.tx, used).await?;
        }
        Ok(())
    }

    /// Erases persons from the trail: their keys go with this change, each with an entry that names the revisions whose fields it was for.
    /// Answers whether there was any key. What is recorded afterwards must not name them.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn erase(&mut self, persons: &BTreeSet<Person>, of: (SubjectKind, Uuid)) -> Result<bool> {
        self.flush().await?;
        let waiting = |person: Person| {
            let names = move |draft: &&Draft| draft.texts.iter().flat_map(Text::persons).any(|named| named == person);
            self.waiting.iter().filter(names).map(|draft| draft.entry.revision).collect::<Vec<_>>()
        };
        // A person named for the first time gets a key, which then goes.
        let named: BTreeSet<Person> = persons.iter().copied().filter(|person| !waiting(*person).is_empty()).collect();
        person_keys::of_persons(&self.tx, &named).await?;
        let keys = person_keys::ids_of(&self.tx, persons).await?;
        for (person, key_id) in &keys {
            let mut revisions = person_keys::revisions_of(&self.tx, *key_id).await?;
            let names = |draft: &&Draft| draft.texts.iter().flat_map(Text::persons).any(|named| named == *person);
            revisions.extend(self.waiting.iter().filter(names).map(|draft| draft.entry.revision));
            self.record(None, Some(&forms::Erasure { key_id: *key_id, person: person.kind, revisions, of }))?;
            self.erased.push(*key_id);
        }
        Ok(!keys.is_empty())
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
    /// INTERNAL when the database fails. Then nothing has happened, unless the outcome of its COMMIT could not be looked up.
    pub async fn commit_with(self, outcome: impl Into<Outcome>) -> Result<()> {
        self.finish(outcome.into()).await
    }

    async fn finish(mut self, outcome: Outcome) -> Result<()> {
        let is_recorded = self.last >= self.first;
        let db = self.db.clone();
        self.write(db.trail_key()).await?;
        person_keys::delete(&self.tx, &self.erased).await?;
        if is_recorded {
            search::refresh(&self.tx).await?;
        }
        if !is_recorded {
            return self.finish_unchanged(outcome).await;
        }
        if let Some(mutation) = &self.mutation {
            mutation.store(&self.tx, &outcome, self.last, self.at).await?;
        }
        self.db.announce(&self.tx, self.last).await?;
        self.db.commit(self.tx, Some((self.last, &self.hash))).await?;
        self.db.trail_head.set(self.last, self.hash);
        if let Some(mutation) = self.mutation {
            mutation.committed(outcome, self.last);
        }
        self.db.tell(self.last);
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
            mutation.store(&tx, &outcome, last, at).await?;
            db.commit(tx, None).await?;
        }
        mutation.committed(outcome, last);
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

/// A record as it waits to be sealed.
fn text<R: Recorded>(record: Option<&R>) -> Result<Text> {
    let Some(record) = record else { return Ok(Text::None) };
    let personal = record.personal();
    Ok(if personal.is_empty() {
        // In the order of a sealed text: SQLite compares texts, and their order would show whether a field was sealed.
        Text::Plain(to_value(record).map_err(Error::internal)?.to_string())
    } else {
        Text::Clear(to_value(record).map_err(Error::internal)?, personal)
    })
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
