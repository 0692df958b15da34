//! Metrics of the last backup, which `samregister backup` records in a file.

use std::path::Path;

use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

use domain::backup;

/// Figures of the last backup, read when they are scraped.
#[derive(Debug, Default)]
pub(super) struct BackupMetrics {
    timestamp: Gauge,
    failed: Gauge,
    revision: Gauge,
    bytes: Gauge,
}

impl BackupMetrics {
    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "last_backup_timestamp_seconds",
            "Time of the last verified backup, in seconds since 1970; 0: none is recorded",
            self.timestamp.clone(),
        );
        registry.register(
            "last_backup_failed",
            "1 if the last attempt to write a backup failed or its record can't be read, else 0",
            self.failed.clone(),
        );
        registry.register(
            "last_backup_revision",
            "Last revision of the audit trail in the last backup",
            self.revision.clone(),
        );
        registry.register("last_backup_bytes", "Size of the last backup", self.bytes.clone());
    }

    /// Updates the figures. The file is small, and on the disk of the machine.
    pub(super) fn look(&self, file: &Path) {
        let last = backup::last_in(file);
        if let Err(cause) = &last {
            tracing::warn!(%cause, file = %file.display(), "the result of the last backup can't be read");
        }
        let has_failed = match &last {
            Ok(last) => last.as_ref().is_some_and(backup::Last::has_failed),
            Err(_) => true,
        };
        self.failed.set(i64::from(has_failed));
        let success = last.ok().flatten().and_then(|last| last.success);
        let success = success.as_ref();
        self.timestamp.set(success.map_or(0, |success| success.at.timestamp()));
        self.revision.set(success.map_or(0, |success| success.revision));
        self.bytes
            .set(success.map_or(0, |success| i64::try_from(success.bytes).unwrap_or(i64::MAX)));
    }
}
