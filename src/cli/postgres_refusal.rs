//! The reason, in the server's own words, why a running PostgreSQL server refuses a command's
//! connection.

use std::time::Duration;

use sea_orm::sqlx::{ConnectOptions, Connection, Error, postgres::PgConnectOptions};

/// Time limit for the server's response.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the server of this address for one connection. `None` if no server responds, or it accepts
/// the connection now.
///
/// The pool retries when a server has no connection left or is starting, and reports in the end
/// only that it waited too long.
pub(super) async fn refusal(url: &str) -> Option<String> {
    let options: PgConnectOptions = url.parse().ok()?;
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await.ok()? {
        Ok(connection) => {
            connection.close().await.ok();
            None
        }
        Err(Error::Database(said)) => {
            let advice = match said.code().as_deref() {
                Some("53300") => {
                    "wait until others have closed theirs, or raise max_connections (or the role's or database's CONNECTION LIMIT) there"
                }
                Some("57P03") => "it starts or stops; try again in a while",
                Some("28000" | "28P01") => {
                    "are user and password right, and does pg_hba.conf let them in?"
                }
                Some("3D000") => "make the database first, as with createdb",
                _ => "see its log",
            };
            Some(format!(
                "the PostgreSQL server of DATABASE_URL says: {}; {advice}",
                said.message()
            ))
        }
        Err(_) => None,
    }
}
