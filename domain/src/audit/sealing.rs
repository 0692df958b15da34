//! Sealing: personal fields of an entry's texts are replaced by their ciphertext, and opened for
//! viewers who may read them.
//!
//! A sealed field is `{"sealed":"<key id>.<base64url of nonce and ciphertext>"}`. Its context is
//! the revision and the field's JSON pointer, so that it can't be moved to another entry or field.
//! A field with the same value before and after has the same ciphertext, so that a database can
//! compare them.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    person_keys::{self, PersonKey},
    recorded::{Person, Personal},
};
use crate::{
    database::among,
    error::{Error, Result},
};

/// Prefix of a sealed field. It can't occur within a JSON string, whose quotes are escaped.
const SEALED: &str = "{\"sealed\":\"";

/// A text of an entry that is not written yet.
#[derive(Debug)]
pub(super) enum Text {
    None,
    /// A text that names no person.
    Plain(String),
    /// A text that names these persons in clear.
    Clear(Value, Vec<Personal>),
}

impl Text {
    /// Returns a text that names persons with at least one field each, so that no one gets a key
    /// that seals nothing. Returns the value if there are none.
    pub fn clear(value: Value, mut personal: Vec<Personal>) -> std::result::Result<Self, Value> {
        personal.retain(|personal| {
            personal
                .fields
                .iter()
                .any(|field| value.pointer(field).is_some_and(|value| !value.is_null()))
        });
        if personal.is_empty() { Err(value) } else { Ok(Self::Clear(value, personal)) }
    }

    /// Returns the persons whom it names.
    pub fn persons(&self) -> impl Iterator<Item = Person> {
        let personal = if let Self::Clear(_, personal) = self { personal.as_slice() } else { &[] };
        personal.iter().map(|personal| personal.person)
    }
}

fn context(revision: i64, pointer: &str) -> String {
    format!("{revision} {pointer}")
}

/// Seals the texts before and after, as they are stored.
pub(super) fn seal(
    revision: i64,
    texts: [Text; 2],
    keys: &HashMap<Person, PersonKey>,
) -> Result<[Option<String>; 2]> {
    // The value in clear and its sealed field, by person and pointer.
    let mut known: HashMap<(Person, String), (Value, Value)> = HashMap::new();
    let [before, after] = texts;
    let mut stored = |text: Text| -> Result<Option<String>> {
        match text {
            Text::None => Ok(None),
            Text::Plain(text) => Ok(Some(text)),
            Text::Clear(mut value, personal) => {
                for Personal { person, fields } in &personal {
                    let key = keys.get(person).ok_or_else(|| {
                        Error::internal(std::io::Error::other("a person has no key"))
                    })?;
                    for pointer in fields {
                        let Some(field) =
                            value.pointer_mut(pointer).filter(|field| !field.is_null())
                        else {
                            continue;
                        };
                        let position = (*person, pointer.to_string());
                        if let Some((_, sealed)) =
                            known.get(&position).filter(|(clear, _)| clear == field)
                        {
                            *field = sealed.clone();
                            continue;
                        }
                        let sealed =
                            key.seal(field.to_string().as_bytes(), &context(revision, pointer))?;
                        let sealed =
                            format!("{}.{}", key.id.simple(), URL_SAFE_NO_PAD.encode(sealed));
                        let clear =
                            std::mem::replace(field, serde_json::json!({ "sealed": sealed }));
                        known.insert(position, (clear, field.clone()));
                    }
                }
                Ok(Some(value.to_string()))
            }
        }
    };
    Ok([stored(before)?, stored(after)?])
}

/// Returns the ids of the keys that sealed fields of a stored text.
pub(super) fn key_ids(text: &str) -> impl Iterator<Item = Uuid> {
    text.match_indices(SEALED)
        .filter_map(|(at, _)| Uuid::try_parse(text.get(at + SEALED.len()..)?.get(..32)?).ok())
}

/// The keys of sealed texts, and the revisions of the erasures of missing keys.
#[derive(Default)]
pub struct Keyring {
    keys: HashMap<Uuid, PersonKey>,
    erased: HashMap<Uuid, i64>,
}

