//! The chain of the trail: each entry's hash covers the entry and the hash before it, so that nothing can be changed unnoticed.

use ::entity::audit_entry::{self, Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use sha2::{Digest, Sha256};

use crate::{database::Database, error::Result};

/// What is broken in the chain: gaps between revisions, and hashes that don't follow from the entry and the one before.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn breaches(db: &Database) -> Result<Vec<String>> {
    let (mut breaches, mut last) = (Vec::new(), (0, String::new()));
    loop {
        let entries = Entity::find().filter(Column::Revision.gt(last.0)).order_by_asc(Column::Revision).limit(1000).all(db.read()).await?;
        if entries.is_empty() {
            return Ok(breaches);
        }
        for entry in entries {
            if entry.revision != last.0 + 1 {
                breaches.push(format!("audit trail: revision {} follows {}", entry.revision, last.0));
            }
            if entry.hash != hash(&entry, &last.1) {
                breaches.push(format!("audit trail: the hash of revision {} does not follow from it and the one before", entry.revision));
            }
            last = (entry.revision, entry.hash);
        }
    }
}

/// SHA-256 over the entry and the hash before it. What was before and after counts by its own digest, so that a text can be
/// proved without being shown.
#[must_use]
pub fn hash(entry: &audit_entry::Model, before: &str) -> String {
    let digest = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| hex(&Sha256::digest(text)));
    let parts = [
        before.to_owned(),
        entry.revision.to_string(),
        entry.at.timestamp_micros().to_string(),
        entry.actor.replace('\n', " "),
        entry.action.clone(),
        entry.subject_kind.to_string(),
        entry.subject_id.simple().to_string(),
        entry.version.clone(),
        digest(entry.before.as_ref()),
        digest(entry.after.as_ref()),
    ];
    hex(&Sha256::digest(parts.join("\n")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
