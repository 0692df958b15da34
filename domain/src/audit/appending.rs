//! Appending to the trail within a transaction: entries are sealed, chained and written in batches,
//! and the last entry of a commit is signed.

use std::collections::BTreeSet;

use ::entity::audit_entry::{self, Entity};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryTrait};

use super::{
    action::Action,
    chain::hash,
    head, person_keys,
    recorded::{Person, Recorded, to_value},
    sealing::{self, Text},
    signature::TrailKey,
};
use crate::{
    database::Batch,
    error::{Error, Result},
};

/// Number of entries that are written together.
const BATCH: usize = 250;

/// The entries that one transaction appends to the trail.
#[derive(Debug)]
pub(crate) struct Appender {
    actor: String,
    action: Action,
    at: DateTime<Utc>,
    /// The first revision of the transaction.
    first: i64,
    /// The last revision that was recorded.
    last: i64,
    /// The hash of the last entry that was sealed.
    hash: String,
    waiting: Vec<Draft>,
}

/// An entry that was recorded and is not sealed yet.
#[derive(Debug)]
struct Draft {
    entry: audit_entry::Model,
    texts: [Text; 2],
}

impl Appender {
    /// Continues a trail that ends with the revision `last`, which has this hash.
    pub(crate) fn new(
        last: i64,
        hash: String,
        actor: String,
        action: Action,
        at: DateTime<Utc>,
    ) -> Self {
        Self { actor, action, at, first: last + 1, last, hash, waiting: Vec::new() }
    }

    pub(super) fn action(&self) -> Action {
        self.action
    }

    pub(super) fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// `true` if nothing was recorded.
    pub(super) fn is_empty(&self) -> bool {
        self.last < self.first
    }

    /// Returns the last recorded revision, and the hash of the last written entry.
    pub(super) fn end(&self) -> (i64, &str) {
        (self.last, &self.hash)
    }

    /// Records a record before and after the change; `None` before it exists, and after it is
    /// removed.
    ///
    /// # Errors
    /// INTERNAL if one of them can't be written as JSON, both are `None`, or their ids differ.
    pub(crate) fn record<R: Recorded>(
        &mut self,
        before: Option<&R>,
        after: Option<&R>,
    ) -> Result<()> {
        let one = after
            .or(before)
            .ok_or_else(|| Error::internal(std::io::Error::other("an entry records something")))?;
        if before.is_some_and(|before| before.record_id() != one.record_id()) {
            return Err(Error::internal(std::io::Error::other("an entry is about one record")));
        }
        let (subject_kind, subject_id) = one.subject();
        self.last += 1;
        let entry = audit_entry::Model {
            revision: self.last,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.word().to_owned(),
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

    /// `true` if so many entries are pending that they are worth a statement.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    /// `true` if an unwritten entry names one of these persons.
    pub(super) fn waits_about(&self, persons: &BTreeSet<Person>) -> bool {
        self.waiting
            .iter()
            .flat_map(|draft| draft.texts.iter().flat_map(Text::persons))
            .any(|person| persons.contains(&person))
    }

    /// Writes the pending entries except the last, so that a transaction of any size needs little
    /// memory.
    pub(crate) async fn flush(&mut self, tx: &impl ConnectionTrait) -> Result<()> {
        // The last entry of the transaction is the one that is signed.
        let last = self.waiting.pop();
        self.write(tx, None).await?;
        self.waiting.extend(last);
        Ok(())
    }

    /// Seals and writes the pending entries; the last one is signed if there is a key.
    pub(crate) async fn write(
        &mut self,
        tx: &impl ConnectionTrait,
        key: Option<&TrailKey>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        self.seal(tx, &mut batch, key).await?;
        batch.run(tx).await
    }

    /// Seals the pending entries and adds them to a batch; the last one is signed if there is a
    /// key. Of many entries, the first are written at once.
    pub(super) async fn seal(
        &mut self,
        tx: &impl ConnectionTrait,
        batch: &mut Batch,
        key: Option<&TrailKey>,
    ) -> Result<()> {
        let mut left = self.waiting.len();
        let mut drafts = std::mem::take(&mut self.waiting).into_iter();
        while left > 0 {
            let some: Vec<Draft> = drafts.by_ref().take(BATCH).collect();
            left -= some.len();
            let persons: BTreeSet<Person> =
                some.iter().flat_map(|draft| draft.texts.iter().flat_map(Text::persons)).collect();
            let keys = person_keys::of_persons(tx, batch, &persons).await?;
            let (mut rows, mut used) = (Vec::with_capacity(some.len()), BTreeSet::new());
            for Draft { mut entry, texts } in some {
                let names_persons = texts.iter().flat_map(Text::persons).next().is_some();
                [entry.before, entry.after] = sealing::seal(entry.revision, texts, &keys)?;
                if names_persons {
                    let ids = [&entry.before, &entry.after]
                        .into_iter()
                        .flatten()
                        .flat_map(|text| sealing::key_ids(text));
                    used.extend(ids.map(|id| (id, entry.revision)));
                }
                entry.hash = hash(&entry, &self.hash);
                self.hash.clone_from(&entry.hash);
                if let Some(key) = key.filter(|_| entry.revision == self.last) {
                    head::sign(&mut entry, self.first, key);
                }
                rows.push(entry.into_active_model());
            }
            let values = rows.len() * audit_entry::Column::iter().count();
            batch.push(Entity::insert_many(rows).into_query(), values);
            person_keys::note_use(batch, used);
            if left > 0 {
                batch.run(tx).await?;
            }
        }
        Ok(())
    }
}

/// Returns the text of a record, for sealing.
fn text<R: Recorded>(record: Option<&R>) -> Result<Text> {
    let Some(record) = record else { return Ok(Text::None) };
    let value = to_value(record).map_err(Error::internal)?;
    // Plain texts have the same key order as sealed ones. Otherwise the order would show whether a
    // field was sealed, and SQLite compares texts.
    Ok(Text::clear(value, record.personal()).unwrap_or_else(|value| Text::Plain(value.to_string())))
}
