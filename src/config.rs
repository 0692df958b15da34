//! Settings: where the register is kept, who may ask, how much they may ask for, and what the network itself is called.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use entity::number::{OrgNumber, luhn_holds};
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Faults, LINE, Result};

/// The file of settings, looked for in the working directory.
pub const FILE: &str = "samregister.toml";
/// The issuer and the audience of tokens, unless they are set.
pub const TOKEN_NAME: &str = "samregister";
/// The shortest secret for HS256, in bytes: as long as what it makes (RFC 7518, 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// The setting of the secret that signs and verifies.
pub const JWT_SECRET: &str = "SAMREGISTER_JWT_SECRET";
/// The setting that names the public key's file.
pub const JWT_PUBLIC_KEY: &str = "SAMREGISTER_JWT_PUBLIC_KEY";
/// The setting that names the signing key's file.
pub const JWT_SIGNING_KEY: &str = "SAMREGISTER_JWT_SIGNING_KEY";

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the register is kept: `sqlite:…` or `postgres://…`, which may carry a password.
    pub database_url: Secret,
    /// Where the server listens.
    pub bind: SocketAddr,
    /// Who may ask.
    pub jwt: Jwt,
    /// Web pages that may ask from a browser, as `https://example.se`.
    pub cors_origins: Vec<String>,
    /// What is logged: a filter of the crate tracing-subscriber.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// How much one request may ask for.
    pub limits: Limits,
    /// What the network itself is called.
    pub network: Network,
}

/// The keys of tokens, and what tokens must say. The keys may all be missing: see [`Settings::verification_key`].
#[derive(Clone, Debug)]
pub struct Jwt {
    /// The secret that signs and verifies with HS256.
    pub secret: Option<Secret>,
    /// A PEM file with the public key that verifies.
    pub public_key: Option<PathBuf>,
    /// A PEM file with the private key that signs.
    pub signing_key: Option<PathBuf>,
    /// The claim `iss` of every token.
    pub issuer: String,
    /// The claim `aud` of every token, or one of its list.
    pub audience: String,
}

/// The one key that tokens are verified with.
#[derive(Clone, Copy, Debug)]
pub enum VerificationKey<'s> {
    /// HS256.
    Secret(&'s Secret),
    /// EdDSA, ES256 or RS256, by the key in this PEM file.
    PublicKey(&'s Path),
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line, for machines.
    Json,
}

/// How much one request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nested fields.
    pub depth: usize,
    /// Fields, each as many times as its lists may be long.
    pub complexity: u64,
    /// Fields that are given another name.
    pub aliases: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long an answer may take.
    pub request_time: Duration,
}

/// What the network itself is called: the seller on its invoices and a side of its agreements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: Option<String>,
    /// Organisationsnummer.
    pub org_number: Option<OrgNumber>,
    /// Momsregistreringsnummer: `SE`, ten digits and `01`.
    pub vat_number: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postal code, as `123 45`.
    pub postal_code: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// Bankgiro, as `5050-1055`.
    pub bankgiro: Option<String>,
    /// Plusgiro, as `286543-4`.
    pub plusgiro: Option<String>,
    /// The accounts that bookkeeping files use.
    pub accounts: Accounts,
}

