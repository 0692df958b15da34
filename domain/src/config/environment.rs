//! Reading of settings: from the environment, the settings file and the files that settings name.

use std::{
    collections::BTreeMap,
    fmt,
    io::ErrorKind,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{
    file_lines,
    names::{self, JWT_SECRET, OF_DATABASE, SIGNATORIES},
};
use crate::{
    error::{LINE, Result, ValidationErrors, unprintable},
    files,
};

/// Largest settings file or secret file, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// Values from the environment and the file that are not read yet, with the errors found so far.
#[derive(Default)]
pub(super) struct Environment {
    /// By setting (in tables with a dot): its source, as errors name it, and its text; no text if
    /// the value is of another type.
    pub(super) values: BTreeMap<String, (String, Option<String>)>,
    pub(super) known: Vec<&'static str>,
    /// Number of tables `[[network.signatories]]`.
    pub(super) signatories: usize,
    /// `true` for the settings of a demo.
    pub(super) is_demo: bool,
    /// The files that settings were read from.
    pub(super) secret_files: Vec<PathBuf>,
    /// Lines of the settings file, from 1, by setting and table.
    pub(super) lines: BTreeMap<String, usize>,
    /// The settings that are set, as they were read: for a report on them.
    pub(super) set: Vec<SetValue>,
    pub(super) errors: ValidationErrors,
}

/// A setting that is set, with its source as errors name it.
#[derive(Clone)]
pub(super) struct SetValue {
    pub(super) name: String,
    pub(super) position: String,
    /// Its text; no text if the value is of another type.
    pub(super) text: Option<String>,
}

impl Environment {
    /// Notes the settings that are set, before they are taken. A blank one counts as not set.
    pub(super) fn note_set(&mut self) {
        let set = self
            .values
            .iter()
            .filter(|(_, (_, text))| text.as_deref().is_none_or(|text| !text.trim().is_empty()));
        self.set = set
            .map(|(name, (position, text))| SetValue {
                name: name.clone(),
                position: position.clone(),
                text: text.clone(),
            })
            .collect();
    }

    /// Reads the environment, which overrides the file. A blank setting counts as not set.
    pub(super) fn read_env(&mut self, env: impl Iterator<Item = (String, String)>) {
        let is_ours = |name: &str| {
            let is_setting = OF_DATABASE.contains(&name) || name.starts_with("SAMREGISTER_");
            is_setting && !names::OF_COMMANDS.contains(&name)
        };
        let (blank, set): (Vec<_>, Vec<_>) =
            env.filter(|(name, _)| is_ours(name)).partition(|(_, text)| text.trim().is_empty());
        for (name, _) in &set {
            // The same setting in its other form: as a value, or in a file.
            for (one, other) in
                names::IN_FILES.into_iter().flat_map(|(plain, file)| [(plain, file), (file, plain)])
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

    pub(super) fn read_file(&mut self, file: &Path) {
        let position = file.display().to_string();
        let text = match files::read_text(file, MAX_FILE_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.errors.add(position, format!("can't be read: {error}")),
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // The full error quotes the line, which may hold a secret.
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
        self.lines = file_lines::lines(&text);
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
                        || names::is_table(&name) =>
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

    /// Returns the setting as parsed by `read`, or `default` if it is not set, blank or bad. A bad
    /// value is recorded as an error.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.known.push(name);
        self.value(name, default, read)
    }

    pub(super) fn value<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some((position, text)) = self.values.remove(name) else { return default };
        let value = match text {
            None => Err("must be a text, a whole number, true or false".to_owned()),
            Some(text) if text.trim().is_empty() => return default,
            // The result of `to_string_lossy` for bytes that are not UTF-8.
            Some(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err("is not UTF-8".to_owned())
            }
            // A secret is read verbatim: other programs with the same secret include the blanks
            // around it.
            Some(text) => read(if name == JWT_SECRET { &text } else { text.trim() }),
        };
        value.unwrap_or_else(|reason| {
            self.errors.add(position, reason);
            default
        })
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(name, None, |text| read(text).map(Some))
    }

    /// Fails with every error. A setting that was not read is unknown.
    pub(super) fn finish(mut self) -> Result<()> {
        self.refuse_unknown();
        self.errors.finish()
    }
}

pub(super) fn checked(text: &str, holds: bool, error: &str) -> Result<String, String> {
    if holds { Ok(text.to_owned()) } else { Err(error.to_owned()) }
}

/// Returns `true` if a text is an address of HTTP with a host, and a port from 1 if it has one.
pub(super) fn is_web_address(text: &str) -> bool {
    let Ok(address) = text.parse::<ureq::http::Uri>() else { return false };
    let Some(authority) = address.authority() else { return false };
    let (whole, host) = (authority.as_str(), authority.host());
    let whole = whole.rsplit_once('@').map_or(whole, |(_, rest)| rest);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let has_port = match whole.strip_prefix(host).unwrap_or_default() {
        "" => true,
        port => port.strip_prefix(':').is_some_and(is_port),
    };
    matches!(address.scheme_str(), Some("http" | "https")) && !host.is_empty() && has_port
}

pub(super) fn pem_file(text: &str) -> Result<PathBuf, String> {
    // Later errors show the path, so it must not be the key itself.
    checked(text, !text.contains("-----BEGIN"), "must name a PEM file, not be the key itself")
        .map(PathBuf::from)
}

pub(super) fn line(text: &str) -> Result<String, String> {
    let holds = text.chars().count() <= LINE && !text.chars().any(char::is_control);
    checked(text, holds, &format!("must be one line of at most {LINE} characters"))?;
    unprintable(text).map_or_else(|| Ok(text.to_owned()), |problem| Err(problem.to_string()))
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

pub(super) fn number<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}
