//! The connection to PostgreSQL's server, as an operator sees it: its place, encryption and
//! verification.

use std::net::IpAddr;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};

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

/// Returns `true` if a connection with these options stays on this machine.
pub(super) fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = host
        .trim_matches(['[', ']'])
        .parse()
        .map_or_else(|_| host == "localhost", |address: IpAddr| address.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || is_loopback
}

/// Returns the verification of the server that these options ask for.
pub(super) fn verification(options: &PgConnectOptions) -> ServerVerification {
    match options.get_ssl_mode() {
        PgSslMode::VerifyFull => ServerVerification::Full,
        PgSslMode::VerifyCa => ServerVerification::Chain,
        _ => ServerVerification::None,
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
