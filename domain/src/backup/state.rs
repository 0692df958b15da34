//! The result of the last backup, in a file that servers and `doctor` read.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    config::Settings,
    error::{Error, Result},
    files,
    output::{self, OwnFiles},
};

/// Maximum size of the file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The last backups, and the last failed attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The last backup that was written and verified; null: none was.
    pub success: Option<Success>,
    /// The last backup that was written without a check. It ends no alarm. Null: none was.
    #[serde(default)]
    pub unverified: Option<Success>,
    /// The last attempt that failed; null: none did.
    pub failure: Option<Failure>,
}

/// The result of a backup, to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written and verified.
    Verified(Success),
    /// It was written without a check of its content.
    Unverified(Success),
    /// It failed with this error.
    Failed(String),
}

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// Time at which it was begun.
    pub at: DateTime<Utc>,
    /// Time at which it was recorded; null in the record of an older program.
    #[serde(default)]
    pub finished_at: Option<DateTime<Utc>>,
    /// Last revision of the audit trail in it.
    pub revision: i64,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Its file.
    pub file: PathBuf,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Time at which it failed.
    pub at: DateTime<Utc>,
    /// The error.
    pub message: String,
}

impl Last {
    /// Returns `true` if the last attempt failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let succeeded_at =
            self.success.as_ref().map(|success| success.finished_at.unwrap_or(success.at));
        self.failure.as_ref().is_some_and(|failure| Some(failure.at) >= succeeded_at)
    }

    /// Returns `true` if there is no verified backup that is younger than this.
    #[must_use]
    pub fn is_stale(&self, now: DateTime<Utc>, max_age: Duration) -> bool {
        let max_age = TimeDelta::from_std(max_age).unwrap_or(TimeDelta::MAX);
        self.success.as_ref().is_none_or(|success| now - success.at > max_age)
    }
}

/// Returns the result of the last backups that `samregister backup` recorded; `None` if it has
/// recorded none.
///
/// # Errors
/// Fails if the file can't be read, as one of another user.
pub fn last(settings: &Settings) -> io::Result<Option<Last>> {
    last_in(&settings.last_backup_file())
}

/// Returns the result of the last backups in this file, as [`last`].
///
/// # Errors
/// As [`last`].
pub fn last_in(file: &Path) -> io::Result<Option<Last>> {
    let text = match files::read_text(file, MAX_BYTES) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
    };
    serde_json::from_str(&text).map(Some).map_err(io::Error::other)
}

/// Records the result of a backup that ended at this time.
///
/// # Errors
/// CONFLICT `FILE` if the file can't be written.
pub fn record(settings: &Settings, at: DateTime<Utc>, outcome: Outcome) -> Result<()> {
    // A file that can't be read is replaced.
    let mut last = last(settings).ok().flatten().unwrap_or_default();
    let finished = |written: Success| Some(Success { finished_at: Some(at), ..written });
    match outcome {
        Outcome::Verified(written) => last.success = finished(written),
        Outcome::Unverified(written) => last.unverified = finished(written),
        Outcome::Failed(message) => last.failure = Some(Failure { at, message }),
    }
    let text = serde_json::to_string_pretty(&last).map_err(Error::internal)?;
    let own = OwnFiles { database: None, settings: settings.own_files() };
    output::write(&settings.last_backup_file(), format!("{text}\n").as_bytes(), &own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> DateTime<Utc> {
        let text = format!("2026-12-01T{hour:02}:00:00Z");
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_last_success_outlives_failures() {
        let folder = tempfile::tempdir().unwrap();
        let env = [("SAMREGISTER_BACKUP_DIR".to_owned(), folder.path().display().to_string())];
        let settings = Settings::load(env, None).unwrap();
        assert_eq!(last(&settings).unwrap(), None);
        let hours = |number: u64| Duration::from_secs(number * 3600);
        let found = || last(&settings).unwrap().unwrap();

        record(&settings, at(1), Outcome::Failed("the disk is full".to_owned())).unwrap();
        assert!(found().has_failed() && found().is_stale(at(1), hours(1000)));
        let written = || {
            let file = folder.path().join("b.db");
            Success { at: at(2), finished_at: None, revision: 4711, bytes: 3, file }
        };
        // One that is not verified ends no alarm.
        record(&settings, at(2), Outcome::Unverified(written())).unwrap();
        assert!(found().has_failed() && found().is_stale(at(2), hours(1000)));
        // An attempt that failed while another one was written does not hide its success.
        record(&settings, at(3), Outcome::Failed("another backup works".to_owned())).unwrap();
        record(&settings, at(4), Outcome::Verified(written())).unwrap();
        let success = found().success.unwrap();
        assert_eq!((success.at, success.revision, success.bytes), (at(2), 4711, 3));
        assert!(!found().has_failed() && found().failure.is_some());
        assert!(!found().is_stale(at(12), hours(10)) && found().is_stale(at(13), hours(10)));

        record(&settings, at(5), Outcome::Failed("the disk is full".to_owned())).unwrap();
        assert!(found().has_failed() && !found().is_stale(at(12), hours(10)));
        std::fs::write(settings.last_backup_file(), "x").unwrap();
        assert!(last(&settings).is_err());
        record(&settings, at(6), Outcome::Verified(written())).unwrap();
        assert!(!found().has_failed());
    }
}
