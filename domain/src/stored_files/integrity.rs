//! Invariants of uploaded files: their bytes are those of their SHA-256.

use ::entity::stored_content;
use documents::sha256;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

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
        let broken = contents.iter().filter(|content| sha256(&content.bytes) != content.sha256);
        found.extend(broken.map(|content| {
            format!("an uploaded file has other bytes than the SHA-256 says: {}", content.sha256)
        }));
    }
}
