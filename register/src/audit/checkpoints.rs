//! Checkpoints: the trail's last revision and hash, noted on a day and kept where the register's keepers can't reach. The chain alone can't
//! tell that its end was cut off, or that all of it was written anew; a checkpoint can.

use std::{collections::HashMap, fmt, str::FromStr};

use ::entity::audit_entry::{Column, Entity};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::last_entry;
use crate::{database::Database, error::Result};

/// Where the trail ended at an instant, written as `2026-11-21T09:00:00Z 4711 9f86d0…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was noted.
    pub at: DateTime<Utc>,
    /// The last revision; 0: there was none.
    pub revision: i64,
    /// The hash of that revision, in hexadecimal; `-` when there was none.
    pub hash: String,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at.to_rfc3339_opts(SecondsFormat::Secs, true), self.revision, self.hash)
    }
}

impl FromStr for Checkpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let [at, revision, hash] = text.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
            let revision = revision.parse().ok().filter(|revision| *revision >= 0)?;
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let holds = if revision == 0 { hash == "-" } else { is_hash };
            holds.then_some(Self { at: at.parse().ok()?, revision, hash: hash.to_owned() })
        };
        read().ok_or("is no line that `samregister checkpoint` writes")
    }
}

/// Where the trail ends now.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn checkpoint(db: &Database) -> Result<Checkpoint> {
    let (revision, hash, _) = last_entry(db.read()).await?;
    Ok(Checkpoint { at: db.clock.now(), revision, hash: if revision == 0 { "-".to_owned() } else { hash } })
}

/// Checkpoints that are looked up together.
const BATCH: usize = 500;

/// Where the trail has departed from what it was at these checkpoints: their revision is not there any more, or has another hash.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn departures(db: &Database, checkpoints: &[Checkpoint]) -> Result<Vec<String>> {
    let mut departures = Vec::new();
    for batch in checkpoints.chunks(BATCH) {
        let revisions = Column::Revision.is_in(batch.iter().map(|checkpoint| checkpoint.revision));
        let hashes: Vec<(i64, String)> =
            Entity::find().select_only().columns([Column::Revision, Column::Hash]).filter(revisions).into_tuple().all(db.read()).await?;
        let hashes: HashMap<_, _> = hashes.into_iter().collect();
        for Checkpoint { at, revision, hash } in batch.iter().filter(|checkpoint| checkpoint.revision > 0) {
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            match hashes.get(revision) {
                None => departures.push(format!("audit trail: revision {revision} of the checkpoint of {at} is gone")),
                Some(now) if now != hash => {
                    departures.push(format!("audit trail: revision {revision} has the hash {now}, but {hash} at the checkpoint of {at}"))
                }
                Some(_) => {}
            }
        }
    }
    Ok(departures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_is_written() {
        let hash = "9f".repeat(32);
        for text in [format!("2026-11-21T09:00:00Z 4711 {hash}"), "2026-11-21T09:00:00Z 0 -".to_owned()] {
            assert_eq!(text.parse::<Checkpoint>().map(|read| read.to_string()), Ok(text));
        }
        for text in [
            String::new(),
            format!("4711 {hash}"),
            format!("2026-11-21 4711 {hash}"),
            format!("2026-11-21T09:00:00Z -1 {hash}"),
            format!("2026-11-21T09:00:00Z 0 {hash}"),
            "2026-11-21T09:00:00Z 1 -".to_owned(),
            format!("2026-11-21T09:00:00Z 1 {}", hash.to_uppercase()),
            format!("2026-11-21T09:00:00Z 1 {hash} x"),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text}");
        }
    }
}
