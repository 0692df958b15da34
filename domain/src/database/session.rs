//! Sessions on PostgreSQL: their name, and the time limits that PostgreSQL enforces itself, also
//! when this program has stopped.

use std::time::Duration;

use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Executor,
    postgres::{PgConnectOptions, PgConnection},
};

use super::busy::WRITE_LOCK_TIMEOUT;
use crate::config::Secret;

/// Prepared statements that a connection keeps. PostgreSQL needs some 50 kB for each, and a front
/// end has fewer.
pub(super) const STATEMENTS: usize = 200;

/// Time limit of a command's transactions between two statements: what an import calculates in
/// between takes long.
const COMMAND_IDLE_TIME: Duration = Duration::from_secs(600);

/// Time limit of a server's reading transactions between two statements.
const READ_IDLE_TIME: Duration = Duration::from_secs(60);

/// Time that a command's statement may wait for a lock.
const COMMAND_LOCK_TIME: Duration = Duration::from_secs(60);

/// Settings by which PostgreSQL notices within ten seconds that the other end of a connection is
/// gone: by keepalives while it waits, by missing acknowledgements while it sends.
const KEEPALIVES: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 2; SET tcp_user_timeout = 10000;";

/// Name and time limits of the sessions of one program. The default is that of a command, whose
/// statements may take long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name in `pg_stat_activity`, unless the URL states one.
    pub name: String,
    /// Address of PostgreSQL, or a list, from which notifications are received; null: that of the
    /// register.
    pub listen_url: Option<Secret>,
    /// Addresses of the read replicas on PostgreSQL, a list; null: there are none.
    pub replica_urls: Option<Secret>,
    /// Time limit of a statement; zero: none.
    pub statement_time: Duration,
    /// Time that a statement may wait for a lock. A change waits five seconds at most.
    pub lock_time: Duration,
    /// Time limit of a reading transaction between two statements.
    pub read_idle_time: Duration,
    /// Time limit of a change between two statements. After it, others can write.
    pub change_idle_time: Duration,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            name: "samregister".to_owned(),
            listen_url: None,
            replica_urls: None,
            statement_time: Duration::ZERO,
            lock_time: COMMAND_LOCK_TIME,
            read_idle_time: COMMAND_IDLE_TIME,
            change_idle_time: COMMAND_IDLE_TIME,
        }
    }
}

impl Session {
    /// Returns the sessions of a server, which are limited so that other servers continue when this
    /// one has stopped.
    #[must_use]
    pub fn of_server(
        name: String,
        statement_time: Duration,
        lock_time: Duration,
        change_idle_time: Duration,
    ) -> Self {
        Self {
            name,
            listen_url: None,
            replica_urls: None,
            statement_time,
            lock_time,
            read_idle_time: READ_IDLE_TIME.max(change_idle_time),
            change_idle_time,
        }
    }

    /// Adds what a connection needs when it is opened. Poolers refuse parameters that they do not
    /// know, so that time limits are set by statements: see [`Session::set_up`].
    pub(super) fn options(&self, server: PgConnectOptions) -> PgConnectOptions {
        let is_named = server.get_application_name().is_some();
        let server = if is_named { server } else { server.application_name(&self.name) };
        server
            .extra_float_digits(None)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging()
    }

    /// Sets the time limits of a new connection.
    pub(super) async fn set_up(
        &self,
        connection: &mut PgConnection,
        plans: Plans,
    ) -> Result<(), sqlx::Error> {
        let [statement, lock, idle] =
            [self.statement_time, self.lock_time, self.read_idle_time].map(|time| time.as_millis());
        let plans = match plans {
            Plans::Once => "SET plan_cache_mode = force_generic_plan",
            Plans::Auto => "",
        };
        let settings = format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock};
            SET idle_in_transaction_session_timeout = {idle}; {KEEPALIVES} {plans}"
        );
        connection.execute(AssertSqlSafe(settings)).await.map(drop)
    }

    /// Returns the statements that set the time limits of a change. They hold for its transaction,
    /// whatever connection a pooler gives it.
    pub(super) fn of_change(&self) -> String {
        let (lock, idle) = (WRITE_LOCK_TIMEOUT.as_millis(), self.change_idle_time.as_millis());
        let statement = self.statement_time.as_millis();
        format!(
            "SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}; SET LOCAL idle_in_transaction_session_timeout = {idle};"
        )
    }
}

/// Plans of the prepared statements of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plans {
    /// A single time, whatever values are bound.
    ///
    /// PostgreSQL expects ten elements of a bound list, and therefore plans statements with shorter
    /// lists again for each execution, which takes longer than to execute them. Values that decide
    /// between plans are parts of the text: see [`fixed_day`](super::fixed_day).
    Once,
    /// As PostgreSQL decides.
    Auto,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A statement of the change may have waited for a lock before its server stopped.
    #[test]
    fn a_stopped_server_blocks_others_for_less_than_fifteen_seconds() {
        let server = Session::of_server(
            String::new(),
            Duration::from_secs(30),
            Duration::from_secs(10),
            Duration::from_secs(8),
        );
        assert!(WRITE_LOCK_TIMEOUT + server.change_idle_time < Duration::from_secs(15));
        assert!(server.of_change().contains("idle_in_transaction_session_timeout = 8000;"));
        assert!(server.of_change().contains("statement_timeout = 30000;"));
        // An import calculates for long, and its statements have no limit.
        let command = Session::default().of_change();
        assert!(command.contains("idle_in_transaction_session_timeout = 600000;"));
        assert!(command.contains("statement_timeout = 0;"));
    }
}