/// Accounts of the BAS chart (baskontoplan), each of four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Kundfordringar.
    pub receivables: u16,
    /// Företagskonto.
    pub bank: u16,
    /// Utgående moms, 25 %.
    pub vat: u16,
    /// Försäljning av tjänster, 25 % moms.
    pub revenue: u16,
    /// Öresavrundning.
    pub rounding: u16,
    /// Membership and service fees (medlems- och serviceavgifter).
    pub fees: u16,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { receivables: 1510, bank: 1930, vat: 2611, revenue: 3041, rounding: 3740, fees: 3901 }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Settings {
    /// The settings of this process: its environment, and [`FILE`] in the working directory.
    ///
    /// # Errors
    /// [`Error::Invalid`] as [`Settings::load`]; also when a setting in the environment is not UTF-8.
    pub fn of_process() -> Result<Self> {
        let (mut env, mut faults) = (Vec::new(), Faults::default());
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => env.push((name, value)),
                (Ok(name), Err(_)) if is_ours(&name) => faults.add(name, "is not UTF-8"),
                _ => {}
            }
        }
        Self::gather(env, Some(Path::new(FILE)), faults)
    }

    /// The settings in `env`, then those in `file`, then the defaults. An empty variable counts as not set, and so does a file that isn't there.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every unknown setting and every bad value at once, without the values of secrets.
    pub fn load(env: impl IntoIterator<Item = (String, String)>, file: Option<&Path>) -> Result<Self> {
        Self::gather(env, file, Faults::default())
    }

    fn gather(env: impl IntoIterator<Item = (String, String)>, file: Option<&Path>, faults: Faults) -> Result<Self> {
        let mut given = Given { faults, ..Given::default() };
        if let Some(file) = file {
            given.read_file(file);
        }
        env.into_iter().filter(|(name, _)| is_ours(name)).for_each(|(name, text)| given.set(name, text));
        given.take("SAMREGISTER_JWT_JWKS", (), |_| {
            Err(format!("is not supported by this version; remove it and set {JWT_SECRET} or {JWT_PUBLIC_KEY}"))
        });
        let settings = Self {
            database_url: given.take("DATABASE_URL", Secret("sqlite://samregister.db?mode=rwc".to_owned()), database_url),
            bind: given.take("SAMREGISTER_BIND", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), |text| {
                text.parse().map_err(|_| "must be an address and a port, as 127.0.0.1:8080".to_owned())
            }),
            jwt: Jwt {
                secret: given.optional(JWT_SECRET, secret),
                public_key: given.optional(JWT_PUBLIC_KEY, pem_file),
                signing_key: given.optional(JWT_SIGNING_KEY, pem_file),
                issuer: given.take("SAMREGISTER_JWT_ISSUER", TOKEN_NAME.to_owned(), line),
                audience: given.take("SAMREGISTER_JWT_AUDIENCE", TOKEN_NAME.to_owned(), line),
            },
            cors_origins: given.take("SAMREGISTER_CORS_ORIGINS", Vec::new(), origins),
            log: given.take("SAMREGISTER_LOG", "info".to_owned(), log_filter),
            log_format: given.take("SAMREGISTER_LOG_FORMAT", LogFormat::default(), |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".to_owned()),
            }),
            limits: Limits {
                depth: given.take("SAMREGISTER_MAX_DEPTH", 15, |text| number(text, 1..=100)),
                complexity: given.take("SAMREGISTER_MAX_COMPLEXITY", 50_000, |text| number(text, 1..=1_000_000_000)),
                aliases: given.take("SAMREGISTER_MAX_ALIASES", 100, |text| number(text, 0..=10_000)),
                body_bytes: given.take("SAMREGISTER_MAX_BODY_BYTES", 1 << 20, |text| number(text, 1 << 10..=1 << 28)),
                request_time: Duration::from_secs(given.take("SAMREGISTER_REQUEST_SECONDS", 20, |text| number(text, 1..=3_600))),
            },
            network: given.network(),
        };
        given.finish()?;
        Ok(settings)
    }

    /// The one key that tokens are verified with.
    ///
    /// # Errors
    /// [`Error::Invalid`] when none is set or more than one, or when a signing key stands beside a secret, which signs by itself.
    pub fn verification_key(&self) -> Result<VerificationKey<'_>> {
        match (&self.jwt.secret, &self.jwt.public_key) {
            (Some(_), Some(_)) => Err(Error::invalid(JWT_SECRET, format!("and {JWT_PUBLIC_KEY} are both set; remove one of them"))),
            (None, None) => Err(Error::invalid(JWT_SECRET, format!("or {JWT_PUBLIC_KEY} must be set, to verify tokens with"))),
            (Some(_), None) if self.jwt.signing_key.is_some() => Err(Error::invalid(
                JWT_SIGNING_KEY,
                format!("goes with {JWT_PUBLIC_KEY}, but {JWT_SECRET} signs by itself; remove one of them"),
            )),
            (Some(secret), None) => Ok(VerificationKey::Secret(secret)),
            (None, Some(file)) => Ok(VerificationKey::PublicKey(file)),
        }
    }
}

/// Whether a variable of the environment is meant for the register.
fn is_ours(name: &str) -> bool {
    name == "DATABASE_URL" || name.starts_with("SAMREGISTER_")
}

/// What was given, what of it was asked for, and what is wrong with it.
#[derive(Default)]
struct Given {
    /// By setting, those in tables with a dot: where it was given, as errors say it, and its text; no text when it is something else.
    values: BTreeMap<String, (String, Option<String>)>,
    known: Vec<&'static str>,
    faults: Faults,
}

