//! Checks the owners of the keys against the records whose fields they sealed, and the table of
//! sealed entries against the entries. Erasures depend on both.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
    sealed_entry,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    forms, person_keys,
    recorded::{Person, Personal},
    sealing::{self, Keyring},
};
use crate::{database::among, error::Result};

/// Number of rows that are read together.
const CHUNK: u64 = 10_000;
/// Number of entries that are opened together.
const BATCH: usize = 200;

/// The person of each key, by the first entry with fields that it sealed.
#[derive(Debug, Default)]
pub(super) struct KeyOwners {
    named: HashMap<Uuid, (i64, Person)>,
    /// Keys of persons whose name is itself sealed, by their first revision.
    sealed: BTreeMap<i64, Vec<Uuid>>,
}

impl KeyOwners {
    /// Records the first entry with fields that a key sealed.
    pub fn first_use(&mut self, key: Uuid, entry: &Model) {
        if matches!(
            entry.form,
            Some(
                Form::Acknowledgement
                    | Form::StatusReport
                    | Form::TokenRevocation
                    | Form::TokenMinting
            )
        ) {
            self.sealed.entry(entry.revision).or_default().push(key);
            return;
        }
        for text in [&entry.before, &entry.after].into_iter().flatten() {
            let Ok(Value::Object(fields)) = serde_json::from_str(text) else { continue };
            if let Some(person) = owner(key, entry, &fields, &fields) {
                self.named.insert(key, (entry.revision, person));
                return;
            }
        }
    }

    /// Finds keys whose owner is not the person whose fields they sealed.
    pub async fn violations(
        mut self,
        db: &impl ConnectionTrait,
        there: &HashMap<Uuid, Person>,
    ) -> Result<Vec<String>> {
        let sealed: Vec<(i64, Vec<Uuid>)> = std::mem::take(&mut self.sealed).into_iter().collect();
        for batch in sealed.chunks(BATCH) {
            let entries = Entity::find()
                .filter(Column::Revision.is_in(batch.iter().map(|(revision, _)| *revision)))
                .all(db)
                .await?;
            let keyring = Keyring::of(db, &entries).await?;
            for entry in &entries {
                let keys = batch
                    .iter()
                    .filter(|(revision, _)| *revision == entry.revision)
                    .flat_map(|(_, keys)| keys);
                for key in keys {
                    self.open(*key, entry, &keyring);
                }
            }
        }
        let mut found: Vec<_> = self
            .named
            .into_iter()
            .filter(|(key, (_, person))| there.get(key).is_some_and(|stored| stored != person))
            .map(|(key, (revision, _))| (revision, key))
            .collect();
        found.sort_unstable();
        let sentence = |(revision, key): (i64, Uuid)| {
            format!(
                "the key {} belongs to another person than the one whose data it sealed in revision {revision}",
                key.simple()
            )
        };
        Ok(found.into_iter().map(sentence).collect())
    }

    fn open(&mut self, key: Uuid, entry: &Model, keyring: &Keyring) {
        for text in [&entry.before, &entry.after].into_iter().flatten() {
            let (Ok(Value::Object(stored)), Ok(opened)) =
                (serde_json::from_str(text), keyring.open(entry.revision, text))
            else {
                continue;
            };
            let Value::Object(clear) = opened.value else { continue };
            if let Some(person) = owner(key, entry, &stored, &clear) {
                self.named.insert(key, (entry.revision, person));
                return;
            }
        }
    }
}

/// Returns the person of an entry whose field the key sealed, by the stored text and the text in
/// clear.
fn owner(
    key: Uuid,
    entry: &Model,
    stored: &Map<String, Value>,
    clear: &Map<String, Value>,
) -> Option<Person> {
    let form = entry.form?;
    let persons = forms::personal(form, entry.record_id.unwrap_or(entry.subject_id), clear);
    let field = |pointer: &str| {
        let mut parts = pointer.trim_start_matches('/').splitn(2, '/');
        let first = stored.get(parts.next()?)?;
        match parts.next() {
            Some(rest) => first.pointer(&format!("/{rest}")),
            None => Some(first),
        }
    };
    let is_sealed_by_it = |pointer: &str| {
        field(pointer).is_some_and(|field| sealing::key_ids(&field.to_string()).any(|id| id == key))
    };
    let is_of_it =
        |personal: &&Personal| personal.fields.iter().any(|pointer| is_sealed_by_it(pointer));
    persons.iter().find(is_of_it).map(|personal| personal.person)
}

/// Finds excess and missing rows in the table of sealed entries, compared with the revisions of
/// each key in the trail: for these keys and the entries after a revision, or for all.
pub(super) async fn sealed_entries(
    db: &impl ConnectionTrait,
    sealed: &HashMap<Uuid, Vec<i64>>,
    keys: Option<&[Uuid]>,
    after: i64,
) -> Result<Vec<String>> {
    use sealed_entry::Column::{KeyId, Revision};
    let (mut found, mut stored, mut position) =
        (Vec::new(), HashMap::<Uuid, usize>::new(), (Uuid::nil(), -1));
    loop {
        let next = Expr::tuple([Expr::col(KeyId), Expr::col(Revision)])
            .gt(Expr::tuple([Expr::val(position.0), Expr::val(position.1)]));
        let mut select = sealed_entry::Entity::find().filter(next).filter(Revision.gt(after));
        if let Some(keys) = keys {
            select = select.filter(among(
                db.get_database_backend(),
                Expr::col(KeyId),
                keys.iter().copied(),
            ));
        }
        let select = select
            .order_by_asc(KeyId)
            .order_by_asc(Revision)
            .limit(CHUNK)
            .select_only()
            .columns([KeyId, Revision]);
        let rows: Vec<(Uuid, i64)> = select.into_tuple().all(db).await?;
        let Some(last) = rows.last() else { break };
        position = *last;
        for (key, revision) in rows {
            if sealed.get(&key).is_some_and(|revisions| revisions.binary_search(&revision).is_ok())
            {
                *stored.entry(key).or_default() += 1;
            } else {
                found.push(format!("sealed_entry has a row of revision {revision}, which the key {} sealed nothing in", key.simple()));
            }
        }
    }
    let lacks = |(key, revisions): &(&Uuid, &Vec<i64>)| {
        stored.get(*key).copied().unwrap_or_default() < revisions.len()
    };
    let mut incomplete: Vec<_> = sealed.iter().filter(lacks).collect();
    incomplete.sort_unstable_by_key(|(_, revisions)| revisions.first().copied());
    for (key, revisions) in incomplete {
        let there = person_keys::revisions_of(db, *key).await?;
        for revision in revisions.iter().filter(|revision| !there.contains(revision)) {
            found.push(format!("sealed_entry lacks the row of revision {revision}, which the key {} sealed fields in", key.simple()));
        }
    }
    Ok(found)
}
