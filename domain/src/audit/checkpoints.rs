//! Checkpoints: the trail's last revision and hash, recorded on a day and stored out of reach of
//! the register's administrators. The chain alone doesn't show that its end was cut off, or that
//! all of it was rewritten; a checkpoint does.

use std::{collections::HashMap, fmt, str::FromStr};

use ::entity::audit_entry::{Column, Entity};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{
    head::last_entry,
    signature::{TrailKey, TrustedKeys},
};
use crate::{clock::Clock, database::Database, error::Result};

/// The end of the trail at an instant, written as `2026-11-21T09:00:00Z 4711 9f86d0… 1f0c…:kK3b…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The time at which it was recorded.
    pub at: DateTime<Utc>,
    /// The last revision; 0 for an empty trail.
    pub revision: i64,
    /// The hash of that revision, in hexadecimal; `-` for an empty trail.
    pub hash: String,
    /// The signature; `None` for a checkpoint from before checkpoints were signed.
    pub signature: Option<Signature>,
    /// The timestamp token (RFC 3161, DER) of the line; `None` if no service dated it.
    pub timestamp: Option<Vec<u8>>,
}

/// A signature with the id of its key, written as `<key id>:<base64url>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key.
    pub key_id: String,
    /// Ed25519.
    pub bytes: Vec<u8>,
}

/// Prefix of a line that continues the timestamp of the checkpoint before it.
const CONTINUED: char = '+';
/// Length of such a line; mail programs break longer ones.
const WIDTH: usize = 76;

