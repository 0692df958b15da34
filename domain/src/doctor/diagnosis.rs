//! The checks of a register with their results, in a stable order.

use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, IntoStaticStr, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// The register runs, and something needs attention.
    Warn,
    /// The register does not run, or is at risk.
    Fail,
}

/// The subject of a check. Its word is stable, and every diagnosis has each of them, in order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Display,
    IntoStaticStr,
    VariantArray,
    Serialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The settings can be read.
    Settings,
    /// The database responds.
    Database,
    /// The database is migrated.
    Schema,
    /// The version of the database system is supported.
    DatabaseVersion,
    /// The connection to PostgreSQL is encrypted, and its server verified.
    DatabaseTls,
    /// The read replicas are up to date.
    ReadReplicas,
    /// There is room on the disk.
    Disk,
    /// The clock is not behind the trail.
    Clock,
    /// The clock is synchronized.
    TimeSync,
    /// Private files are readable for their owner only.
    FileModes,
    /// The limit of open files suffices.
    OpenFiles,
    /// The key that signs the trail is there.
    TrailKey,
    /// The keys of tokens are set and strong.
    TokenKeys,
    /// The issuer of tokens responds.
    Issuer,
    /// The timestamp service gives timestamps.
    TimestampService,
    /// The settings that invoices need are set.
    Network,
    /// There is a recent backup.
    Backup,
    /// There is a recent checkpoint.
    Checkpoint,
    /// The register was checked recently.
    Verify,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its subject.
    #[serde(rename = "check")]
    pub subject: Subject,
    /// Its result.
    pub status: Status,
    /// The finding.
    pub message: String,
    /// The advice; null: there is nothing to do.
    pub advice: Option<String>,
}

impl Check {
    /// Returns a check that found nothing to do.
    pub fn ok(subject: Subject, message: impl Into<String>) -> Self {
        Self { subject, status: Status::Ok, message: message.into(), advice: None }
    }

    /// Returns a check that found something that needs attention.
    pub fn warn(subject: Subject, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let (message, advice) = (message.into(), Some(advice.into()));
        Self { subject, status: Status::Warn, message, advice }
    }

    /// Returns a check that failed.
    pub fn fail(subject: Subject, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::warn(subject, message, advice) }
    }

    /// Returns a check that was not made, because an earlier one failed.
    #[must_use]
    pub fn not_made(subject: Subject, cause: Subject) -> Self {
        let message = format!("not checked: see {cause}");
        Self { subject, status: Status::Warn, message, advice: None }
    }
}

/// The checks of a register, in the order of [`Subject`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Returns the diagnosis with these checks. A subject without one was not checked because of
    /// `cause`.
    #[must_use]
    pub fn new(mut checks: Vec<Check>, cause: Subject) -> Self {
        for subject in Subject::VARIANTS {
            if checks.iter().all(|check| check.subject != *subject) {
                checks.push(Check::not_made(*subject, cause));
            }
        }
        checks.sort_by_key(|check| check.subject);
        Self { checks }
    }

    /// Returns the worst result.
    #[must_use]
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
    }

    /// Returns the number of checks with this result.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnosis_has_every_subject_in_order() {
        let checks = vec![
            Check::fail(Subject::Database, "it does not respond", "start it"),
            Check::ok(Subject::Settings, "read"),
        ];
        let diagnosis = Diagnosis::new(checks, Subject::Database);
        let subjects: Vec<_> = diagnosis.checks.iter().map(|check| check.subject).collect();
        assert_eq!(subjects, Subject::VARIANTS);
        assert_eq!(diagnosis.status(), Status::Fail);
        assert_eq!((diagnosis.count(Status::Ok), diagnosis.count(Status::Fail)), (1, 1));
        assert_eq!(diagnosis.checks[2].message, "not checked: see database");
    }

    #[test]
    fn words_of_subjects_never_change() {
        let words: Vec<&str> = Subject::VARIANTS.iter().map(|subject| (*subject).into()).collect();
        assert_eq!(
            words,
            [
                "settings",
                "database",
                "schema",
                "database_version",
                "database_tls",
                "read_replicas",
                "disk",
                "clock",
                "time_sync",
                "file_modes",
                "open_files",
                "trail_key",
                "token_keys",
                "issuer",
                "timestamp_service",
                "network",
                "backup",
                "checkpoint",
                "verify",
            ]
        );
    }
}
