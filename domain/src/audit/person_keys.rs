//! The keys that seal personal data in the trail, one for each person. Deleting a key erases its
//! person from every entry, without changing an entry.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    person_key::{Column, Entity, Model},
    sealed_entry,
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, sea_query::Expr,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::recorded::{Person, first_half};
use crate::{
    database::{Batch, among},
    error::{Error, Result},
};

/// Length of a nonce of XChaCha20-Poly1305 in bytes, long enough for random nonces.
const NONCE: usize = 24;

/// Number of rows that are inserted together.
const BATCH: usize = 250;

/// Numbers of columns of a key, and of a record of its use.
const KEY_COLUMNS: usize = 4;
const USE_COLUMNS: usize = 2;

/// A person's key.
#[derive(Clone)]
pub(super) struct PersonKey {
    pub id: Uuid,
    cipher: XChaCha20Poly1305,
}

impl PersonKey {
    fn of(row: &Model) -> Result<Self> {
        let cipher = XChaCha20Poly1305::new_from_slice(&row.key).map_err(|_| broken(row.id))?;
        Ok(Self { id: row.id, cipher })
    }

    /// Returns the nonce and the ciphertext of a plaintext, bound to `context`.
    pub fn seal(&self, plaintext: &[u8], context: &str) -> Result<Vec<u8>> {
        let nonce = rand::random::<[u8; NONCE]>();
        let payload = Payload { msg: plaintext, aad: context.as_bytes() };
        let ciphertext =
            self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| broken(self.id))?;
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    /// Returns the plaintext of a ciphertext that [`PersonKey::seal`] made in this context; `None`
    /// for anything else.
    pub fn open(&self, sealed: &[u8], context: &str) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
        self.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: context.as_bytes() })
            .ok()
    }
}

fn broken(id: Uuid) -> Error {
    Error::internal(std::io::Error::other(format!("the key {id} of a person is broken")))
}

/// Returns the id of a key. It is derived from the key, so that no other key can replace it.
fn id_of(key: &[u8]) -> Uuid {
    first_half(&Sha256::digest(key))
}

/// Returns the keys of these persons. Creates the missing ones, and adds them to the batch.
pub(super) async fn of_persons(
    tx: &impl ConnectionTrait,
    batch: &mut Batch,
    persons: &BTreeSet<Person>,
) -> Result<HashMap<Person, PersonKey>> {
    let mut keys = HashMap::new();
    if persons.is_empty() {
        return Ok(keys);
    }
    let rows = rows_of(tx, persons).await?;
    let used = used(tx, rows.iter().map(|row| row.id).collect()).await?;
    for row in rows {
        // This program creates a key when it seals with it. A key that sealed nothing was inserted
        // by someone who knows it, and who could open the data after an erasure.
        if id_of(&row.key) != row.id || !used.contains(&row.id) {
            return Err(broken(row.id));
        }
        keys.insert(Person { kind: row.kind, id: row.person_id }, PersonKey::of(&row)?);
    }
    let mut added = Vec::new();
    for person in persons {
        if !keys.contains_key(person) {
            let key = rand::random::<[u8; 32]>().to_vec();
            let row = Model { id: id_of(&key), kind: person.kind, person_id: person.id, key };
            keys.insert(*person, PersonKey::of(&row)?);
            added.push(row);
        }
    }
    for some in added.chunks(BATCH) {
        let rows = some.iter().cloned().map(IntoActiveModel::into_active_model);
        batch.push(Entity::insert_many(rows).into_query(), some.len() * KEY_COLUMNS);
    }
    Ok(keys)
}

