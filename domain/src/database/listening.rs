//! Changes of others: notifications of other servers on PostgreSQL, and polls.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::{PgListener, PgPoolOptions},
    },
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    Database,
    servers::{PROBE_TIMEOUT, Servers},
    session::Plans,
    transaction::Transaction,
};
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
    /// other programs with the same file on SQLite. While notifications can't be received, the last
    /// revision is read at short intervals instead.
    pub async fn listen(&self) {
        let mut is_reported = false;
        loop {
            let Err(cause) = self.listen_until_error(&mut is_reported).await;
            if !std::mem::replace(&mut is_reported, true) {
                tracing::warn!(
                    %cause,
                    "changes of other programs can't be received; the last revision is read each second until they can"
                );
            }
            self.poll_once().await;
            sleep(POLL_INTERVALS.0).await;
        }
    }

    /// Reads the last revision while there are no notifications. An error is one of the database,
    /// which requests report.
    async fn poll_once(&self) {
        if let Err(cause) = self.check_end(&self.probe).await {
            tracing::debug!(%cause, "the last revision can't be read");
        }
    }

    /// Listens until that fails. `is_reported` is `true` while a failure is reported.
    async fn listen_until_error(
        &self,
        is_reported: &mut bool,
    ) -> std::result::Result<Infallible, DbErr> {
        let Some(servers) = &self.servers else {
            loop {
                // Detected early, while no other program can have begun another log.
                if self.check_file().is_err() {
                    self.save_log().await;
                }
                self.truncate_if_due().await;
                self.check_end(&self.probe).await?;
                note_success(is_reported);
                sleep(POLL_INTERVALS.0).await;
            }
        };
        if servers.listen.is_none() && servers.is_pooled.load(SeqCst) {
            loop {
                self.check_end(&self.probe).await?;
                note_success(is_reported);
                sleep(POLL_INTERVALS.0).await;
            }
        }
        let moved = servers.moved();
        let mut connecting = pin!(self.connect_listener(servers));
        let mut listener = loop {
            tokio::select! {
                connected = &mut connecting => break connected?,
                () = sleep(POLL_INTERVALS.0) => self.poll_once().await,
            }
        };
        loop {
            // Writes before this point, or while the connection was lost, caused no notification.
            self.check_end(&self.probe).await?;
            note_success(is_reported);
            if moved.has_changed().unwrap_or_default() {
                return Err(DbErr::Custom("another server is the primary now".to_owned()));
            }
            // However many notifications there are: they don't say whether the trail continues.
            let next = Instant::now() + POLL_INTERVALS.1;
            while let Ok(notification) = timeout_at(next, listener.try_recv()).await {
                let Some(notification) = notification.map_err(lost)? else { break };
                self.notify_local(notification.payload().parse().unwrap_or_default());
            }
        }
    }

    /// Connects to the server of notifications.
    async fn connect_listener(&self, servers: &Servers) -> std::result::Result<PgListener, DbErr> {
        if let Some(listen) = &servers.listen {
            let not_found = |error: Error| DbErr::Custom(format!("{error:?}"));
            listen.find().await.map_err(not_found)?;
        }
        let at = servers.listen.as_deref().unwrap_or(servers).primary();
        // The pool would try again for long, and not say why it fails.
        let reached = timeout(PROBE_TIMEOUT, at.connect()).await;
        let no_answer = |_| DbErr::Custom("no answer in time".to_owned());
        reached.map_err(no_answer)?.map_err(lost)?.close().await.map_err(lost)?;
        let session = Arc::clone(&self.session);
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let pool = pool.acquire_timeout(PROBE_TIMEOUT).after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { session.set_up(connection, Plans::Auto).await })
        });
        let pool = pool.connect_lazy_with(at);
        let mut listener = PgListener::connect_with(&pool).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        Ok(listener)
    }
}

/// Reports that changes are received again, if a failure was reported.
fn note_success(is_reported: &mut bool) {
    if std::mem::take(is_reported) {
        tracing::info!("changes of other programs are received again");
    }
}

fn lost(cause: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)))
}
