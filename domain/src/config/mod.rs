//! Settings: where the register is kept, who may ask, how much they may ask for, and what the
//! network itself is called.

mod access;
mod books;
mod iban;
mod keys;
mod limits;
mod network;
mod own_accounts;
mod own_files;
mod secrets;
mod sockets;
mod trail;
mod unknown;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{
    collections::BTreeMap, ffi::OsString, fmt, io::ErrorKind, ops::RangeInclusive, str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

pub(crate) use self::access::MAX_TOKEN_DAYS;
pub use self::access::MetricsAccess;
pub use self::books::{ActivityBooks, RevenueAccounts, VatBox};
pub use self::keys::{KeySource, VerificationKey};
pub use self::limits::DOCUMENTS;
pub use self::limits::{Exposure, Limits};
use self::network::SIGNATORIES;
pub use self::network::{Accounts, Invoicing, Network, Retention, Signatory};
pub use self::own_accounts::{OwnAccounts, Payments};
pub use self::secrets::Secret;
pub use self::sockets::Sockets;
pub use self::trail::Trail;
pub(crate) use self::trail::{TRAIL_KEY, TRAIL_PUBLIC_KEYS};
use crate::error::{LINE, Result, ValidationErrors, unprintable};
use crate::files;

/// The largest file of settings, or of a secret, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The file of settings, looked for in the working directory.
pub const FILE: &str = "samregister.toml";
/// The issuer and the audience of tokens, unless they are set.
pub(crate) const TOKEN_NAME: &str = "samregister";
pub(crate) const JWT_SECRET: &str = "SAMREGISTER_JWT_SECRET";
pub(crate) const JWT_PUBLIC_KEY: &str = "SAMREGISTER_JWT_PUBLIC_KEY";
pub(crate) const JWT_SIGNING_KEY: &str = "SAMREGISTER_JWT_SIGNING_KEY";
pub(crate) const JWT_JWKS: &str = "SAMREGISTER_JWT_JWKS";
pub(crate) const JWT_SECRET_FILE: &str = "SAMREGISTER_JWT_SECRET_FILE";
const DATABASE_URL: &str = "DATABASE_URL";
const DATABASE_URL_FILE: &str = "DATABASE_URL_FILE";

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the register is kept: `sqlite:…` or `postgres://…`, which may carry a password.
    pub database_url: Secret,
    /// Where the server listens.
    pub bind: SocketAddr,
    /// The secrets for HS256: the first signs, and all verify tokens. Empty: none is set.
    pub jwt_secrets: Vec<Secret>,
    /// A PEM file with the public key that verifies tokens; of the three,
    /// [`Settings::verification_key`] wants exactly one.
    pub jwt_public_key: Option<PathBuf>,
    /// Where the set of keys is that verify tokens.
    pub jwt_key_set: Option<KeySource>,
    /// How often an issuer's set is read.
    pub jwt_key_set_every: Duration,
    /// A PEM file with the private key that signs tokens.
    pub jwt_signing_key: Option<PathBuf>,
    /// The claim `iss` of every token.
    pub jwt_issuer: String,
    /// The claim `aud` of every token, or one of its list.
    pub jwt_audience: String,
    /// The longest time that a token may be valid for, in days.
    pub max_token_days: u32,
    /// For how many days a member that has left reads its own invoices and agreements.
    pub former_member_days: u16,
    /// The proxies that are believed about whom they forward.
    pub trusted_proxies: Vec<IpNet>,
    /// Web pages that may ask from a browser, as `https://example.se`.
    pub cors_origins: Vec<String>,
    /// What is logged: a filter of the crate tracing-subscriber.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// How much one request may ask for.
    pub limits: Limits,
    /// Who may read what is measured.
    pub metrics: MetricsAccess,
    /// How much the API's sockets may cost.
    pub sockets: Sockets,
    /// How much the server shows of itself.
    pub exposure: Exposure,
    /// Keys that sign and verify the audit trail.
    pub trail: Trail,
    /// What the network itself is called.
    pub network: Network,
    /// The files that hold secrets and the database's address.
    pub(crate) secret_files: Vec<PathBuf>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}

impl Settings {
    /// The settings of this process: its environment, and [`FILE`] in the working directory; errors
    /// as in [`Settings::load`].
    pub fn of_process() -> Result<Self> {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        Self::load(
            std::env::vars_os().map(|(name, value)| (text(name), text(value))),
            Some(Path::new(FILE)),
        )
    }

