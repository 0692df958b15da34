//! Settings of the program: all that an operator decides.

use ipnet::IpNet;
use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tracing_subscriber::EnvFilter;

use super::{
    access::MetricsAccess,
    backup::Backup,
    claims::ClaimNames,
    environment::{Environment, checked, is_web_address, line, number, pem_file},
    keys::{self, KeySource},
    limits::{Exposure, Limits},
    names::{
        CONFIG, DATABASE_LISTEN_URL, DATABASE_REPLICA_URLS, DATABASE_URL, JWT_JWKS, JWT_PUBLIC_KEY,
        JWT_SECRET, JWT_SIGNING_KEY, LINK_SECRET,
    },
    network::Network,
    secrets::{self, Secret},
    sessions::Sessions,
    sockets::Sockets,
    stated::{Differences, Stated},
    trail::Trail,
};
use crate::error::{Error, Origin, Result};

/// Name of the settings file, in the working directory.
pub const FILE: &str = "samregister.toml";

/// The settings file that is read if there is none in the working directory.
const SYSTEM_FILE: &str = "/etc/samregister/samregister.toml";

/// The default database.
const SQLITE_FILE: &str = "sqlite://samregister.db?mode=rwc";

/// Schemes of URLs of PostgreSQL.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// Default of the issuer and the audience of tokens.
pub(crate) const TOKEN_NAME: &str = "samregister";

