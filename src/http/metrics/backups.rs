//! Metrics of the last backup, which `samregister backup` records in a file.

use std::{io, path::Path, sync::Arc};

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

    /// Updates the figures. Reads the file on a thread for blocking work: its disk may be slow, or
    /// gone.
    pub(super) async fn look(&self, file: Arc<Path>) {
        let own = Arc::clone(&file);
        let reading = tokio::task::spawn_blocking(move || backup::last_in(&own));
        let last = reading.await.unwrap_or_else(|failed| Err(io::Error::other(failed)));
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn the_file_is_read_on_a_thread_for_blocking_work() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("last-backup.json");
            std::fs::write(&file, "no JSON").unwrap();
            let metrics = BackupMetrics::default();
            let (release, released) = mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || released.recv());
            let mut look = Box::pin(metrics.look(file.into()));
            let waited = tokio::time::timeout(Duration::from_millis(50), &mut look).await;
            assert!(waited.is_err(), "it was read although the only such thread was busy");
            release.send(()).unwrap();
            look.await;
            assert_eq!(metrics.failed.get(), 1);
            busy.await.unwrap().unwrap();
        });
    }
}