impl Checkpoint {
    fn time(&self) -> String {
        self.at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Returns the text that is signed.
    fn statement(&self) -> String {
        format!("samregister checkpoint\n{}\n{}\n{}", self.time(), self.revision, self.hash)
    }

    /// Returns the line without the timestamp, which is the dated text.
    #[must_use]
    pub fn line(&self) -> String {
        let signature = self.signature.as_ref();
        let signature = signature.map(|signature| {
            format!(" {}:{}", signature.key_id, URL_SAFE_NO_PAD.encode(&signature.bytes))
        });
        format!("{} {} {}{}", self.time(), self.revision, self.hash, signature.unwrap_or_default())
    }

    /// Reads the checkpoints of a file. Blank lines and lines that begin with # are skipped.
    ///
    /// # Errors
    /// Every malformed line, by its number from 1, with the reason.
    pub fn read_all(text: &str) -> Result<Vec<Self>, Vec<(usize, &'static str)>> {
        let (mut found, mut bad): (Vec<(Self, String)>, _) = (Vec::new(), Vec::new());
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        {
            match (line.strip_prefix(CONTINUED), found.last_mut()) {
                (Some(more), Some((_, token))) => token.push_str(more.trim()),
                _ => match line.parse() {
                    Ok(checkpoint) => found.push((checkpoint, String::new())),
                    Err(reason) => bad.push((index + 1, reason)),
                },
            }
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        let aggregate = |(checkpoint, token): (Self, String)| {
            // A token that is not base64 doesn't verify.
            let timestamp = (!token.is_empty()).then(|| STANDARD.decode(token).unwrap_or_default());
            Self { timestamp, ..checkpoint }
        };
        Ok(found.into_iter().map(aggregate).collect())
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        let token = self.timestamp.as_ref().map(|token| STANDARD.encode(token)).unwrap_or_default();
        for part in token.as_bytes().chunks(WIDTH) {
            write!(f, "\n{CONTINUED}{}", String::from_utf8_lossy(part))?;
        }
        Ok(())
    }
}

impl FromStr for Checkpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let words: Vec<_> = text.split_whitespace().collect();
            let [at, revision, hash, signature @ ..] = words.as_slice() else { return None };
            let revision = revision.parse().ok().filter(|revision| *revision >= 0)?;
            let is_hash = hash.len() == 64 && is_hex(hash);
            let holds = if revision == 0 { *hash == "-" } else { is_hash };
            let signature = match signature {
                [] => None,
                [word] => {
                    let (key_id, bytes) = word
                        .split_once(':')
                        .filter(|(key_id, _)| key_id.len() == 16 && is_hex(key_id))?;
                    Some(Signature {
                        key_id: key_id.to_owned(),
                        bytes: URL_SAFE_NO_PAD.decode(bytes).ok()?,
                    })
                }
                _ => return None,
            };
            holds.then_some(Self {
                at: at.parse().ok()?,
                revision,
                hash: (*hash).to_owned(),
                signature,
                timestamp: None,
            })
        };
        read().ok_or("is no line that `samregister checkpoint` writes")
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the current end of the trail, signed if there is a key.
pub async fn checkpoint(db: &Database, clock: Clock) -> Result<Checkpoint> {
    checkpoint_in(db.read(), db.trail_key(), clock).await
}

/// Returns the end of the trail that a transaction sees, signed with the key if there is one.
pub async fn checkpoint_in(
    db: &impl ConnectionTrait,
    key: Option<&TrailKey>,
    clock: Clock,
) -> Result<Checkpoint> {
    let (revision, hash, _) = last_entry(db).await?;
    let hash = if revision == 0 { "-".to_owned() } else { hash };
    let mut checkpoint =
        Checkpoint { at: clock.now(), revision, hash, signature: None, timestamp: None };
    checkpoint.signature = key.map(|key| Signature {
        key_id: key.id().to_owned(),
        bytes: key.sign(&checkpoint.statement()),
    });
    Ok(checkpoint)
}

/// Number of checkpoints that are looked up together.
const BATCH: usize = 500;

/// Returns the checkpoints that contradict the trail: their revision is missing, or has another
/// hash. A checkpoint from before the trail's migration is compared with the former hash. With
/// trusted keys, signatures are checked too.
pub async fn departures(
    db: &impl ConnectionTrait,
    checkpoints: &[Checkpoint],
    trusted: Option<&TrustedKeys>,
) -> Result<Vec<String>> {
    let mut departures = Vec::new();
    for batch in checkpoints.chunks(BATCH) {
        let revisions = Column::Revision.is_in(batch.iter().map(|checkpoint| checkpoint.revision));
        let select = Entity::find()
            .select_only()
            .columns([Column::Revision, Column::Hash, Column::FormerHash])
            .filter(revisions);
        let hashes: Vec<(i64, String, Option<String>)> = select.into_tuple().all(db).await?;
        let hashes: HashMap<_, _> =
            hashes.into_iter().map(|(revision, hash, former)| (revision, (hash, former))).collect();
        for checkpoint in batch {
            let Checkpoint { revision, hash, .. } = checkpoint;
            let at = checkpoint.time();
            let is_former = match hashes.get(revision) {
                _ if *revision == 0 => false,
                None => {
                    departures.push(format!(
                        "audit trail: revision {revision} of the checkpoint of {at} is gone"
                    ));
                    false
                }
                Some((_, former)) if former.as_ref() == Some(hash) => true,
                Some((now, _)) if now != hash => {
                    departures.push(format!("audit trail: revision {revision} has the hash {now}, but {hash} at the checkpoint of {at}"));
                    false
                }
                Some(_) => false,
            };
            if let Some(trusted) = trusted {
                departures.extend(
                    unsigned(checkpoint, trusted, is_former)
                        .map(|reason| format!("audit trail: the checkpoint of {at} {reason}")),
                );
            }
        }
    }
    Ok(departures)
}

/// Returns the violation of a checkpoint's signature, if there is one. A checkpoint from before the
/// trail's migration, or of an empty trail, needs no signature.
fn unsigned(checkpoint: &Checkpoint, trusted: &TrustedKeys, is_former: bool) -> Option<String> {
    match &checkpoint.signature {
        None if is_former || checkpoint.revision == 0 => None,
        None => Some("is not signed".to_owned()),
        Some(Signature { key_id, .. }) if !trusted.contains(key_id) => Some(format!(
            "was signed with the key {key_id}, which is none of those that are trusted"
        )),
        Some(Signature { key_id, bytes })
            if !trusted.holds(key_id, &checkpoint.statement(), bytes) =>
        {
            Some("has a signature that does not hold".to_owned())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_is_written() {
        let hash = "9f".repeat(32);
        let key = "1f0c".repeat(4);
        for text in [
            format!("2026-11-21T09:00:00Z 4711 {hash}"),
            "2026-11-21T09:00:00Z 0 -".to_owned(),
            format!("2026-11-21T09:00:00Z 4711 {hash} {key}:kK3b"),
        ] {
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
            format!("2026-11-21T09:00:00Z 1 {hash} {key}:?"),
            format!("2026-11-21T09:00:00Z 1 {hash} {key}:kK3b x"),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_timestamp_follows_its_line() {
        let (hash, token) = ("9f".repeat(32), vec![7; 100]);
        let first = Checkpoint {
            timestamp: Some(token),
            ..format!("2026-11-21T09:00:00Z 4711 {hash}")
                .parse()
                .unwrap_or_else(|reason| panic!("{reason}"))
        };
        let second = Checkpoint { timestamp: None, ..first.clone() };
        let text = format!("# stored\n{first}\n\n{second}\n");
        assert!(text.lines().all(|line| line.len() <= 90), "{text}");
        assert_eq!(Checkpoint::read_all(&text), Ok(vec![first, second]));
        assert_eq!(
            Checkpoint::read_all("x\n\n+y\n"),
            Err([1, 3]
                .map(|line| (line, "is no line that `samregister checkpoint` writes"))
                .to_vec())
        );
    }
}