/// The settings of an operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// URL of the database: `sqlite:…`, `postgres://…` or a list of the latter, which may contain a
    /// password.
    pub database_url: Secret,
    /// URL of PostgreSQL, or a list, from which notifications are received; null: that of the
    /// database.
    pub database_listen_url: Option<Secret>,
    /// URLs of the read replicas on PostgreSQL, a list; null: there are none.
    pub database_replica_urls: Option<Secret>,
    /// Time limits of a server's sessions on PostgreSQL.
    pub sessions: Sessions,
    /// Address and port on which the server listens.
    pub bind: SocketAddr,
    /// Secrets for HS256: the first signs, and all verify tokens. Empty: none is set.
    pub jwt_secrets: Vec<Secret>,
    /// A PEM file with the public key that verifies tokens. [`Settings::verification_key`] requires
    /// exactly one of secrets, public key and key set.
    pub jwt_public_key: Option<PathBuf>,
    /// Location of the key set that verifies tokens.
    pub jwt_key_set: Option<KeySource>,
    /// Interval between reads of an issuer's key set.
    pub jwt_key_set_every: Duration,
    /// A PEM file with the private key that signs tokens.
    pub jwt_signing_key: Option<PathBuf>,
    /// The claim `iss` of every token.
    pub jwt_issuer: String,
    /// The claim `aud` of every token, or one of its list.
    pub jwt_audience: String,
    /// Names of the claims of tokens, and the values that grant roles.
    pub claims: ClaimNames,
    /// Secret that links to files are signed with; null: a secret or key of tokens.
    pub link_secret: Option<Secret>,
    /// Address of the API in links, as `https://register.example.se`; null: that of the request.
    pub public_url: Option<String>,
    /// Longest validity of a token, in days.
    pub max_token_days: u32,
    /// Number of days for which a member that has left may read its own invoices and agreements.
    pub former_member_days: u16,
    /// Time for which a server that stops still answers requests, while it is not ready.
    pub drain_time: Duration,
    /// Proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins of web pages that may send requests from a browser (CORS), as `https://example.se`.
    pub cors_origins: Vec<String>,
    /// Log filter, in the syntax of the crate tracing-subscriber.
    pub log: String,
    /// Format of the log.
    pub log_format: LogFormat,
    /// Time from which on a statement of the database is logged as slow; zero: none is.
    pub slow_statement: Duration,
    /// Address of a collector of OpenTelemetry, to which spans are sent; null: none are.
    pub otlp_endpoint: Option<String>,
    /// Limits of one request.
    pub limits: Limits,
    /// Access to the metrics.
    pub metrics: MetricsAccess,
    /// Limits of the API's sockets.
    pub sockets: Sockets,
    /// Settings of what the server exposes.
    pub exposure: Exposure,
    /// Keys that sign and verify the audit trail.
    pub trail: Trail,
    /// Folder, recipients and greatest age of backups.
    pub backup: Backup,
    /// Details of the network itself.
    pub network: Network,
    /// The settings file, which need not exist.
    pub(crate) file: PathBuf,
    /// Files with secrets and with the database's URL.
    pub(crate) secret_files: Vec<PathBuf>,
    /// The settings that were stated, to compare with those of a reload.
    pub(super) stated: Stated,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Returns the settings of this process: its environment, and the file that
    /// [`Settings::find_file`] returns. Errors as in both functions.
    pub fn of_process(named: Option<&Path>) -> Result<Self> {
        let file = Self::find_file(named)?;
        Self::load(environment(), Some(&file))
    }

    /// Returns the settings file of this process: `named`, the value of --config, or else that of
    /// SAMREGISTER_CONFIG, or else [`FILE`] in the working directory, or else the system's. The
    /// last two need not exist.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] if a file that is named does not exist.
    pub fn find_file(named: Option<&Path>) -> Result<PathBuf> {
        let of_environment = || std::env::var_os(CONFIG).filter(|value| !value.is_empty());
        let stated = match named {
            Some(file) => Some(("--config", file.to_owned())),
            None => of_environment().map(|file| (CONFIG, PathBuf::from(file))),
        };
        if let Some((name, file)) = stated {
            let missing = || {
                let message = format!("names {}, which does not exist", file.display());
                Error::invalid_of(Origin::Setting, name, message)
            };
            return if file.exists() { Ok(file) } else { Err(missing()) };
        }
        let own = PathBuf::from(FILE);
        let of_system = PathBuf::from(SYSTEM_FILE);
        Ok(if !own.exists() && of_system.exists() { of_system } else { own })
    }

    /// Returns the settings in `env`, then those in `file`, then the defaults. A blank setting
    /// counts as not set. A missing file counts as empty.
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

    /// Returns the settings of a demo, which allows introspection and serves GraphiQL unless set
    /// otherwise. Errors as in [`Settings::load`].
    pub fn load_for_demo(
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        Self::read(Environment { is_demo: true, ..Environment::default() }, env, file)
    }

    fn read(
        mut source: Environment,
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        let settings = Self::take(&mut source, env, file);
        source.finish()?;
        Ok(settings)
    }

    /// Returns the settings of a source, with the default of each that is bad. Errors are recorded
    /// in the source, which still has the unknown settings.
    pub(super) fn take(
        source: &mut Environment,
        env: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Self {
        if let Some(file) = file {
            source.read_file(file);
        }
        source.read_env(env.into_iter());
        source.note_set();
        source.take_files();
        let (stated, limits) = (source.stated(), source.limits());
        let database_url = database_url(source);
        Self {
            database_replica_urls: replica_urls(source, &database_url),
            database_url,
            database_listen_url: source.optional(DATABASE_LISTEN_URL, |text| {
                url(text, &POSTGRES, "must begin with postgres://")
            }),
            bind: source.take(
                "SAMREGISTER_BIND",
                SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                |text| {
                    text.parse()
                        .map_err(|_| "must be an address and a port, as 127.0.0.1:8080".to_owned())
                },
            ),
            jwt_secrets: source.take(JWT_SECRET, Vec::new(), secrets::list),
            jwt_public_key: source.optional(JWT_PUBLIC_KEY, pem_file),
            jwt_key_set: source.optional(JWT_JWKS, keys::key_source),
            jwt_key_set_every: Duration::from_secs(source.take(
                "SAMREGISTER_JWT_JWKS_SECONDS",
                300,
                |text| number(text, 10..=86_400),
            )),
            jwt_signing_key: source.optional(JWT_SIGNING_KEY, pem_file),
            jwt_issuer: source.take("SAMREGISTER_JWT_ISSUER", TOKEN_NAME.to_owned(), line),
            jwt_audience: source.take("SAMREGISTER_JWT_AUDIENCE", TOKEN_NAME.to_owned(), line),
            claims: source.claims(),
            link_secret: source.optional(LINK_SECRET, secrets::bearer),
            public_url: source.optional("SAMREGISTER_PUBLIC_URL", public_url),
            max_token_days: source.max_token_days(),
            former_member_days: source.former_member_days(),
            drain_time: source.drain_time(),
            trusted_proxies: source.trusted_proxies(),
            cors_origins: source.take("SAMREGISTER_CORS_ORIGINS", Vec::new(), |text| {
                text.split([',', ' ']).filter(|origin| !origin.is_empty()).map(origin).collect()
            }),
            log: source.take("SAMREGISTER_LOG", "info".to_owned(), |text| {
                checked(
                    text,
                    EnvFilter::try_new(text).is_ok(),
                    "is not a filter, as info or samregister=debug,warn",
                )
            }),
            log_format: source.take("SAMREGISTER_LOG_FORMAT", LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".to_owned()),
            }),
            slow_statement: Duration::from_millis(source.take(
                "SAMREGISTER_SLOW_STATEMENT_MS",
                500,
                |text| number(text, 0..=3_600_000),
            )),
            otlp_endpoint: source.optional("SAMREGISTER_OTLP_ENDPOINT", collector),
            sessions: source.sessions(limits.request_time),
            limits,
            exposure: source.exposure(),
            metrics: source.metrics(),
            sockets: source.sockets(),
            trail: source.trail(),
            backup: source.backup(),
            network: source.network(),
            file: file.map_or_else(|| PathBuf::from(FILE), Path::to_owned),
            secret_files: std::mem::take(&mut source.secret_files),
            stated,
        }
    }
}

