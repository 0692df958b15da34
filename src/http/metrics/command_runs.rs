//! Metrics of the last checkpoint and the last check of the register, which their commands record
//! in the database.

use prometheus_client::registry::Registry;

use super::known::Known;
use domain::database::{CommandRun, CommandRuns, RecordedCommand, last_check};

/// Figures of the last checkpoint and the last check.
#[derive(Debug, Default)]
pub(super) struct RunFigures {
    checkpoint_at: Known,
    checkpoint_failed: Known,
    verify_at: Known,
    verify_failed: Known,
}

impl RunFigures {
    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "last_checkpoint_timestamp_seconds",
            "Time of the last checkpoint that succeeded, in seconds since 1970; 0: none is recorded",
            self.checkpoint_at.clone(),
        );
        registry.register(
            "last_checkpoint_failed",
            "1 if the last checkpoint failed, else 0",
            self.checkpoint_failed.clone(),
        );
        registry.register(
            "last_verify_timestamp_seconds",
            "Time of the last check of the whole register that found no violation, in seconds since 1970; 0: none is recorded",
            self.verify_at.clone(),
        );
        registry.register(
            "last_verify_failed",
            "1 if the last check, of the whole register or of the changes since a checkpoint, found violations, else 0",
            self.verify_failed.clone(),
        );
    }

    /// Removes the figures.
    pub(super) fn clear(&self) {
        for gauge in
            [&self.checkpoint_at, &self.checkpoint_failed, &self.verify_at, &self.verify_failed]
        {
            gauge.set(None);
        }
    }

    /// Shows these runs.
    pub(super) fn set(&self, runs: &CommandRuns) {
        let checkpoint = runs.get(&RecordedCommand::Checkpoint);
        self.checkpoint_at.set(Some(succeeded_at(checkpoint)));
        self.checkpoint_failed.set(Some(has_failed(checkpoint)));
        self.verify_at.set(Some(succeeded_at(runs.get(&RecordedCommand::Verify))));
        self.verify_failed.set(Some(has_failed(last_check(runs))));
    }
}

/// Returns the time of the last success in seconds since 1970; 0 if there was none.
fn succeeded_at(run: Option<&CommandRun>) -> i64 {
    run.and_then(|run| run.succeeded_at).map_or(0, |at| at.timestamp())
}

/// Returns 1 if the last run failed or found violations, else 0.
fn has_failed(run: Option<&CommandRun>) -> i64 {
    i64::from(run.is_some_and(|run| run.findings > 0))
}
