//! The primary of a register's servers on PostgreSQL, as long as the program runs.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use sea_orm::{
    DatabaseConnection,
    sqlx::{self, ConnectOptions as _, Connection, PgConnection, postgres::PgConnectOptions},
};
use tokio::time::{sleep, timeout};

use super::{
    Database,
    servers::{PROBE_TIMEOUT, Servers, ask, expect_primary},
};
use crate::error::{Error, Result};

/// Interval between checks of the primary.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl Database {
    /// Returns the options of a connection to the primary; `None` for a register on SQLite.
    pub(crate) fn primary_server(&self) -> Option<PgConnectOptions> {
        self.servers.as_ref().map(|servers| servers.primary())
    }

    /// Returns `true` while a server of several on PostgreSQL has found no primary.
    #[must_use]
    pub fn is_primary_lost(&self) -> bool {
        self.servers.as_ref().is_some_and(|servers| servers.is_lost.load(SeqCst))
    }

    /// Moves to another server of PostgreSQL when the primary is lost, for as long as it is polled.
    /// Does nothing if the URL names one server.
    pub async fn follow_primary(&self) {
        let Some(servers) = self.servers.as_ref().filter(|servers| !servers.is_single()) else {
            return std::future::pending().await;
        };
        let mut watched = None::<PgConnection>;
        loop {
            let primary = match watched.take() {
                Some(mut connection) => {
                    match timeout(PROBE_TIMEOUT, expect_primary(&mut connection)).await {
                        Ok(Ok(())) => Ok(connection),
                        Ok(Err(reason)) => Err(reason),
                        Err(_) => Err("no answer in time".to_owned()),
                    }
                }
                None => ask(&servers.primary()).await,
            };
            match primary {
                Ok(connection) => {
                    watched = Some(connection);
                    servers.is_lost.store(false, SeqCst);
                }
                Err(reason) => {
                    if !servers.is_lost.swap(true, SeqCst) {
                        tracing::warn!(reason, "the primary is lost; looking for another one");
                    }
                    self.find_primary(servers).await;
                }
            }
            sleep(CHECK_INTERVAL).await;
        }
    }

    /// Finds the primary, and makes the pools connect to it.
    async fn find_primary(&self, servers: &Servers) {
        if let Err(error) = servers.find().await {
            tracing::debug!(?error, "there is no primary");
            return;
        }
        let primary = servers.primary();
        tracing::warn!(host = primary.get_host(), port = primary.get_port(), "found the primary");
        for pool in self.connections() {
            pool.get_postgres_connection_pool().set_connect_options(servers.pooled());
        }
        // Replicas are checked against it at once, and revocations are read there.
        servers.is_lost.store(false, SeqCst);
    }

    /// Returns the pool of each kind of connection.
    fn connections(&self) -> [&DatabaseConnection; 6] {
        let revision = self.revision_reader.connection();
        [&self.reader, &self.costly_reader, &self.writer, &self.probe, &self.monitor, revision]
    }

    /// Checks that the database is reachable, however long it takes to answer. Waiting for a pooled
    /// connection could not distinguish a server that is down from a busy one, because the pool
    /// retries.
    ///
    /// # Errors
    /// INTERNAL if no server listens there, or the file is gone.
    pub async fn ping(&self) -> Result<()> {
        self.check_file()?;
        let Some(servers) = &self.servers else { return Ok(()) };
        let _one_at_a_time = servers.ping.lock().await;
        match servers.primary().connect().await {
            Ok(connection) => connection.close().await.map_err(Error::internal),
            // The server is reachable. Requests report its error.
            Err(sqlx::Error::Database(_)) => Ok(()),
            Err(cause) => Err(Error::internal(cause)),
        }
    }
}
