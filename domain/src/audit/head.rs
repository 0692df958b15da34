//! The end of the trail: nothing is written after an entry that no program with the trail's key
//! wrote, so that none is covered by a later signature.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};
use uuid::Uuid;

use super::{
    forms,
    signature::{TrailKey, head},
};
use crate::{
    audit,
    auth::viewer::{Permission, Viewer},
    config::{TRAIL_KEY, TRAIL_PUBLIC_KEYS},
    database::Database,
    error::{Error, Result},
};

/// The end of the trail as this program last wrote or checked it.
#[derive(Debug, Default)]
pub struct TrailHead(Mutex<(i64, String)>);

impl TrailHead {
    fn get(&self) -> (i64, String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes where the trail ends.
    pub(crate) fn set(&self, revision: i64, hash: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (revision, hash);
    }
}

/// Signs the last entry of a commit.
pub(super) fn sign(entry: &mut Model, first: i64, key: &TrailKey) {
    entry.signature = Some(key.sign(&head(first, entry.revision, &entry.hash)));
    entry.signed_from = Some(first);
    entry.key_id = Some(key.id().to_owned());
}

/// The last revision, its hash and its time; 0, empty and the beginning of 1970 when there is none.
pub(super) async fn last_entry(db: &impl ConnectionTrait) -> Result<(i64, String, DateTime<Utc>)> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Revision, Column::Hash, Column::At])
        .order_by_desc(Column::Revision);
    Ok(select.into_tuple().one(db).await?.unwrap_or_default())
}

/// The same, when the entry was written by a program with the trail's key.
pub(crate) async fn trusted(
    db: &Database,
    tx: &impl ConnectionTrait,
) -> Result<(i64, String, DateTime<Utc>)> {
    let known = db.trail_head.get();
    let (revision, hash, at) =
        last_entry(tx).await.map_err(|error| unreadable("the last entry", error))?;
    if (revision, &hash) == (known.0, &known.1) {
        return Ok((revision, hash, at));
    }
    if revision < known.0 {
        let reason = format!(
            "the audit trail ends at revision {revision}, but revision {} was committed before",
            known.0
        );
        return Err(refused(&reason));
    }
    let last = Entity::find_by_id(revision)
        .one(tx)
        .await
        .map_err(|error| unreadable(&format!("revision {revision}"), error.into()))?;
    let Some((last, key)) = last.zip(db.trail_key()) else { return Ok((revision, hash, at)) };
    let name = last.key_id.unwrap_or_default();
    let (signature, first) = last.signature.zip(last.signed_from).unwrap_or_default();
    if !key.trusted().holds(&name, &head(first, revision, &hash), &signature) {
        let reason = match name.as_str() {
            "" => format!("revision {revision} of the audit trail has no signature"),
            name if key.trusted().contains(name) => {
                format!("the signature of revision {revision} of the audit trail does not hold")
            }
            name => unknown_signer(revision, name, key.id()),
        };
        return Err(refused(&reason));
    }
    if let Some(appointed) =
        appointed(last.form, last.after.as_deref()).filter(|appointed| appointed != key.id())
    {
        let reason = format!("the key {} of this program was replaced by {appointed}", key.id());
        return Err(refused(&format!(
            "{reason}; name the file of {appointed} in {TRAIL_KEY}, and restart the program"
        )));
    }
    db.trail_head.set(revision, hash.clone());
    Ok((revision, hash, at))
}

/// Says that the last entry was signed with a key that this program does not trust, and what to do
/// if a key was replaced.
fn unknown_signer(revision: i64, signer: &str, own: &str) -> String {
    format!(
        "revision {revision} of the audit trail was signed with the key {signer}, which this program, whose key is {own}, does not trust; if \
         {own} replaced {signer}, add the public key of {signer} to the file of {TRAIL_PUBLIC_KEYS}; if {signer} replaced {own}, name its \
         file in {TRAIL_KEY}"
    )
}

