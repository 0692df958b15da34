//! The one-time migration of a trail from before entries had forms, seals and signatures. Its
//! entries are rewritten in one transaction, and a signed entry states the last hash before and
//! after.
//!
//! Each entry retains its former hash and digests, so that the former chain can still be checked
//! and older checkpoints still hold.

use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use ::entity::{
    audit_entry::{ActiveModel, Column, Entity, Model},
    kind::{Form, SubjectKind},
};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    action::Action,
    chain::{former_hash, hash, sha256},
    forms::{FORMER, TrailMigration, of_before},
    head, person_keys,
    recorded::{Person, Personal, Recorded, to_value},
    sealing::{self, Text},
    signature::TrailKey,
};
use crate::{
    auth::viewer::Viewer,
    database::{Batch, Database},
    error::{Error, Result},
};

/// Number of entries that are migrated together.
const CHUNK: u64 = 500;

/// Migrates a trail from before; any other is left as it is.
///
/// # Errors
/// INTERNAL if there is no key to sign with.
pub(crate) async fn convert(
    db: &Database,
    tx: &DatabaseTransaction,
    at: DateTime<Utc>,
) -> Result<()> {
    if !is_due(tx).await? {
        return Ok(());
    }
    let no_key = || {
        Error::internal(io::Error::other(
            "an audit trail from before is migrated with the key that signs it",
        ))
    };
    let key = db.trail_key().ok_or_else(no_key)?;
    let is_sqlite = db.backend() == DbBackend::Sqlite;
    tx.execute_unprepared(migration::lift_guard(is_sqlite)).await?;
    let mut run = Run::default();
    run.entries(tx).await?;
    tx.execute_unprepared(migration::restore_guard(is_sqlite)).await?;
    let revision = run.finish(tx, at, key).await?;
    tracing::info!("the audit trail is migrated: its {} entries are signed for", revision - 1);
    Ok(())
}

/// `true` if the first entry is from before the migration.
async fn is_due(db: &impl ConnectionTrait) -> Result<bool> {
    let first = Entity::find().select_only().column(Column::Form).order_by_asc(Column::Revision);
    Ok(first.into_tuple::<Option<Form>>().one(db).await?.is_some_and(|form| form.is_none()))
}

/// `true` if the trail has entries from before the migration, migrated or not.
pub(crate) async fn was_migrated(db: &impl ConnectionTrait) -> Result<bool> {
    let former = Entity::find()
        .select_only()
        .column(Column::Revision)
        .filter(Column::FormVersion.eq(FORMER))
        .limit(1);
    Ok(former.into_tuple::<i64>().one(db).await?.is_some())
}

/// The digests of an erased entry's texts, as the entry of the erasure lists them.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Rewritten {
    revision: i64,
    before_sha256: Option<String>,
    after_sha256: Option<String>,
}

#[derive(Default, Deserialize)]
struct FormerErasure {
    #[serde(default)]
    erased: Vec<Rewritten>,
}

/// A running migration.
#[derive(Default)]
struct Run {
    last: i64,
    hash: String,
    former_hash: String,
    broken: BTreeSet<i64>,
    /// Erased texts of earlier entries, by the revision that they name as their erasure.
    erased: BTreeMap<i64, Vec<Rewritten>>,
}

impl Run {
    async fn entries(&mut self, tx: &DatabaseTransaction) -> Result<()> {
        loop {
            let entries = Entity::find()
                .filter(Column::Revision.gt(self.last))
                .order_by_asc(Column::Revision)
                .limit(CHUNK)
                .all(tx)
                .await?;
            if entries.is_empty() {
                // A text that names a missing erasure was changed without the program.
                self.broken.extend(
                    std::mem::take(&mut self.erased)
                        .into_values()
                        .flatten()
                        .map(|rewritten| rewritten.revision),
                );
                return Ok(());
            }
            let texts: Vec<_> = entries.iter().map(texts).collect();
            let persons: BTreeSet<Person> = texts
                .iter()
                .flat_map(|(_, _, texts)| texts.iter().flat_map(Text::persons))
                .collect();
            let mut batch = Batch::default();
            let keys = person_keys::of_persons(tx, &mut batch, &persons).await?;
            let mut used = BTreeSet::new();
            for (mut entry, (form, record_id, texts)) in entries.into_iter().zip(texts) {
                self.check(&mut entry);
                entry.salt = None;
                (entry.form, entry.form_version, entry.record_id) = (Some(form), FORMER, record_id);
                [entry.before, entry.after] = sealing::seal(entry.revision, texts, &keys)?;
                let ids = [&entry.before, &entry.after]
                    .into_iter()
                    .flatten()
                    .flat_map(|text| sealing::key_ids(text));
                used.extend(ids.map(|id| (id, entry.revision)));
                entry.hash = hash(&entry, &self.hash);
                (self.last, self.hash) = (entry.revision, entry.hash.clone());
                update(tx, entry).await?;
            }
            person_keys::note_use(&mut batch, used);
            batch.run(tx).await?;
        }
    }

