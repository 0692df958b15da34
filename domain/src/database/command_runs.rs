//! Records the last runs of commands, and reads them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use super::{
    Database,
    command_run::{CommandRun, CommandRuns, RecordedCommand},
};
use crate::error::Result;

/// Inserts a run, or replaces the former run of the same command.
const RECORD: &str = "INSERT INTO command_run (command, finished_at, succeeded_at, findings) VALUES ($1, $2, $3, $4)
    ON CONFLICT (command) DO UPDATE SET finished_at = excluded.finished_at, findings = excluded.findings,
        succeeded_at = COALESCE(excluded.succeeded_at, command_run.succeeded_at)";

impl Database {
    /// Records that a command ended now, with the number of its findings.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if others write for too long; INTERNAL if the database refuses
    /// the row, as it does for a role that may only read.
    pub async fn record_run(
        &self,
        command: RecordedCommand,
        at: DateTime<Utc>,
        findings: usize,
    ) -> Result<()> {
        let succeeded_at = (findings == 0).then_some(at.timestamp());
        let findings = i64::try_from(findings).unwrap_or(i64::MAX);
        let tx = self.write().await?;
        let values = [
            <&str>::from(command).into(),
            at.timestamp().into(),
            succeeded_at.into(),
            findings.into(),
        ];
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), RECORD, values))
            .await?;
        self.commit(tx, None).await
    }

    /// Returns the last run of each command that has run.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn last_runs(&self) -> Result<CommandRuns> {
        let select = "SELECT command, finished_at, succeeded_at, findings FROM command_run";
        let rows =
            self.read().query_all_raw(Statement::from_string(self.backend(), select)).await?;
        let mut runs = BTreeMap::new();
        for row in rows {
            let (word, finished_at): (String, i64) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (succeeded_at, findings): (Option<i64>, i64) =
                (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            let instant = |seconds| DateTime::from_timestamp(seconds, 0);
            // A newer program may record commands that this one does not know.
            let known = word.parse::<RecordedCommand>().ok().zip(instant(finished_at));
            if let Some((command, finished_at)) = known {
                let succeeded_at = succeeded_at.and_then(instant);
                let findings = u64::try_from(findings).unwrap_or_default();
                runs.insert(command, CommandRun { finished_at, succeeded_at, findings });
            }
        }
        Ok(runs)
    }
}
