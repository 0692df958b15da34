//! Checks of the settings and the database.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::DbBackend;

use super::diagnosis::{Check, Subject};
use crate::{
    audit::clock_order::ClockOrder,
    config::{Network, SettingError, Source},
    database::{ServerConnection, ServerVerification},
    error::{Error, Result},
    invoices::parties,
};

/// The oldest major version of PostgreSQL that the register runs on.
const OLDEST_POSTGRES: u32 = 14;

/// Checks that the settings can be read.
#[must_use]
pub fn settings(errors: &[SettingError]) -> Check {
    let subject = Subject::Settings;
    if errors.is_empty() {
        return Check::ok(subject, "every setting is valid");
    }
    let sentence = |error: &SettingError| {
        let source = match &error.source {
            Some(Source::Environment) => "the environment: ".to_owned(),
            Some(Source::File(file, Some(line))) => format!("{}:{line}: ", file.display()),
            Some(Source::File(file, None)) => format!("{}: ", file.display()),
            None => String::new(),
        };
        let name = error.name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
        format!("{source}{name}{}", error.message)
    };
    let sentences: Vec<_> = errors.iter().map(sentence).collect();
    Check::fail(
        subject,
        sentences.join("; "),
        "correct them; `samregister config check` lists every setting with its source",
    )
}

/// Checks that the database responds. `home` names it without its password.
#[must_use]
pub fn reachable(home: &str, found: Result<(), String>) -> Check {
    match found {
        Ok(()) => Check::ok(Subject::Database, format!("{home} responds")),
        Err(cause) => Check::fail(
            Subject::Database,
            cause,
            "check DATABASE_URL, and that the database exists and responds",
        ),
    }
}

/// Checks that the database is migrated for this program.
#[must_use]
pub fn schema(found: &Result<()>) -> Check {
    match found {
        Ok(()) => Check::ok(Subject::Schema, "every migration is applied"),
        Err(Error::Conflict { message, .. }) => {
            Check::fail(Subject::Schema, message.clone(), "install the newer program")
        }
        Err(error) => Check::fail(
            Subject::Schema,
            format!("the database is not migrated to this version: {}", error.cause()),
            "back up the register, then run `samregister migrate`",
        ),
    }
}

/// Checks the version of the database system.
#[must_use]
pub fn version(backend: DbBackend, version: &str) -> Check {
    let subject = Subject::DatabaseVersion;
    if backend == DbBackend::Sqlite {
        return Check::ok(subject, format!("SQLite {version}, part of this program"));
    }
    let major = version.split(|char: char| !char.is_ascii_digit()).next();
    let major: u32 = major.and_then(|major| major.parse().ok()).unwrap_or_default();
    if major < OLDEST_POSTGRES {
        return Check::fail(
            subject,
            format!("PostgreSQL {version} is older than {OLDEST_POSTGRES}"),
            "upgrade PostgreSQL",
        );
    }
    Check::ok(subject, format!("PostgreSQL {version}; {OLDEST_POSTGRES} or later is needed"))
}

/// Checks that a connection to PostgreSQL's server over a network is encrypted, and its server
/// verified. Neither is needed in a network that the operator trusts, as an internal one of
/// containers.
#[must_use]
pub fn connection(found: Option<ServerConnection>, is_trusted_network: bool) -> Check {
    let subject = Subject::DatabaseTls;
    let advice = "set sslmode=verify-full in DATABASE_URL, with sslrootcert for the certificate of your authority";
    let Some(found) = found else {
        return Check::ok(subject, "SQLite needs no connection");
    };
    match (found.is_local, found.is_encrypted, found.verification) {
        (true, ..) => Check::ok(subject, "the server is on this machine"),
        (_, is_encrypted, ServerVerification::None) if is_trusted_network => Check::ok(
            subject,
            if is_encrypted {
                "encrypted, in a trusted network; the server is not verified"
            } else {
                "not encrypted, in a trusted network"
            },
        ),
        (_, false, _) => {
            Check::fail(subject, "the connection crosses a network without TLS", advice)
        }
        (.., ServerVerification::Full) => {
            Check::ok(subject, "encrypted, and the server is verified")
        }
        (.., ServerVerification::Chain) => Check::warn(
            subject,
            "encrypted, but any host with a certificate of the authority is accepted",
            advice,
        ),
        (.., ServerVerification::None) => {
            Check::fail(subject, "encrypted, but the server is not verified", advice)
        }
    }
}

/// Checks that the clock is not behind the trail.
#[must_use]
pub fn clock(order: &ClockOrder) -> Check {
    let words = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let now = words(order.now);
    if order.is_behind() {
        let message = format!(
            "the clock says {now}, which is before revision {} of {}: every change is refused",
            order.revision,
            words(order.last_at)
        );
        let advice =
            "set the clock right; if it is right, accept it by `samregister clock --accept`";
        return Check::fail(Subject::Clock, message, advice);
    }
    Check::ok(Subject::Clock, format!("the clock says {now}, after the last entry of the trail"))
}

