//! Changes of others: notifications of other servers on PostgreSQL, and polls.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr,
    sqlx::postgres::{PgListener, PgPoolOptions},
};
use tokio::time::Instant;

use super::{Database, session::Plans, transaction::Transaction};
use crate::error::{Error, Result};

/// The channel on which writers on PostgreSQL notify other servers of new audit entries.
const CHANNEL: &str = "samregister";

/// Intervals between reads of the last revision, on SQLite and on PostgreSQL. SQLite does not
/// notify of other programs' writes, a pooler that gives each transaction another connection loses
/// notifications, and one of PostgreSQL alone may be lost.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

impl Database {
    /// Notifies other servers of a revision, if and when it is committed.
    pub(super) async fn notify_remote(&self, tx: &Transaction, revision: i64) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            tx.execute_unprepared(&format!("SELECT pg_notify('{CHANNEL}', '{revision}')")).await?;
        }
        Ok(())
    }

    /// Listens for changes of others, for as long as it is polled: other servers on PostgreSQL,
    /// other programs with the same file on SQLite.
    pub async fn listen(&self) {
        loop {
            let Err(cause) = self.listen_until_error().await;
            tracing::warn!(%cause, "changes of other programs can't be received; trying again");
            tokio::time::sleep(POLL_INTERVALS.0).await;
        }
    }

    async fn listen_until_error(&self) -> std::result::Result<std::convert::Infallible, DbErr> {
        let Some(servers) = &self.servers else {
            loop {
                // Detected early, while no other program can have begun another log.
                if self.check_file().is_err() {
                    self.save_log().await;
                }
                self.truncate_if_due().await;
                self.check_end(&self.probe).await?;
                tokio::time::sleep(POLL_INTERVALS.0).await;
            }
        };
        if servers.listen.is_none() && servers.is_pooled.load(SeqCst) {
            loop {
                self.check_end(&self.probe).await?;
                tokio::time::sleep(POLL_INTERVALS.0).await;
            }
        }
        let moved = servers.moved();
        if let Some(listen) = &servers.listen {
            let not_found = |error: Error| DbErr::Custom(format!("{error:?}"));
            listen.find().await.map_err(not_found)?;
        }
        let at = servers.listen.as_deref().unwrap_or(servers);
        let lost = |cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)));
        let session = Arc::clone(&self.session);
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let pool = pool.after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { session.set_up(connection, Plans::Auto).await })
        });
        let pool = pool.connect_lazy_with(at.primary());
        let mut listener = PgListener::connect_with(&pool).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        loop {
            // Writes before this point, or while the connection was lost, caused no notification.
            self.check_end(&self.probe).await?;
            if moved.has_changed().unwrap_or_default() {
                return Err(DbErr::Custom("another server is the primary now".to_owned()));
            }
            // However many notifications there are: they don't say whether the trail continues.
            let next = Instant::now() + POLL_INTERVALS.1;
            while let Ok(notification) = tokio::time::timeout_at(next, listener.try_recv()).await {
                let Some(notification) = notification.map_err(lost)? else { break };
                self.notify_local(notification.payload().parse().unwrap_or_default());
            }
        }
    }
}
