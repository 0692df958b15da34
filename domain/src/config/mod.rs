//! Settings: database, authentication, limits, and the network's own details.

mod access;
mod accounts;
mod backup;
mod books;
mod claims;
mod environment;
mod file_lines;
mod iban;
mod invoicing;
mod keys;
mod limits;
pub(crate) mod names;
mod network;
mod own_accounts;
mod own_files;
mod payments;
mod report;
mod retention;
mod secrets;
mod sessions;
mod settings;
mod signatories;
mod sockets;
mod stated;
mod template;
mod trail;
mod unknown;
mod verification_key;

pub(crate) use self::{
    access::MAX_TOKEN_DAYS,
    settings::TOKEN_NAME,
    trail::{TRAIL_KEY, TRAIL_PUBLIC_KEYS},
};
pub use self::{
    access::MetricsAccess,
    accounts::Accounts,
    backup::Backup,
    books::{ActivityBooks, RevenueAccounts, VatBox},
    claims::ClaimNames,
    invoicing::Invoicing,
    keys::KeySource,
    limits::{DOCUMENTS, Exposure, Limits},
    network::Network,
    own_accounts::OwnAccounts,
    payments::Payments,
    report::{SetSetting, SettingError, SettingsReport, Source},
    retention::Retention,
    secrets::Secret,
    sessions::Sessions,
    settings::{FILE, LogFormat, Settings},
    signatories::Signatory,
    sockets::Sockets,
    stated::Differences,
    template::{Documented, documented, template},
    trail::Trail,
    verification_key::VerificationKey,
};

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::{
        names::{JWT_JWKS, JWT_PUBLIC_KEY, JWT_SECRET, JWT_SIGNING_KEY},
        *,
    };
    use crate::error::Result;

    const GOOD: &str = "a-secret-for-tests-of-32-bytes-or-more";

    /// Returns the settings, or the message, with the file's usual name in it.
    fn load(env: &[(&str, &str)], file: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join(FILE);
        std::fs::write(&path, file).map_err(|error| error.to_string())?;
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(env, Some(&path))
            .map_err(|error| error.to_string().replace(&path.display().to_string(), FILE))
    }

    pub(super) fn good(env: &[(&str, &str)], file: &str) -> Settings {
        load(env, file).unwrap_or_else(|message| panic!("{message}"))
    }

    pub(super) fn bad(env: &[(&str, &str)], file: &str) -> String {
        load(env, file).err().unwrap_or_else(|| panic!("{env:?} and {file:?} are taken"))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let Ok(settings) = Settings::load(
            [("PATH".to_owned(), "/bin".to_owned())],
            Some(Path::new("no-such.toml")),
        ) else {
            panic!()
        };
        assert_eq!(
            (settings.database_url.expose(), settings.bind.port()),
            ("sqlite://samregister.db?mode=rwc", 8080)
        );
        assert_eq!(
            (settings.jwt_issuer.as_str(), settings.jwt_audience.as_str()),
            ("samregister", "samregister")
        );
        assert_eq!(
            (settings.log.as_str(), settings.log_format, settings.cors_origins.len()),
            ("info", LogFormat::Text, 0)
        );
        let limits = &settings.limits;
        assert_eq!(
            (limits.depth, limits.complexity, limits.aliases, limits.directives, limits.tokens),
            (15, 50_000, 200, 50, 20_000)
        );
        assert_eq!(
            (limits.body_bytes, limits.request_time.as_secs(), limits.concurrent, limits.batch),
            (1_048_576, 20, 32, 0)
        );
        let closed = Exposure {
            introspection: false,
            suggestions: false,
            explorer: false,
            documents: None,
            only_documents: false,
            hsts_seconds: 0,
        };
        assert_eq!(settings.exposure, closed);
        let Ok(demo) = Settings::load_for_demo(
            [("SAMREGISTER_EXPLORER".to_owned(), "false".to_owned())],
            None,
        ) else {
            panic!()
        };
        assert_eq!(demo.exposure, Exposure { introspection: true, suggestions: true, ..closed });
        let network = Network::default();
        let vat_boxes = network.accounts.vat_boxes(&network.activities);
        assert_eq!(settings.network, Network { vat_boxes, ..network });
    }

    #[test]
    fn the_environment_wins_over_the_file_unless_it_is_empty() {
        let file = "SAMREGISTER_MAX_DEPTH = 9\nSAMREGISTER_LOG = 'warn'\nSAMREGISTER_BIND = '[::1]:1'\nSAMREGISTER_LOG_FORMAT = ''";
        let settings = good(
            &[
                ("SAMREGISTER_MAX_DEPTH", " 7 "),
                ("SAMREGISTER_LOG", ""),
                ("SAMREGISTER_LOG_FORMAT", "json"),
            ],
            file,
        );
        assert_eq!(
            (settings.limits.depth, settings.log.as_str(), settings.log_format),
            (7, "warn", LogFormat::Json)
        );
        assert_eq!(settings.bind.to_string(), "[::1]:1");
        let origins = good(&[("SAMREGISTER_CORS_ORIGINS", "https://a.se, http://[::1]:3000")], "")
            .cors_origins;
        assert_eq!(origins, ["https://a.se", "http://[::1]:3000"]);
        let address = good(&[("SAMREGISTER_PUBLIC_URL", "https://a.se:8443/nns/")], "").public_url;
        assert_eq!(address.as_deref(), Some("https://a.se:8443/nns"));
    }

    #[test]
    fn one_message_names_all_that_is_wrong() {
        let env = [
            ("SAMREGISTER_BIND", "localhost"),
            ("SAMREGISTER_PORT", "80"),
            ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ];
        let message = bad(
            &env,
            "SAMREGISTER_MAX_DEPTH = 0\nlog = 'x'\n[network]\nnmae = 'x'\n[network.accounts]\nbank = 19\n[odd]",
        );
        for part in [
            "DATABASE_URL must begin with sqlite: or postgres://; ",
            "SAMREGISTER_BIND must be an address and a port, as 127.0.0.1:8080; ",
            "samregister.toml: SAMREGISTER_MAX_DEPTH must be a whole number from 1 to 100; ",
            "samregister.toml: network.accounts.bank must be a whole number from 1000 to 9999; ",
            "SAMREGISTER_PORT is not a setting; ",
            "samregister.toml: log is not a setting; did you mean SAMREGISTER_LOG",
            "samregister.toml: network.nmae is not a setting; did you mean network.name",
            "samregister.toml: odd is not a setting; ",
        ] {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
        assert!(!message.contains("hunter2") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn bad_values_are_refused() {
        for (name, values) in [
            ("SAMREGISTER_BIND", &["8080", "0.0.0.0", "127.0.0.1:70000"][..]),
            (
                JWT_SECRET,
                &[
                    "31-bytes-are-not-quite-enough-x",
                    " blanks-around-a-secret-of-32-bytes",
                    "-----BEGIN PUBLIC KEY-----xxxxxxxx",
                ],
            ),
            (JWT_JWKS, &["http://x.se/keys", "https://", "https://u:p@x.se", "{\"keys\":[]}"]),
            ("SAMREGISTER_JWT_JWKS_SECONDS", &["9", "1m"]),
            ("SAMREGISTER_JWT_ISSUER", &["a\nb", "\u{fffd}"]),
            (
                "SAMREGISTER_CORS_ORIGINS",
                &[
                    "*",
                    "https://A.se",
                    "https://a.se/",
                    "https://a.se:443",
                    "http://a.se:80",
                    "a.se",
                    "https://",
                    "https://a.se; https://b.se",
                ],
            ),
            (
                "SAMREGISTER_PUBLIC_URL",
                &["a.se", "https://A.se", "https://", "https://a.se/?x", "ftp://a.se"],
            ),
            ("SAMREGISTER_LINK_SECRET", &["short"]),
            ("SAMREGISTER_MAX_UPLOAD_BYTES", &["0", "25MiB"]),
            ("SAMREGISTER_LOG", &["info=loud=1", "a=b"]),
            ("SAMREGISTER_LOG_FORMAT", &["JSON"]),
            ("SAMREGISTER_OTLP_ENDPOINT", &["127.0.0.1:4318", "http://", "http://u:p@x.se"]),
            ("SAMREGISTER_SLOW_STATEMENT_MS", &["0.5", "500ms", "3600001"]),
            ("SAMREGISTER_MAX_BODY_BYTES", &["1MiB", "-1", "0", "99999999999999999999"]),
            ("SAMREGISTER_REQUEST_SECONDS", &["0", "1.5"]),
            ("SAMREGISTER_MAX_BATCH", &["101"]),
            ("SAMREGISTER_INTROSPECTION", &["no", "1"]),
            ("SAMREGISTER_DOCUMENTS_ONLY", &["true", "yes"]),
        ] {
            for value in values {
                assert!(bad(&[(name, value)], "").starts_with(name), "{value}");
            }
        }
        assert!(
            bad(&[], "SAMREGISTER_LOG = ['info']")
                .contains("must be a text, a whole number, true or false")
        );
        assert!(
            Settings::load([], Some(Path::new("/")))
                .is_err_and(|error| error.to_string().starts_with("/ can't be read"))
        );
    }

    #[test]
    fn replicas_are_of_a_register_on_postgresql() {
        const NAME: &str = "DATABASE_REPLICA_URLS";
        let replicas = (NAME, "postgres://u:hunter2@i/d, postgres://j/d");
        let database = ("DATABASE_URL", "postgres://h/d");
        let found = good(&[replicas, database], "").database_replica_urls;
        assert_eq!(found.as_ref().map(Secret::expose), Some(replicas.1));
        assert_eq!(good(&[database], "").database_replica_urls, None);
        for env in [&[replicas][..], &[(NAME, "mysql://u:hunter2@h/d"), database]] {
            let message = bad(env, "");
            assert!(message.starts_with(NAME) && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn exactly_one_verification_key_is_wanted() {
        let (secret, public, signing) =
            ((JWT_SECRET, GOOD), (JWT_PUBLIC_KEY, "public.pem"), (JWT_SIGNING_KEY, "private.pem"));
        assert!(
            matches!(good(&[secret], "").verification_key(), Ok(VerificationKey::Secrets([secret])) if secret.expose() == GOOD)
        );
        for env in [&[public][..], &[public, signing]] {
            assert!(
                matches!(good(env, "").verification_key(), Ok(VerificationKey::PublicKey(path)) if path == Path::new("public.pem"))
            );
        }
        let (set, issuer) = ((JWT_JWKS, "keys.json"), (JWT_JWKS, "https://login.example.se/keys"));
        assert!(
            matches!(good(&[set, signing], "").verification_key(), Ok(VerificationKey::KeySet(path)) if path == Path::new("keys.json"))
        );
        let found = good(&[issuer], "");
        assert!(
            matches!(found.verification_key(), Ok(VerificationKey::Issuer("https://login.example.se/keys", every)) if every.as_secs() == 300)
        );
        for env in [&[secret, set][..], &[public, set], &[issuer, signing]] {
            assert!(good(env, "").verification_key().is_err(), "{env:?}");
        }
        for env in
            [&[][..], &[signing], &[secret, public], &[secret, signing], &[secret, public, signing]]
        {
            assert!(
                good(env, "")
                    .verification_key()
                    .is_err_and(|error| error.to_string().contains(JWT_PUBLIC_KEY)),
                "{env:?}"
            );
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let settings =
            good(&[(JWT_SECRET, GOOD), ("DATABASE_URL", "postgres://u:hunter2@h/d")], "");
        let shown = format!("{settings:?} {settings:#?} {:?}", settings.verification_key());
        assert!(!shown.contains(GOOD) && !shown.contains("hunter2"), "{shown}");
        for rest in [
            "= 'hunter2' x",
            "= hunter2",
            "= 'hunter2",
            "hunter2",
            "= 1\nSAMREGISTER_JWT_SECRET = 'hunter2'",
            "= ['hunter2']",
        ] {
            let message = bad(&[], &format!("\n{JWT_SECRET} {rest}"));
            assert!(!message.contains("hunter2") && message.starts_with(FILE), "{message}");
        }
        assert!(
            !bad(&[(JWT_SIGNING_KEY, "-----BEGIN PRIVATE KEY-----\nhunter2")], "")
                .contains("hunter2")
        );
    }
}