    /// The settings in `env`, then those in `file`, then the defaults. A blank setting counts as
    /// not set, and a file that isn't there as empty.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] naming every unknown setting and every bad value at once,
    /// without the values.
    pub fn load(
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        Self::read(Environment::default(), env, file)
    }

    /// The same for a demo, which shows its schema and has an explorer unless that is set
    /// otherwise; errors as in [`Settings::load`].
    pub fn load_for_demo(
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        Self::read(Environment { is_demo: true, ..Environment::default() }, env, file)
    }

    fn read(
        mut given: Environment,
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        if let Some(file) = file {
            given.read_file(file);
        }
        given.read_env(env.into_iter());
        given.take_files();
        let settings = Self {
            database_url: given.take(
                DATABASE_URL,
                Secret("sqlite://samregister.db?mode=rwc".to_owned()),
                |text| {
                    let is_known = ["sqlite:", "postgres://", "postgresql://"]
                        .iter()
                        .any(|scheme| text.starts_with(scheme));
                    checked(text, is_known, "must begin with sqlite: or postgres://").map(Secret)
                },
            ),
            bind: given.take(
                "SAMREGISTER_BIND",
                SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                |text| {
                    text.parse()
                        .map_err(|_| "must be an address and a port, as 127.0.0.1:8080".to_owned())
                },
            ),
            jwt_secrets: given.take(JWT_SECRET, Vec::new(), secrets::list),
            jwt_public_key: given.optional(JWT_PUBLIC_KEY, pem_file),
            jwt_key_set: given.optional(JWT_JWKS, keys::key_source),
            jwt_key_set_every: Duration::from_secs(given.take(
                "SAMREGISTER_JWT_JWKS_SECONDS",
                300,
                |text| number(text, 10..=86_400),
            )),
            jwt_signing_key: given.optional(JWT_SIGNING_KEY, pem_file),
            jwt_issuer: given.take("SAMREGISTER_JWT_ISSUER", TOKEN_NAME.to_owned(), line),
            jwt_audience: given.take("SAMREGISTER_JWT_AUDIENCE", TOKEN_NAME.to_owned(), line),
            max_token_days: given.max_token_days(),
            former_member_days: given.former_member_days(),
            trusted_proxies: given.trusted_proxies(),
            cors_origins: given.take("SAMREGISTER_CORS_ORIGINS", Vec::new(), |text| {
                text.split([',', ' ']).filter(|origin| !origin.is_empty()).map(origin).collect()
            }),
            log: given.take("SAMREGISTER_LOG", "info".to_owned(), |text| {
                checked(
                    text,
                    EnvFilter::try_new(text).is_ok(),
                    "is not a filter, as info or samregister=debug,warn",
                )
            }),
            log_format: given.take("SAMREGISTER_LOG_FORMAT", LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".to_owned()),
            }),
            limits: given.limits(),
            exposure: given.exposure(),
            metrics: given.metrics(),
            sockets: given.sockets(),
            trail: given.trail(),
            network: given.network(),
            secret_files: std::mem::take(&mut given.secret_files),
        };
        given.finish()?;
        Ok(settings)
    }
}

/// What was given, what of it was asked for, and what is wrong with it.
#[derive(Default)]
struct Environment {
    /// By setting, those in tables with a dot: where it was given, as errors say it, and its text;
    /// no text when it is something else.
    values: BTreeMap<String, (String, Option<String>)>,
    known: Vec<&'static str>,
    /// How many tables `[[network.signatories]]` there are.
    signatories: usize,
    /// `true` for the settings of a demo.
    is_demo: bool,
    /// The files that settings were read from.
    secret_files: Vec<PathBuf>,
    errors: ValidationErrors,
}

impl Environment {
    /// Reads the environment, which wins over the file. A blank setting counts as not set.
    fn read_env(&mut self, env: impl Iterator<Item = (String, String)>) {
        let is_ours = |name: &str| {
            name == DATABASE_URL || name == DATABASE_URL_FILE || name.starts_with("SAMREGISTER_")
        };
        let (blank, set): (Vec<_>, Vec<_>) =
            env.filter(|(name, _)| is_ours(name)).partition(|(_, text)| text.trim().is_empty());
        for (name, _) in &set {
            // The same setting in the other way: as it is, or in a file.
            for (one, other) in secrets::IN_FILES
                .into_iter()
                .flat_map(|(plain, file)| [(plain, file), (file, plain)])
            {
                if name == one {
                    self.values.remove(other);
                }
            }
        }
        self.values.extend(set.into_iter().map(|(name, text)| (name.clone(), (name, Some(text)))));
        for (name, text) in blank {
            self.values.entry(name.clone()).or_insert((name, Some(text)));
        }
    }

