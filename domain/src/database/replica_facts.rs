//! Facts about the read replicas of a register, for its operator.

use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{
    ConnectionTrait, DbErr, Statement,
    sqlx::{
        self, ConnectOptions as _, Connection, PgConnection, Row,
        postgres::{PgConnectOptions, PgRow},
    },
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Database,
    servers::{PROBE_TIMEOUT, Servers, urls},
};
use crate::error::{Error, Result};

/// Time for which a replica may lack a revision that the primary had when it was asked: one that
/// receives each change a moment later does not lag.
const CATCH_UP_TIME: Duration = Duration::from_secs(3);

/// Interval between reads of the last entry of a replica that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Time limit of all that a replica is asked.
const EXAMINATION_TIME: Duration = Duration::from_secs(10);

/// Selects by what a server and its database are recognized, and `true` if it is a standby.
const IDENTITY: &str = "SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time())::text || ' ' || current_database(), pg_is_in_recovery()";

/// Selects the last revision and its hash.
const LAST_ENTRY: &str =
    "SELECT COALESCE((SELECT revision FROM audit_entry ORDER BY revision DESC LIMIT 1), 0),
    COALESCE((SELECT hash FROM audit_entry ORDER BY revision DESC LIMIT 1), '')";

/// A read replica of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFacts {
    /// Its address, as `db2.example.se:5432`.
    pub server: String,
    /// Its state, or the reason why it can't be asked.
    pub found: std::result::Result<ReplicaFinding, String>,
}

/// The state of a read replica that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaFinding {
    /// Its role.
    pub role: ReplicaRole,
    /// `true` if the primary's audit trail has its last entry.
    pub has_trail: bool,
    /// Number of revisions of the primary that it still lacks after some seconds.
    pub missing: u64,
}

/// The role of a server among the read replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaRole {
    /// A standby.
    Standby,
    /// The primary of the register.
    Primary,
    /// Another server that accepts changes.
    Other,
}

impl Database {
    /// Asks each read replica of a list of URLs for its state.
    ///
    /// # Errors
    /// INTERNAL if the register's own database can't be read, or a URL of the list.
    pub async fn replica_facts(&self, list: &str) -> Result<Vec<ReplicaFacts>> {
        let primary = self.identity().await?;
        let mut servers = Vec::new();
        for url in urls(list) {
            servers.push(Servers::parse(url, &self.session)?.primary());
        }
        let examined = servers.iter().map(|server| self.examine_replica(server, &primary));
        let found = join_all(examined).await;
        let address = |server: &PgConnectOptions| {
            let (host, port) = (server.get_host(), server.get_port());
            format!("{host}:{port}")
        };
        let facts = servers.iter().zip(found);
        Ok(facts.map(|(server, found)| ReplicaFacts { server: address(server), found }).collect())
    }

    /// Returns by what the primary and its database are recognized.
    async fn identity(&self) -> Result<String> {
        let select = Statement::from_string(self.backend(), IDENTITY);
        let row = self.read().query_one_raw(select).await?;
        let identity: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(identity.unwrap_or_default())
    }

    async fn examine_replica(
        &self,
        server: &PgConnectOptions,
        primary: &str,
    ) -> std::result::Result<ReplicaFinding, String> {
        let mut connection = match timeout(PROBE_TIMEOUT, server.connect()).await {
            Ok(connected) => connected.map_err(|cause| cause.to_string())?,
            Err(_) => return Err("no answer in time".to_owned()),
        };
        let examined = timeout(EXAMINATION_TIME, self.compare(&mut connection, primary)).await;
        let found = examined.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        timeout(PROBE_TIMEOUT, connection.close()).await.ok();
        found
    }

    async fn compare(
        &self,
        connection: &mut PgConnection,
        primary: &str,
    ) -> std::result::Result<ReplicaFinding, String> {
        let row = first(connection, IDENTITY).await?;
        let identity: String = column(&row, 0)?;
        let role = match column(&row, 1)? {
            true => ReplicaRole::Standby,
            false if identity == primary => ReplicaRole::Primary,
            false => ReplicaRole::Other,
        };
        let last = self.last_entry().await.map_err(|error| error.cause())?.revision;
        let give_up_at = Instant::now() + CATCH_UP_TIME;
        let (revision, hash) = loop {
            let row = first(connection, LAST_ENTRY).await?;
            let (revision, hash): (i64, String) = (column(&row, 0)?, column(&row, 1)?);
            if revision >= last || Instant::now() >= give_up_at {
                break (revision, hash);
            }
            sleep(POLL_INTERVAL).await;
        };
        let has_trail = revision == 0 || self.hash_of(revision).await? == Some(hash);
        let missing = u64::try_from(last - revision).unwrap_or_default();
        Ok(ReplicaFinding { role, has_trail, missing })
    }

    /// Returns the hash of an entry of the primary's trail; `None` if it has none of this revision.
    async fn hash_of(&self, revision: i64) -> std::result::Result<Option<String>, String> {
        let select = format!("SELECT hash FROM audit_entry WHERE revision = {revision}");
        let select = Statement::from_string(self.backend(), select);
        let words = |cause: DbErr| Error::from(cause).cause();
        let row = self.read().query_one_raw(select).await.map_err(words)?;
        let hash: Option<String> =
            row.map(|row| row.try_get_by_index(0)).transpose().map_err(words)?;
        Ok(hash)
    }
}

/// Returns the first row of a statement. It is not prepared, because a pooler may give each
/// statement another connection.
async fn first(
    connection: &mut PgConnection,
    select: &'static str,
) -> std::result::Result<PgRow, String> {
    sqlx::raw_sql(select).fetch_one(connection).await.map_err(|cause| cause.to_string())
}

/// Returns a column of a row.
fn column<'r, T>(row: &'r PgRow, index: usize) -> std::result::Result<T, String>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(index).map_err(|cause| cause.to_string())
}
