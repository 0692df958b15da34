//! The check that changes can be written.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use sea_orm::{ConnectionTrait, Statement};
use tokio::time::Instant;

use super::Database;
use crate::error::{Error, Result};

/// Shortest time between trial changes while changes fail.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes that a trial change writes: a full disk refuses them, where an already allocated page
/// would have had room.
const PROBE_SIZE: usize = 16 << 10;

impl Database {
    /// Returns the number of changes that the database failed to make since the program started.
    /// Refused changes do not count.
    #[must_use]
    pub fn failed_writes(&self) -> u64 {
        self.health.failed.load(SeqCst)
    }

    /// Checks that changes can be written. After one failed, it makes a trial change, at most every
    /// second, until one succeeds.
    ///
    /// # Errors
    /// INTERNAL while changes fail.
    pub async fn check_writes(&self) -> Result<()> {
        if !self.health.is_failing.load(SeqCst) {
            return Ok(());
        }
        let mut probed_at = self.health.probed_at.lock().await;
        if probed_at.is_none_or(|at| at.elapsed() >= PROBE_INTERVAL) {
            *probed_at = Some(Instant::now());
            if let Err(cause) = self.probe_write().await {
                tracing::warn!(?cause, "changes still can't be written");
            }
        }
        if self.health.is_failing.load(SeqCst) {
            Err(Error::internal(std::io::Error::other("changes can't be written")))
        } else {
            Ok(())
        }
    }

    async fn probe_write(&self) -> Result<()> {
        let tx = self.write().await?;
        tx.execute_unprepared("DELETE FROM write_probe").await?;
        let filler: Vec<u8> =
            (0..PROBE_SIZE / 16).flat_map(|_| rand::random::<[u8; 16]>()).collect();
        let insert = match tx.get_database_backend() {
            sea_orm::DbBackend::Postgres => "INSERT INTO write_probe (id, filler) VALUES (1, $1)",
            _ => "INSERT INTO write_probe (id, filler) VALUES (1, ?)",
        };
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            insert,
            [filler.into()],
        ))
        .await?;
        self.commit(tx, None).await
    }
}