    fn read_file(&mut self, file: &Path) {
        let position = file.display().to_string();
        let text = match files::read_text(file, LARGEST_FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.errors.add(position, format!("can't be read: {error}")),
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // The error in full quotes the line, which may hold a secret.
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(1, |before| before.matches('\n').count() + 1);
                return self.errors.add(
                    position,
                    format!("is not TOML, in line {line}: {}", error.message().replace('\n', ", ")),
                );
            }
        };
        self.read_table(&position, "", table);
    }

    fn read_table(&mut self, file: &str, prefix: &str, table: toml::Table) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            let position = format!("{file}: {name}");
            let text = match value {
                toml::Value::Table(inner)
                    if [
                        "network",
                        "network.accounts",
                        "network.invoicing",
                        "network.payments",
                        "network.retention",
                    ]
                    .contains(&name.as_str())
                        || books::is_table(&name) =>
                {
                    self.read_table(file, &format!("{name}."), inner);
                    continue;
                }
                toml::Value::Array(tables)
                    if name == SIGNATORIES && tables.iter().all(toml::Value::is_table) =>
                {
                    self.signatories = tables.len();
                    for (position, table) in tables.into_iter().enumerate() {
                        self.read_table(
                            file,
                            &format!("{name}.{position}."),
                            table.try_into().unwrap_or_default(),
                        );
                    }
                    continue;
                }
                toml::Value::Array(texts)
                    if name.starts_with("network.payments.")
                        && texts.iter().all(toml::Value::is_str) =>
                {
                    Some(texts.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(","))
                }
                toml::Value::String(text) => Some(text),
                toml::Value::Datetime(day) => Some(day.to_string()),
                toml::Value::Integer(number) => Some(number.to_string()),
                toml::Value::Boolean(yes) => Some(yes.to_string()),
                _ => None,
            };
            self.values.insert(name, (position, text));
        }
    }

    /// The setting as `read` reads it, or `default` when it was not given or is empty; also when it
    /// is bad, which is noted.
    fn take<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.known.push(name);
        self.value(name, default, read)
    }

    fn value<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some((position, text)) = self.values.remove(name) else { return default };
        let value = match text {
            None => Err("must be a text, a whole number, true or false".to_owned()),
            Some(text) if text.trim().is_empty() => return default,
            // What `to_string_lossy` makes of bytes that are no text.
            Some(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err("is not UTF-8".to_owned())
            }
            // Blanks around a secret would be part of it for whoever else has it, so that it is
            // read as it stands.
            Some(text) => read(if name == JWT_SECRET { &text } else { text.trim() }),
        };
        value.unwrap_or_else(|reason| {
            self.errors.add(position, reason);
            default
        })
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(name, None, |text| read(text).map(Some))
    }

    /// Fails with every fault; whatever was not taken is none of the settings.
    fn finish(mut self) -> Result<()> {
        self.refuse_unknown();
        self.errors.finish()
    }
}

fn checked(text: &str, holds: bool, error: &str) -> Result<String, String> {
    if holds { Ok(text.to_owned()) } else { Err(error.to_owned()) }
}

fn pem_file(text: &str) -> Result<PathBuf, String> {
    // Later errors show the path, which must not be the key itself.
    checked(text, !text.contains("-----BEGIN"), "must name a PEM file, not be the key itself")
        .map(PathBuf::from)
}

/// An origin as browsers write it, since it is compared letter by letter.
fn origin(text: &str) -> Result<String, String> {
    let host =
        text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let holds = host.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
    });
    checked(
        text,
        holds && !host.is_empty(),
        "must be origins as https://example.se, in small letters, without a path, with commas between",
    )
}

fn line(text: &str) -> Result<String, String> {
    let holds = text.chars().count() <= LINE && !text.chars().any(char::is_control);
    checked(text, holds, &format!("must be one line of at most {LINE} characters"))?;
    unprintable(text).map_or_else(|| Ok(text.to_owned()), |problem| Err(problem.to_owned()))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

fn number<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const GOOD: &str = "a-secret-for-tests-of-32-bytes-or-more";

    /// The settings, or the message, in which the file has its usual name.
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
                    "a.se",
                    "https://",
                    "https://a.se; https://b.se",
                ],
            ),
            ("SAMREGISTER_LOG", &["info=loud=1", "a=b"]),
            ("SAMREGISTER_LOG_FORMAT", &["JSON"]),
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
