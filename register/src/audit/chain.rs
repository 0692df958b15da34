//! The chain of the trail: each entry's hash covers the entry and the hash before it, so that nothing can be changed unnoticed.

use std::collections::BTreeMap;

use ::entity::audit_entry::{self, Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use sha2::{Digest, Sha256};

use super::erasure::{self, Rewritten};
use crate::{database::Database, error::Result};

/// What is broken in the chain: gaps between revisions, hashes that don't follow from the entry and the one before, and texts of erased
/// persons that are not what their erasure made of them.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn breaches(db: &Database) -> Result<Vec<String>> {
    // One moment of it, since an erasure is a new entry and a change of old ones at once.
    let tx = db.snapshot().await?;
    let (mut breaches, mut last) = (Vec::new(), (0, String::new()));
    // What entries so far say was erased of them, by the revision that they name.
    let mut erased: BTreeMap<i64, Vec<Rewritten>> = BTreeMap::new();
    loop {
        let entries = Entity::find().filter(Column::Revision.gt(last.0)).order_by_asc(Column::Revision).limit(1000).all(&tx).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let revision = entry.revision;
            if revision != last.0 + 1 {
                breaches.push(format!("audit trail: revision {revision} follows {}", last.0));
            }
            if keeps_a_stray_digest(&entry) || entry.hash != hash(&entry, &last.1) {
                breaches.push(format!("audit trail: the hash of revision {revision} does not follow from it and the one before"));
            }
            if erasure::told(&entry) != erased.remove(&revision).unwrap_or_default() {
                breaches.push(format!("audit trail: what was erased in revision {revision} is not what it says"));
            }
            if let Some(by) = entry.erased_in {
                erased.entry(by).or_default().push(Rewritten::of(&entry));
            }
            last = (revision, entry.hash);
        }
    }
    breaches.extend(erased.keys().map(|by| format!("audit trail: revision {by} did not erase what is said to be erased in it")));
    Ok(breaches)
}

/// SHA-256 over the entry and the hash before it. What was before and after counts by its own digest, so that a text can be
/// proved without being shown, and erased without breaking the chain.
#[must_use]
pub fn hash(entry: &audit_entry::Model, before: &str) -> String {
    let [digest_before, digest_after] = digests(entry).map(|digest| digest.unwrap_or_else(|| "-".to_owned()));
    let parts = [
        before.to_owned(),
        entry.revision.to_string(),
        entry.at.timestamp_micros().to_string(),
        entry.actor.replace('\n', " "),
        entry.action.clone(),
        entry.subject_kind.to_string(),
        entry.subject_id.simple().to_string(),
        entry.version.clone(),
        digest_before,
        digest_after,
    ];
    sha256(&[], &parts.join("\n"))
}

/// The digests of what was before and after: those of the texts with the salt before them, or those that were kept when the entry was erased.
pub(super) fn digests(entry: &audit_entry::Model) -> [Option<String>; 2] {
    if entry.erased_in.is_some() {
        return [entry.before_digest.clone(), entry.after_digest.clone()];
    }
    let salt = entry.salt.as_deref().unwrap_or_default();
    [&entry.before, &entry.after].map(|text| text.as_ref().map(|text| sha256(salt, text)))
}

/// Whether the entry has a digest that does not count, since its texts do, or lacks one that does.
fn keeps_a_stray_digest(entry: &audit_entry::Model) -> bool {
    let is_erased = entry.erased_in.is_some();
    let is_due = |text: &Option<String>| is_erased && text.is_some();
    entry.before_digest.is_some() != is_due(&entry.before) || entry.after_digest.is_some() != is_due(&entry.after)
}

/// SHA-256 of the salt and the text, in hexadecimal.
pub(super) fn sha256(salt: &[u8], text: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(text).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
