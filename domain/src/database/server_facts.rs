//! Facts about the database system for its operator: version, size, encryption of the connection.

use std::net::IpAddr;

use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sqlx::postgres::{PgConnectOptions, PgSslMode},
};

use super::{Database, servers::urls};
use crate::error::Result;

/// The verification of PostgreSQL's server that its URL asks for (`sslmode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerVerification {
    /// None: the server may be anyone.
    None,
    /// The chain of its certificate, for any host (`verify-ca`).
    Chain,
    /// The chain and the name of the host (`verify-full`).
    Full,
}

/// The connection to PostgreSQL's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConnection {
    /// `true` if it stays on this machine: by a socket file, or to a loopback address.
    pub is_local: bool,
    /// `true` if it is encrypted.
    pub is_encrypted: bool,
    /// The verification of the server.
    pub verification: ServerVerification,
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = host
        .trim_matches(['[', ']'])
        .parse()
        .map_or_else(|_| host == "localhost", |address: IpAddr| address.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || is_loopback
}

fn verification(options: &PgConnectOptions) -> ServerVerification {
    match options.get_ssl_mode() {
        PgSslMode::VerifyFull => ServerVerification::Full,
        PgSslMode::VerifyCa => ServerVerification::Chain,
        _ => ServerVerification::None,
    }
}

impl Database {
    /// Returns the version of the database system: of PostgreSQL's server, or of SQLite in this
    /// program.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn system_version(&self) -> Result<String> {
        let select = match self.backend() {
            DbBackend::Sqlite => "SELECT sqlite_version()",
            _ => "SELECT current_setting('server_version')",
        };
        self.text(select).await
    }

    /// Returns the size of the database in bytes: that of its file on SQLite, without the log.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn size_in_bytes(&self) -> Result<u64> {
        let select = match self.backend() {
            DbBackend::Sqlite => {
                "SELECT CAST(page_count * page_size AS TEXT) FROM pragma_page_count, pragma_page_size"
            }
            _ => "SELECT pg_database_size(current_database())::text",
        };
        Ok(self.text(select).await?.parse().unwrap_or_default())
    }

    /// Returns how this program is connected to PostgreSQL's server at `url`; `None` for SQLite,
    /// which has no server.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn server_connection(&self, url: &str) -> Result<Option<ServerConnection>> {
        let options: Vec<PgConnectOptions> =
            urls(url).into_iter().filter_map(|url| url.parse().ok()).collect();
        if self.backend() == DbBackend::Sqlite {
            return Ok(None);
        }
        let select = "SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())::text";
        let is_encrypted = self.text(select).await? == "true";
        // Any of several servers may be the primary.
        let is_local = options.iter().all(is_local);
        let verification = options.iter().map(verification).min();
        let verification = verification.unwrap_or(ServerVerification::None);
        Ok(Some(ServerConnection { is_local, is_encrypted, verification }))
    }

    /// Returns the text that a statement selects.
    async fn text(&self, select: &str) -> Result<String> {
        let row = self.read().query_one_raw(Statement::from_string(self.backend(), select)).await?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_on_this_machine_and_their_verification_are_recognized() {
        for (url, is_here, expected) in [
            ("postgres://u@localhost/d", true, ServerVerification::None),
            ("postgres://u@127.0.0.1:5433/d", true, ServerVerification::None),
            ("postgres://u@%2Frun%2Fpostgresql/d", true, ServerVerification::None),
            ("postgres://u@db.example.se/d?sslmode=require", false, ServerVerification::None),
            ("postgres://u@10.0.0.1/d?sslmode=verify-ca", false, ServerVerification::Chain),
            ("postgres://u@db/d?sslmode=verify-full", false, ServerVerification::Full),
        ] {
            let options: PgConnectOptions = url.parse().unwrap();
            assert_eq!((is_local(&options), verification(&options)), (is_here, expected), "{url}");
        }
    }
}
