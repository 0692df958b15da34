//! The end of the trail. Nothing is written after an entry that no program with the trail's key has
//! signed, so that a later signature never covers it.

use std::io;

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

use super::signature::{TrailKey, head};
use crate::{
    config::{TRAIL_KEY, TRAIL_PUBLIC_KEYS},
    database::Database,
    error::{Error, Result},
};

/// Signs the last entry of a commit.
pub(super) fn sign(entry: &mut Model, first: i64, key: &TrailKey) {
    entry.signature = Some(key.sign(&head(first, entry.revision, &entry.hash)));
    entry.signed_from = Some(first);
    entry.key_id = Some(key.id().to_owned());
}

/// Returns the last revision, its hash and its time; 0, empty and the start of 1970 for an empty
/// trail.
pub(super) async fn last_entry(db: &impl ConnectionTrait) -> Result<(i64, String, DateTime<Utc>)> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Revision, Column::Hash, Column::At])
        .order_by_desc(Column::Revision);
    Ok(select.into_tuple().one(db).await?.unwrap_or_default())
}

/// Returns the same if a program with the trail's key wrote the last entry, and fails otherwise.
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

/// Describes a last entry that was signed with an unknown key, and what to do if a key was
/// replaced.
fn unknown_signer(revision: i64, signer: &str, own: &str) -> String {
    format!(
        "revision {revision} of the audit trail was signed with the key {signer}, which this program, whose key is {own}, does not trust; if \
         {own} replaced {signer}, add the public key of {signer} to the file of {TRAIL_PUBLIC_KEYS}; if {signer} replaced {own}, name its \
         file in {TRAIL_KEY}"
    )
}

/// Returns the key that an entry appoints; `None` for any other entry.
fn appointed(form: Option<Form>, after: Option<&str>) -> Option<String> {
    let text: serde_json::Value =
        serde_json::from_str(after.filter(|_| form == Some(Form::TrailKey))?).ok()?;
    Some(text.get("key_id")?.as_str()?.to_owned())
}

/// `true` if the last appointment appoints this key, and was signed by a key that it trusts.
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
pub async fn replacement(db: &Database) -> Result<Option<String>> {
    let Some(key) = db.trail_key() else { return Ok(None) };
    let appointments = Entity::find()
        .filter(Column::RecordId.eq(Uuid::nil()))
        .filter(Column::Form.eq(Form::TrailKey));
    let last = appointments.order_by_desc(Column::Revision).one(db.read()).await?;
    let appointed = last.and_then(|last| appointed(last.form, last.after.as_deref()));
    Ok(appointed.filter(|appointed| appointed != key.id()))
}

/// Returns the id of the key that last signed the trail; `None` if nothing was signed, or the
/// register has no trail with signatures yet.
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

/// Returns the time of the first entry that a key signed; `None` if it signed none.
pub async fn used_since(db: &Database, key_id: &str) -> Result<Option<DateTime<Utc>>> {
    let select = Entity::find().select_only().column(Column::At).filter(Column::KeyId.eq(key_id));
    Ok(select.order_by_asc(Column::Revision).into_tuple().one(db.read()).await?)
}

/// `true` if the table of the trail has columns for a signature. The migration that adds them may
/// not be applied yet.
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

/// Replaces the error about a value that this program doesn't write.
fn unreadable(what: &str, error: Error) -> Error {
    if error.is_unreadable_value() {
        refused(&format!("{what} of the audit trail can't be read: {}", error.cause()))
    } else {
        error
    }
}

/// Returns the error of a change that is not begun because of the trail.
pub(super) fn refused(reason: &str) -> Error {
    Error::internal(io::Error::other(format!(
        "nothing is written: {reason}; `samregister verify` lists what is wrong with the trail"
    )))
}