impl Given {
    fn read_file(&mut self, file: &Path) {
        let place = file.display().to_string();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.faults.add(place, format!("can't be read: {error}")),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table(&place, "", table),
            Err(error) => {
                // The error in full quotes the line, which may hold a secret.
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                self.faults.add(place, format!("is not TOML, in line {line}: {}", error.message().replace('\n', ", ")));
            }
        }
    }

    fn read_table(&mut self, file: &str, prefix: &str, table: toml::Table) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            let place = format!("{file}: {name}");
            let text = match value {
                toml::Value::Table(inner) if ["network", "network.accounts"].contains(&name.as_str()) => {
                    self.read_table(file, &format!("{name}."), inner);
                    continue;
                }
                toml::Value::String(text) => Some(text),
                toml::Value::Integer(number) => Some(number.to_string()),
                _ => None,
            };
            self.values.insert(name, (place, text));
        }
    }

    /// Takes a variable of the environment, over what the file says unless it is empty.
    fn set(&mut self, name: String, text: String) {
        if !text.trim().is_empty() || !self.values.contains_key(&name) {
            self.values.insert(name.clone(), (name, Some(text)));
        }
    }

    /// The setting as `read` reads it, or `default` when it was not given or is empty; also when it is bad, which is noted.
    fn take<T>(&mut self, name: &'static str, default: T, read: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.known.push(name);
        let Some((place, text)) = self.values.remove(name) else { return default };
        let value = match text {
            None => Err("must be a text or a whole number".to_owned()),
            Some(text) if text.trim().is_empty() => return default,
            // Blanks around a secret would be part of it for whoever else has it, so that it is read as it stands.
            Some(text) => read(if name == JWT_SECRET { &text } else { text.trim() }),
        };
        value.unwrap_or_else(|reason| {
            self.faults.add(place, reason);
            default
        })
    }

    fn optional<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.take(name, None, |text| read(text).map(Some))
    }

    fn network(&mut self) -> Network {
        let defaults = Accounts::default();
        let mut account = |name, default| self.take(name, default, |text| number(text, 1000..=9999));
        let accounts = Accounts {
            receivables: account("network.accounts.receivables", defaults.receivables),
            bank: account("network.accounts.bank", defaults.bank),
            vat: account("network.accounts.vat", defaults.vat),
            revenue: account("network.accounts.revenue", defaults.revenue),
            rounding: account("network.accounts.rounding", defaults.rounding),
            fees: account("network.accounts.fees", defaults.fees),
        };
        Network {
            name: self.optional("network.name", line),
            org_number: self.optional("network.org_number", |text| text.parse().map_err(str::to_owned)),
            vat_number: self.optional("network.vat_number", vat_number),
            address_line: self.optional("network.address_line", line),
            postal_code: self.optional("network.postal_code", postal_code),
            city: self.optional("network.city", line),
            bankgiro: self.optional("network.bankgiro", |text| giro(text, 7..=8, 4, "is not a bankgiro; write NNNN-NNNN")),
            plusgiro: self.optional("network.plusgiro", |text| giro(text, 2..=8, 1, "is not a plusgiro; write NNNNNNN-N")),
            accounts,
        }
    }

    /// Fails with every fault; whatever was not taken is none of the settings.
    fn finish(mut self) -> Result<()> {
        if !self.values.is_empty() {
            let places: Vec<_> = self.values.into_values().map(|(place, _)| place).collect();
            let are = if places.len() == 1 { "is not a setting" } else { "are not settings" };
            self.faults.add(places.join(", "), format!("{are}; remove it or choose from {}", self.known.join(", ")));
        }
        self.faults.finish()
    }
}

fn database_url(text: &str) -> Result<Secret, String> {
    let is_known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    is_known.then(|| Secret(text.to_owned())).ok_or_else(|| "must begin with sqlite: or postgres://".to_owned())
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.contains("-----BEGIN") {
        // A public key used as a secret would let everybody who has it make tokens.
        return Err(format!("is a key in PEM; put it in a file and name that in {JWT_PUBLIC_KEY} or {JWT_SIGNING_KEY}"));
    }
    if text.trim() != text {
        return Err("must not have blanks around it".to_owned());
    }
    if text.len() < SHORTEST_SECRET {
        return Err(format!("must have at least {SHORTEST_SECRET} bytes; `openssl rand -base64 48` makes a good one"));
    }
    Ok(Secret(text.to_owned()))
}

fn pem_file(text: &str) -> Result<PathBuf, String> {
    // The text is shown by later errors, and may not be the key itself.
    if text.contains("-----BEGIN") { Err("must name a PEM file, not be the key itself".to_owned()) } else { Ok(text.into()) }
}

fn origins(text: &str) -> Result<Vec<String>, String> {
    text.split(|char: char| char == ',' || char.is_whitespace()).filter(|origin| !origin.is_empty()).map(origin).collect()
}

/// An origin as browsers write it, since it is compared letter by letter.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    let holds = !host.is_empty() && host.bytes().all(is_plain);
    holds
        .then(|| text.to_owned())
        .ok_or_else(|| "must be origins as https://example.se, in small letters, without a path, with commas between".to_owned())
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map_err(|_| "is not a filter, as info or samregister=debug,warn".to_owned())?;
    Ok(text.to_owned())
}

fn line(text: &str) -> Result<String, String> {
    if text.chars().count() > LINE || text.chars().any(char::is_control) {
        return Err(format!("must be one line of at most {LINE} characters"));
    }
    Ok(text.to_owned())
}

fn number<T: FromStr + PartialOrd + fmt::Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

fn vat_number(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("SE").and_then(|rest| rest.strip_suffix("01")).unwrap_or_default();
    let holds = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    holds.then(|| text.to_owned()).ok_or_else(|| "is not a VAT number; write SE, ten digits and 01".to_owned())
}

fn postal_code(text: &str) -> Result<String, String> {
    let digits = text.replace(' ', "");
    let holds = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    holds.then(|| format!("{} {}", &digits[..3], &digits[3..])).ok_or_else(|| "is not a postal code; write NNN NN".to_owned())
}

/// A number of a giro, its last `tail` digits behind a hyphen.
fn giro(text: &str, lengths: RangeInclusive<usize>, tail: usize, fault: &str) -> Result<String, String> {
    let digits = text.replace([' ', '-'], "");
    if !lengths.contains(&digits.len()) || !luhn_holds(&digits) {
        return Err(format!("{fault}, with its check digit"));
    }
    let (first, last) = digits.split_at(digits.len() - tail);
    Ok(format!("{first}-{last}"))
}