/// Checks that the settings which invoices need are set. `is_taxed` says that the register has
/// lines, fees or decisions within the scope of VAT: without them, the network may have no VAT
/// number.
#[must_use]
pub fn network(network: &Network, is_taxed: bool) -> Check {
    let missing = parties::missing_settings(network, is_taxed);
    if missing.is_empty() {
        return Check::ok(Subject::Network, "invoices have what they need of [network]");
    }
    Check::fail(
        Subject::Network,
        format!("no invoice can be issued without {}", missing.join(", ")),
        "set them in samregister.toml; `samregister config generate` describes each",
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{super::diagnosis::Status, *};
    use crate::error::ConflictReason;

    #[test]
    fn errors_of_settings_name_their_source() {
        assert_eq!(settings(&[]).status, Status::Ok);
        let error = |name: Option<&str>, source| SettingError {
            name: name.map(str::to_owned),
            source,
            message: "is bad".to_owned(),
        };
        let file = PathBuf::from("samregister.toml");
        let check = settings(&[
            error(Some("A"), Some(Source::Environment)),
            error(Some("B"), Some(Source::File(file.clone(), Some(12)))),
            error(None, Some(Source::File(file, None))),
            error(Some("C"), None),
        ]);
        assert_eq!(check.status, Status::Fail);
        assert_eq!(
            check.message,
            "the environment: A is bad; samregister.toml:12: B is bad; samregister.toml: is bad; C is bad"
        );
    }

    #[test]
    fn versions_are_compared_by_their_first_number() {
        for (text, status) in [
            ("9.6.24", Status::Fail),
            ("13.9", Status::Fail),
            ("14.0", Status::Ok),
            ("15.14 (Debian 15.14-0+deb12u1)", Status::Ok),
            ("18beta1", Status::Ok),
            ("", Status::Fail),
        ] {
            assert_eq!(version(DbBackend::Postgres, text).status, status, "{text}");
        }
        assert_eq!(version(DbBackend::Sqlite, "3.50.4").status, Status::Ok);
    }

    #[test]
    fn a_server_on_a_network_must_be_verified() {
        use ServerVerification::{Chain, Full, None as Never};
        let found = |is_local, is_encrypted, verification| {
            Some(ServerConnection { is_local, is_encrypted, verification })
        };
        let of = |is_local, is_encrypted, verification| {
            connection(found(is_local, is_encrypted, verification), false).status
        };
        assert_eq!(connection(None, false).status, Status::Ok);
        assert_eq!(of(true, false, Never), Status::Ok);
        assert_eq!(of(false, false, Full), Status::Fail);
        assert_eq!(of(false, true, Never), Status::Fail);
        assert_eq!(of(false, true, Chain), Status::Warn);
        assert_eq!(of(false, true, Full), Status::Ok);
        // A trusted network needs no TLS, and what the URL asks for is still needed.
        for (is_encrypted, verification, status) in [
            (false, Never, Status::Ok),
            (true, Never, Status::Ok),
            (true, Chain, Status::Warn),
            (false, Full, Status::Fail),
        ] {
            let check = connection(found(false, is_encrypted, verification), true);
            assert_eq!(check.status, status, "{check:?}");
        }
    }

    #[test]
    fn a_clock_may_be_a_little_behind() {
        let at = |text: &str| text.parse().unwrap();
        let last_at = at("2026-12-02T09:00:00Z");
        for (now, status) in [
            ("2026-12-02T08:58:59Z", Status::Fail),
            ("2026-12-02T08:59:30Z", Status::Ok),
            ("2027-12-02T08:59:30Z", Status::Ok),
        ] {
            let order = ClockOrder { now: at(now), revision: 7, last_at };
            assert_eq!(clock(&order).status, status, "{now}");
        }
    }

    #[test]
    fn databases_that_do_not_fit_fail() {
        assert_eq!(reachable("r.db", Ok(())).message, "r.db responds");
        assert_eq!(reachable("r.db", Err("gone".into())).status, Status::Fail);
        assert_eq!(schema(&Ok(())).status, Status::Ok);
        let newer = Error::conflict(ConflictReason::ProgramTooOld, "too old");
        assert_eq!(schema(&Err(newer)).message, "too old");
        let older = Error::internal(std::io::Error::other("the schema lacks m1"));
        let check = schema(&Err(older));
        assert!(check.message.ends_with("the schema lacks m1"), "{}", check.message);
        assert!(check.advice.unwrap().contains("`samregister migrate`"));
    }

    #[test]
    fn settings_that_invoices_lack_are_named() {
        for is_taxed in [false, true] {
            let check = network(&Network::default(), is_taxed);
            assert_eq!(check.status, Status::Fail);
            let names = |name: &str| check.message.contains(&format!("network.{name}"));
            for name in ["name", "org_number", "postal_code", "bankgiro"] {
                assert!(names(name), "{}", check.message);
            }
            assert_eq!(names("vat_number"), is_taxed, "{}", check.message);
        }
    }
}