/// A text in clear, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opened {
    /// The text; unreadable fields are null.
    pub value: Value,
    /// JSON pointers to fields of erased persons.
    pub erased: BTreeSet<String>,
    /// JSON pointers to fields that don't open: their key is missing although no entry erased it,
    /// or they were sealed for another revision or field.
    pub broken: BTreeSet<String>,
    /// The last revision that erased a person of the text.
    pub erased_in: Option<i64>,
}

impl Keyring {
    /// Loads the keys of all fields of these entries.
    pub async fn of(db: &impl ConnectionTrait, entries: &[Model]) -> Result<Self> {
        let texts = entries.iter().flat_map(|entry| [&entry.before, &entry.after]).flatten();
        let ids: HashSet<Uuid> = texts.flat_map(|text| key_ids(text)).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let keys = person_keys::by_ids(db, &ids).await?;
        let missing: Vec<Uuid> = ids.into_iter().filter(|id| !keys.contains_key(id)).collect();
        let mut erased = HashMap::new();
        if !missing.is_empty() {
            let theirs = among(db.get_database_backend(), Expr::col(Column::RecordId), missing);
            let select = Entity::find().select_only().columns([Column::RecordId, Column::Revision]);
            let found: Vec<(Uuid, i64)> = select
                .filter(theirs)
                .filter(Column::Form.eq(Form::Erasure))
                .into_tuple()
                .all(db)
                .await?;
            erased.extend(found);
        }
        Ok(Self { keys, erased })
    }

    /// Opens a stored text.
    ///
    /// # Errors
    /// A text that is not JSON.
    pub fn open(&self, revision: i64, text: &str) -> serde_json::Result<Opened> {
        let mut opened = Opened { value: serde_json::from_str(text)?, ..Opened::default() };
        let mut value = std::mem::take(&mut opened.value);
        if text.contains(SEALED) {
            self.walk(revision, &mut String::new(), &mut value, &mut opened);
        }
        opened.value = value;
        Ok(opened)
    }

    fn walk(&self, revision: i64, pointer: &mut String, value: &mut Value, opened: &mut Opened) {
        let length = pointer.len();
        match value {
            Value::Object(fields)
                if fields.len() == 1 && fields.get("sealed").is_some_and(Value::is_string) =>
            {
                let sealed = fields.get("sealed").and_then(Value::as_str).unwrap_or_default();
                *value = self.unseal(revision, pointer, sealed, opened);
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    self.walk(revision, pointer, field, opened);
                    pointer.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    self.walk(revision, pointer, item, opened);
                    pointer.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn unseal(&self, revision: i64, pointer: &str, sealed: &str, opened: &mut Opened) -> Value {
        let id = sealed.get(..32).and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default();
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(sealed.get(33..)?).ok()?;
            let plaintext = self.keys.get(&id)?.open(&bytes, &context(revision, pointer))?;
            serde_json::from_slice(&plaintext).ok()
        };
        if let Some(value) = read() {
            return value;
        }
        if let Some(by) = self.erased.get(&id) {
            opened.erased.insert(pointer.to_owned());
            opened.erased_in = opened.erased_in.max(Some(*by));
        } else {
            opened.broken.insert(pointer.to_owned());
        }
        Value::Null
    }
}

/// Opens the texts of entries for viewers who may read them. Unreadable fields are null, and
/// `erased_in` is the revision of the erasure.
pub(super) async fn open_all(db: &impl ConnectionTrait, entries: &mut [Model]) -> Result<()> {
    let keyring = Keyring::of(db, entries).await?;
    for entry in entries {
        let revision = entry.revision;
        for text in [&mut entry.before, &mut entry.after]
            .into_iter()
            .flatten()
            .filter(|text| text.contains(SEALED))
        {
            let opened = keyring.open(revision, text).map_err(Error::internal)?;
            entry.erased_in = entry.erased_in.max(opened.erased_in);
            *text = opened.value.to_string();
        }
    }
    Ok(())
}
