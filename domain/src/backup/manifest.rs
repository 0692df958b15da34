//! The manifest of a backup: a file in JSON next to it, by which the backup is checked and
//! recognized.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;
use serde::{Deserialize, Serialize};

use crate::files;

/// Suffix of the name of a manifest, after the name of the backup.
pub(super) const SUFFIX: &str = ".manifest.json";

/// Version of the format.
const FORMAT: u32 = 1;

/// Maximum size of a manifest in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Kind of the database that was backed up, and that the backup can be restored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "UPPERCASE")]
pub enum DatabaseKind {
    /// SQLite; the backup is a database file.
    #[strum(serialize = "SQLite")]
    Sqlite,
    /// PostgreSQL; the backup is an archive of `pg_dump` in the custom format.
    #[strum(serialize = "PostgreSQL")]
    Postgresql,
}

impl DatabaseKind {
    /// Returns the kind of a database.
    pub(super) fn of(backend: DbBackend) -> Self {
        if backend == DbBackend::Sqlite { Self::Sqlite } else { Self::Postgresql }
    }
}

/// The description of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the format of the manifest.
    pub format: u32,
    /// Version of the program that wrote the backup.
    pub program: String,
    /// Oldest version of the program that can use the restored register.
    pub oldest_program: Option<String>,
    /// Time at which the backup was begun.
    pub at: DateTime<Utc>,
    /// Kind of database.
    pub database: DatabaseKind,
    /// Name of the last migration.
    pub schema: String,
    /// Hash of the first entry of the audit trail, by which backups of one register are
    /// recognized; empty for an empty trail.
    pub register: String,
    /// Last revision of the audit trail in the backup.
    pub revision: i64,
    /// The end of the audit trail in the backup, as `samregister checkpoint` writes it; null if the
    /// schema is older than the program.
    pub checkpoint: Option<String>,
    /// Name of the backup's file.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Public keys that the file is encrypted to; empty if it is not encrypted.
    pub recipients: Vec<String>,
    /// `true` if the content was checked when the backup was written.
    pub verified: bool,
    /// The manifest of the file that this backup replaced. It still holds if the program ended
    /// between the replacement of the manifest and that of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Box<Self>>,
}

impl Manifest {
    /// The version of the format that this program writes.
    pub(super) fn format() -> u32 {
        FORMAT
    }

    /// Returns the path of the manifest of a backup.
    #[must_use]
    pub fn path_of(backup: &Path) -> PathBuf {
        let mut path = OsString::from(backup);
        path.push(SUFFIX);
        path.into()
    }

    /// Reads the manifest of a backup; `None` if there is none.
    ///
    /// # Errors
    /// Fails if it can't be read, or is none that this program can use.
    pub fn read(backup: &Path) -> io::Result<Option<Self>> {
        let text = match files::read_text(&Self::path_of(backup), MAX_BYTES) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause),
        };
        Self::parse(&text).map(Some)
    }

    fn parse(text: &str) -> io::Result<Self> {
        let bad = |cause: String| io::Error::new(io::ErrorKind::InvalidData, cause);
        let found: Self = serde_json::from_str(text)
            .map_err(|cause| bad(format!("it is no manifest of a backup: {cause}")))?;
        if found.format > FORMAT {
            return Err(bad(format!(
                "its format {} is newer than this program; use Samregister {} or later",
                found.format, found.program
            )));
        }
        Ok(found)
    }

    /// Returns the manifest of the file with this size and hash: this one, or the one that it
    /// replaced.
    pub(super) fn matching(self, bytes: u64, sha256: &str) -> Option<Self> {
        let is_of = |manifest: &Self| manifest.bytes == bytes && manifest.sha256 == sha256;
        if is_of(&self) { Some(self) } else { self.replaced.map(|other| *other).filter(is_of) }
    }

    /// Returns the manifest as it is written.
    pub(super) fn to_json(&self) -> io::Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self).map_err(io::Error::other)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::backup) fn manifest(file: &str, at: &str) -> Manifest {
        Manifest {
            format: FORMAT,
            program: "0.2.0".to_owned(),
            oldest_program: Some("0.2.0".to_owned()),
            at: at.parse().unwrap_or_else(|error| panic!("{error}")),
            database: DatabaseKind::Sqlite,
            schema: "m2026".to_owned(),
            register: "9f".repeat(32),
            revision: 4711,
            checkpoint: Some(format!("2026-11-21T09:00:00Z 4711 {}", "9f".repeat(32))),
            file: file.to_owned(),
            bytes: 3,
            sha256: "aa".repeat(32),
            recipients: Vec::new(),
            verified: true,
            replaced: None,
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let old = manifest("backup.db", "2026-11-20T09:00:00Z");
        let new = Manifest {
            sha256: "bb".repeat(32),
            replaced: Some(Box::new(old.clone())),
            ..manifest("backup.db", "2026-11-21T09:00:00Z")
        };
        for each in [&old, &new] {
            let text = each.to_json().unwrap();
            assert_eq!(&Manifest::parse(&text).unwrap(), each);
            assert!(text.contains("\"database\": \"SQLITE\""), "{text}");
        }
        // Between the two renames the file is still the old one.
        assert_eq!(new.clone().matching(3, &"aa".repeat(32)), Some(old.clone()));
        assert_eq!(new.clone().matching(3, &"bb".repeat(32)), Some(new.clone()));
        assert_eq!(new.clone().matching(4, &"bb".repeat(32)), None);
        assert_eq!(old.matching(3, &"bb".repeat(32)), None);
        let newer = new.to_json().unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
        assert!(Manifest::parse(&newer).unwrap_err().to_string().contains("is newer"));
        assert!(Manifest::parse("{}").is_err());
    }
}