/// Reads the URL of the database, or that of the file of SQLite by default.
fn database_url(source: &mut Environment) -> Secret {
    source.take(DATABASE_URL, Secret(SQLITE_FILE.to_owned()), |text| {
        let schemes = ["sqlite:", POSTGRES[0], POSTGRES[1]];
        url(text, &schemes, "must begin with sqlite: or postgres://")
    })
}

/// Reads the URLs of read replicas, which only a register on PostgreSQL has.
fn replica_urls(source: &mut Environment, database: &Secret) -> Option<Secret> {
    let is_sqlite = database.expose().starts_with("sqlite:");
    source.optional(DATABASE_REPLICA_URLS, |text| {
        checked(text, !is_sqlite, "requires a DATABASE_URL of PostgreSQL: SQLite has no replicas")?;
        url(text, &POSTGRES, "must begin with postgres://")
    })
}

/// Parses a URL with one of these schemes.
fn url(text: &str, schemes: &[&str], error: &str) -> Result<Secret, String> {
    checked(text, schemes.iter().any(|scheme| text.starts_with(scheme)), error).map(Secret)
}

/// Returns the environment of this process.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Parses the address of the API in links: an origin, and possibly a path.
fn public_url(text: &str) -> Result<String, String> {
    let bare = text.trim_end_matches('/');
    let after_scheme = bare.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = after_scheme.split_at(after_scheme.find('/').unwrap_or(after_scheme.len()));
    let scheme = bare.strip_suffix(after_scheme).unwrap_or_default();
    let is_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte));
    let holds = is_path && origin(&format!("{scheme}{host}")).is_ok();
    checked(bare, holds, "must be an address as https://register.example.se, in small letters")
}

/// Parses the address of a collector of OpenTelemetry.
fn collector(text: &str) -> Result<String, String> {
    let holds = is_web_address(text) && !text.contains('@');
    checked(text, holds, "must be an address as http://127.0.0.1:4318, without a name or password")
}

/// Parses an origin as browsers write it, because origins are compared byte by byte.
fn origin(text: &str) -> Result<String, String> {
    let host =
        text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let holds = host.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
    });
    // Browsers leave out the default port, so that no origin would be equal to one with it.
    let default_port = if text.starts_with("https:") { ":443" } else { ":80" };
    checked(
        text,
        holds && !host.is_empty() && !host.ends_with(default_port),
        "must be origins as https://example.se, in small letters, without a path or the default port, with commas between",
    )
}

impl Settings {
    /// Returns the names of the settings that are different in `other`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Differences {
        self.stated.differences(&other.stated)
    }

    /// Returns the file of the key that signs the trail: the configured file, or else a file next
    /// to the SQLite file, or in the working directory for PostgreSQL.
    #[must_use]
    pub fn trail_key_file(&self) -> PathBuf {
        self.trail.key.clone().unwrap_or_else(|| self.next_to_register("trail-key.pem"))
    }

    /// Returns the file with the result of the last backup: in the folder of backups, or else next
    /// to the SQLite file, or in the working directory for PostgreSQL.
    #[must_use]
    pub fn last_backup_file(&self) -> PathBuf {
        const NAME: &str = "last-backup.json";
        match &self.backup.folder {
            Some(folder) => folder.join(NAME),
            None => self.next_to_register(NAME),
        }
    }

    /// Returns the path of a file whose name begins with that of the SQLite file, in the same
    /// folder; in the working directory for PostgreSQL.
    fn next_to_register(&self, suffix: &str) -> PathBuf {
        let file = self
            .database_url
            .expose()
            .strip_prefix("sqlite:")
            .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        let name = file.and_then(|file| file.split('?').next()).unwrap_or("samregister");
        PathBuf::from(format!("{name}.{suffix}"))
    }
}