/// Returns the keys among these that sealed something.
async fn used(tx: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<HashSet<Uuid>> {
    use sealed_entry::Column::KeyId;
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let theirs = among(tx.get_database_backend(), Expr::col(KeyId), ids);
    let select = sealed_entry::Entity::find().select_only().column(KeyId).filter(theirs).distinct();
    Ok(select.into_tuple::<Uuid>().all(tx).await?.into_iter().collect())
}

async fn rows_of(tx: &impl ConnectionTrait, persons: &BTreeSet<Person>) -> Result<Vec<Model>> {
    let theirs = among(
        tx.get_database_backend(),
        Expr::col(Column::PersonId),
        persons.iter().map(|person| person.id),
    );
    let rows = Entity::find().filter(theirs).all(tx).await?;
    // Persons of two kinds may have the same id.
    Ok(rows
        .into_iter()
        .filter(|row| persons.contains(&Person { kind: row.kind, id: row.person_id }))
        .collect())
}

/// Returns the ids of these persons' keys, each with its person.
pub(super) async fn ids_of(
    tx: &impl ConnectionTrait,
    persons: &BTreeSet<Person>,
) -> Result<Vec<(Person, Uuid)>> {
    if persons.is_empty() {
        return Ok(Vec::new());
    }
    let person = |row: Model| (Person { kind: row.kind, id: row.person_id }, row.id);
    Ok(rows_of(tx, persons).await?.into_iter().map(person).collect())
}

/// Returns the existing keys with these ids.
pub(super) async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &HashSet<Uuid>,
) -> Result<HashMap<Uuid, PersonKey>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
    let rows = Entity::find().filter(theirs).all(db).await?;
    // A key that doesn't match its id is forged and opens nothing.
    rows.iter()
        .filter(|row| id_of(&row.key) == row.id)
        .map(|row| Ok((row.id, PersonKey::of(row)?)))
        .collect()
}

/// Adds the records of which entries have fields that each key sealed to the batch.
pub(super) fn note_use(batch: &mut Batch, used: BTreeSet<(Uuid, i64)>) {
    let rows: Vec<_> = used
        .into_iter()
        .map(|(key_id, revision)| sealed_entry::Model { key_id, revision })
        .collect();
    for some in rows.chunks(BATCH) {
        let rows = some.iter().cloned().map(IntoActiveModel::into_active_model);
        batch.push(sealed_entry::Entity::insert_many(rows).into_query(), some.len() * USE_COLUMNS);
    }
}

/// Returns the revisions with fields that a key sealed, in order.
pub(super) async fn revisions_of(tx: &impl ConnectionTrait, key: Uuid) -> Result<Vec<i64>> {
    use sealed_entry::Column;
    let select = sealed_entry::Entity::find()
        .select_only()
        .column(Column::Revision)
        .filter(Column::KeyId.eq(key));
    Ok(select.order_by_asc(Column::Revision).into_tuple().all(tx).await?)
}

/// Deletes keys. The database allows it only after the entries of the erasure.
pub(super) async fn delete(tx: &impl ConnectionTrait, ids: &[Uuid]) -> Result<()> {
    if !ids.is_empty() {
        let theirs = among(tx.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
        Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    Ok(())
}

/// The existing keys.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Their ids, each with its person.
    pub owners: HashMap<Uuid, Person>,
    /// The ids of forged keys, which don't match their id, in order.
    pub forged: Vec<Uuid>,
}

/// Number of keys that are read together.
const CHUNK: u64 = 10_000;

/// Reads the keys with these ids, or all keys.
pub(super) async fn checked(db: &impl ConnectionTrait, ids: Option<&[Uuid]>) -> Result<Checked> {
    let (mut checked, mut last) = (Checked::default(), Uuid::nil());
    loop {
        let mut select =
            Entity::find().filter(Column::Id.gt(last)).order_by_asc(Column::Id).limit(CHUNK);
        if let Some(ids) = ids {
            select = select.filter(among(
                db.get_database_backend(),
                Expr::col(Column::Id),
                ids.iter().copied(),
            ));
        }
        let rows = select.all(db).await?;
        let Some(row) = rows.last() else { return Ok(checked) };
        last = row.id;
        for row in rows {
            checked.owners.insert(row.id, Person { kind: row.kind, id: row.person_id });
            if id_of(&row.key) != row.id {
                checked.forged.push(row.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PersonKey {
        let key = vec![byte; 32];
        let row = Model { id: id_of(&key), kind: Default::default(), person_id: Uuid::nil(), key };
        PersonKey::of(&row).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn only_the_same_key_opens_in_the_same_context() {
        let sealed = key(1).seal(b"Anna", "1 /name").unwrap_or_default();
        assert_eq!(key(1).open(&sealed, "1 /name").as_deref(), Some(&b"Anna"[..]));
        assert_eq!(key(1).open(&sealed, "2 /name"), None);
        assert_eq!(key(2).open(&sealed, "1 /name"), None);
        assert_eq!(key(1).open(&sealed[..20], "1 /name"), None);
        let mut changed = sealed.clone();
        changed[30] ^= 1;
        assert_eq!(key(1).open(&changed, "1 /name"), None);
        // The same text has another ciphertext each time, so that no one can compare two persons.
        assert_ne!(key(1).seal(b"Anna", "1 /name").unwrap_or_default(), sealed);
    }
}
