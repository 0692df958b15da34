//! Invariants of uploaded files: their bytes are those of their SHA-256, and only those of erased
//! documents are empty.

use ::entity::{
    stored_content,
    stored_file::{Column, Entity},
};
use documents::sha256;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::removal::is_stored;
use crate::error::Result;

/// Number of files whose bytes are checked together.
const CHUNK: u64 = 10;

/// Returns a sentence for each file whose bytes are missing or do not match its SHA-256.
pub(crate) async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let (mut found, mut last) = (Vec::new(), String::new());
    loop {
        let contents = stored_content::Entity::find()
            .filter(stored_content::Column::Sha256.gt(last.as_str()))
            .order_by_asc(stored_content::Column::Sha256)
            .limit(CHUNK)
            .all(db)
            .await?;
        let Some(end) = contents.last() else { return Ok(found) };
        last.clone_from(&end.sha256);
        for stored_content::Model { sha256: digest, bytes } in contents {
            if bytes.is_empty() {
                if is_used(db, &digest).await? {
                    found.push(format!("the bytes of an uploaded file are missing: {digest}"));
                }
            } else if sha256(&bytes) != digest {
                found.push(format!(
                    "an uploaded file has other bytes than the SHA-256 says: {digest}"
                ));
            }
        }
    }
}

/// Returns `true` if a file with this SHA-256 belongs to no erased document.
async fn is_used(db: &impl ConnectionTrait, digest: &str) -> Result<bool> {
    let file = Entity::find().filter(Column::Sha256.eq(digest)).filter(is_stored()).one(db).await?;
    Ok(file.is_some())
}