/// The key that an entry appoints; `None` for any other entry.
fn appointed(form: Option<Form>, after: Option<&str>) -> Option<String> {
    let text: serde_json::Value =
        serde_json::from_str(after.filter(|_| form == Some(Form::TrailKey))?).ok()?;
    Some(text.get("key_id")?.as_str()?.to_owned())
}

/// `true` if the last entry that appoints a key appoints this one, and was signed by one that it
/// trusts.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn is_appointed(db: &Database, key: &TrailKey) -> Result<bool> {
    let appointments = Entity::find()
        .filter(Column::RecordId.eq(Uuid::nil()))
        .filter(Column::Form.eq(Form::TrailKey));
    let Some(last) = appointments.order_by_desc(Column::Revision).one(db.read()).await? else {
        return Ok(false);
    };
    let name = last.key_id.unwrap_or_default();
    let (signature, first) = last.signature.zip(last.signed_from).unwrap_or_default();
    let is_signed = key.trusted().holds(&name, &head(first, last.revision, &last.hash), &signature);
    Ok(is_signed
        && appointed(last.form, last.after.as_deref())
            .is_some_and(|appointed| appointed == key.id()))
}

/// Returns the id of the key that has replaced this program's; `None` if its own signs the trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn replacement(db: &Database) -> Result<Option<String>> {
    let Some(key) = db.trail_key() else { return Ok(None) };
    let appointments = Entity::find()
        .filter(Column::RecordId.eq(Uuid::nil()))
        .filter(Column::Form.eq(Form::TrailKey));
    let last = appointments.order_by_desc(Column::Revision).one(db.read()).await?;
    let appointed = last.and_then(|last| appointed(last.form, last.after.as_deref()));
    Ok(appointed.filter(|appointed| appointed != key.id()))
}

/// The id of the key that the trail was last signed with; `None` when nothing was signed, or the
/// register has no trail with signatures yet.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn last_key(db: &Database) -> Result<Option<String>> {
    if !has_signatures(db).await? {
        return Ok(None);
    }
    let select =
        Entity::find().select_only().column(Column::KeyId).filter(Column::Signature.is_not_null());
    Ok(select
        .order_by_desc(Column::Revision)
        .into_tuple::<Option<String>>()
        .one(db.read())
        .await?
        .flatten())
}

/// `true` if the table of the trail has the columns of a signature: the migration that adds them
/// may be one that is not applied yet.
async fn has_signatures(db: &Database) -> Result<bool> {
    let sql = match db.backend() {
        DbBackend::Sqlite => {
            "SELECT COUNT(*) FROM pragma_table_info('audit_entry') WHERE name = 'signature'"
        }
        _ => {
            "SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = 'audit_entry' AND column_name = 'signature'"
        }
    };
    let row = db.read().query_one_raw(Statement::from_string(db.backend(), sql)).await?;
    Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or_default() > 0)
}

/// Appoints another key that signs the trail from the next commit on; the present key signs for it.
///
/// # Errors
/// FORBIDDEN unless it is done at the machine, and the errors of [`audit::begin`].
pub async fn replace_key(db: &Database, viewer: &Viewer, new: &TrailKey) -> Result<()> {
    viewer.require(Permission::ManageKeys)?;
    let mut change = audit::begin(db, viewer, "trailKeyReplace").await?;
    let replaces = db.trail_key().map(|key| key.id().to_owned()).unwrap_or_default();
    let appointed =
        forms::TrailKey { key_id: new.id().to_owned(), public_key: new.public_hex(), replaces };
    change.record(None, Some(&appointed))?;
    change.commit().await
}

/// What is said instead of an error about a value that this program does not write.
fn unreadable(what: &str, error: Error) -> Error {
    if error.is_unreadable_value() {
        refused(&format!("{what} of the audit trail can't be read: {}", error.cause()))
    } else {
        error
    }
}

fn refused(reason: &str) -> Error {
    Error::internal(io::Error::other(format!(
        "nothing is written: {reason}; `samregister verify` lists what is wrong with the trail"
    )))
}
