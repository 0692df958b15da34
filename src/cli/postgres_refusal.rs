//! The reason, in the server's own words, why a running PostgreSQL server refuses a command's
//! connection.

use std::time::Duration;

use sea_orm::sqlx::{ConnectOptions, Connection, Error, postgres::PgConnectOptions};

use domain::database;

/// Time limit for the server's response.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the server of this URL for one connection. `None` if no server responds, or it accepts the
/// connection now, or the URL is a list of servers, whose reasons are known.
///
/// The pool retries when a server has no free connection or is starting, and finally reports only
/// that it waited too long.
pub(super) async fn refusal(url: &str) -> Option<String> {
    if database::urls(url).len() > 1 {
        return None;
    }
    let options = url.parse::<PgConnectOptions>().ok()?.extra_float_digits(None);
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await.ok()? {
        Ok(connection) => {
            connection.close().await.ok();
            None
        }
        Err(Error::Database(said)) => {
            let advice = match said.code().as_deref() {
                Some("53300") => {
                    "wait until other clients disconnect, or raise max_connections (or the role's or database's CONNECTION LIMIT) there"
                }
                Some("57P03") => "it is starting or stopping; retry in a few seconds",
                Some("28000" | "28P01") => "check user, password and pg_hba.conf",
                Some("3D000") => "create the database first, as with createdb",
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