    /// Follows the former chain, and retains the former hash and digests in the entry.
    fn check(&mut self, entry: &mut Model) {
        let rewritten = Rewritten {
            revision: entry.revision,
            before_sha256: entry.before.as_ref().map(|text| sha256(&[], text)),
            after_sha256: entry.after.as_ref().map(|text| sha256(&[], text)),
        };
        if entry.erased_in.is_none() {
            let salt = entry.salt.clone().unwrap_or_default();
            [entry.before_digest, entry.after_digest] = [&entry.before, &entry.after]
                .map(|text| text.as_ref().map(|text| sha256(&salt, text)));
        }
        let is_erasure = Action::ContactErase.is_stored_as(&entry.action)
            && entry.subject_kind == SubjectKind::Contact;
        let named = entry
            .after
            .as_deref()
            .filter(|_| is_erasure)
            .and_then(|text| serde_json::from_str::<FormerErasure>(text).ok());
        let holds = entry.revision == self.last + 1
            && entry.hash == former_hash(entry, &self.former_hash)
            // Only contacts could be erased.
            && (entry.erased_in.is_none() || entry.subject_kind == SubjectKind::Contact)
            && named.unwrap_or_default().erased == self.erased.remove(&entry.revision).unwrap_or_default();
        if !holds {
            self.broken.insert(entry.revision);
        }
        if let Some(by) = entry.erased_in {
            self.erased.entry(by).or_default().push(rewritten);
        }
        self.former_hash.clone_from(&entry.hash);
        entry.former_hash = Some(entry.hash.clone());
    }

    /// Writes the entry of the migration, which signs all entries before it.
    async fn finish(
        self,
        tx: &DatabaseTransaction,
        at: DateTime<Utc>,
        key: &TrailKey,
    ) -> Result<i64> {
        let event = TrailMigration {
            revision: self.last,
            old_head: self.former_hash,
            new_head: self.hash.clone(),
            broken: self.broken.into_iter().collect(),
        };
        let (subject_kind, subject_id) = event.subject();
        let mut entry = Model {
            revision: self.last + 1,
            at,
            actor: Viewer::operator("migrate").subject,
            action: Action::TrailMigrate.word().to_owned(),
            subject_kind,
            subject_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            form: Some(TrailMigration::FORM),
            form_version: TrailMigration::VERSION,
            record_id: Some(event.record_id()),
            after: Some(to_value(&event).map_err(Error::internal)?.to_string()),
            ..Model::default()
        };
        entry.hash = hash(&entry, &self.hash);
        head::sign(&mut entry, 1, key);
        let revision = entry.revision;
        Entity::insert(entry.into_active_model()).exec_without_returning(tx).await?;
        Ok(revision)
    }
}

/// Returns the form and record of an entry from before the migration, and its texts for sealing.
fn texts(entry: &Model) -> (Form, Option<uuid::Uuid>, [Text; 2]) {
    let fields = |text: &Option<String>| {
        text.as_deref().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
    };
    let subject = (entry.subject_kind, entry.subject_id);
    let [before, after] = [fields(&entry.before), fields(&entry.after)];
    let empty = Map::new();
    let (form, record, _) =
        of_before(subject, after.as_ref().or(before.as_ref()).unwrap_or(&empty));
    let text = |stored: &Option<String>, fields: Option<Map<String, Value>>| {
        let personal = |fields: &Map<String, Value>| -> Vec<Personal> {
            // Erased persons have a pseudonym, which identifies no one.
            if entry.erased_in.is_some() { Vec::new() } else { of_before(subject, fields).2 }
        };
        let Some(stored) = stored else { return Text::None };
        let clear = fields.and_then(|fields| {
            let personal = personal(&fields);
            Text::clear(Value::Object(fields), personal).ok()
        });
        clear.unwrap_or_else(|| Text::Plain(stored.clone()))
    };
    (form, record, [text(&entry.before, before), text(&entry.after, after)])
}

async fn update(tx: &DatabaseTransaction, entry: Model) -> Result<()> {
    let row = ActiveModel {
        revision: Unchanged(entry.revision),
        hash: Set(entry.hash),
        before: Set(entry.before),
        after: Set(entry.after),
        salt: Set(None),
        before_digest: Set(entry.before_digest),
        after_digest: Set(entry.after_digest),
        form: Set(entry.form),
        form_version: Set(entry.form_version),
        record_id: Set(entry.record_id),
        former_hash: Set(entry.former_hash),
        ..ActiveModel::default()
    };
    Entity::update(row).validate()?.exec(tx).await?;
    Ok(())
}
