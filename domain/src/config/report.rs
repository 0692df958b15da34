//! Report on the settings: the source of each that is set, and every error. No secret is part of
//! it.

use std::path::{Path, PathBuf};

use super::{
    environment::{Environment, SetValue},
    names::{DATABASE_URL, IN_FILES},
    settings::{Settings, environment},
};
use crate::error::{Error, FieldError, Result};

/// Source of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The environment.
    Environment,
    /// A line of the settings file, from 1.
    File(PathBuf, Option<usize>),
}

/// A setting that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSetting {
    /// Its name.
    pub name: String,
    /// Its value; null: it is a secret, may contain one, or is wrong.
    pub value: Option<String>,
    /// Its source.
    pub source: Source,
}

/// An error of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The name of the setting; null: the error is one of the whole file.
    pub name: Option<String>,
    /// Its source; null: the setting is set nowhere.
    pub source: Option<Source>,
    /// The error, without the value.
    pub message: String,
}

/// A report on the settings of a process.
#[derive(Clone, Debug)]
pub struct SettingsReport {
    /// The settings file; null: there is none.
    pub file: Option<PathBuf>,
    /// The settings that are set, by name.
    pub set: Vec<SetSetting>,
    /// Every error.
    pub errors: Vec<SettingError>,
    /// The settings, unless there is an error.
    pub settings: Option<Settings>,
}

impl SettingsReport {
    /// Reports on the settings of this process, as [`Settings::of_process`] reads them.
    ///
    /// # Errors
    /// INVALID if a settings file that is named does not exist.
    pub fn of_process(named: Option<&Path>) -> Result<Self> {
        let file = Settings::find_file(named)?;
        Ok(Self::new(environment(), Some(&file)))
    }

    /// Reports on the settings in `env` and in `file`, as [`Settings::load`] reads them.
    #[must_use]
    pub fn new(env: impl IntoIterator<Item = (String, String)>, file: Option<&Path>) -> Self {
        let mut source = Environment::default();
        let settings = Settings::take(&mut source, env, file);
        let lines = std::mem::take(&mut source.lines);
        let set = std::mem::take(&mut source.set);
        let errors = match source.finish() {
            Err(Error::Invalid(errors)) => errors,
            Ok(()) | Err(_) => Vec::new(),
        };
        let place = Places { file, lines, set: &set };
        let found = set
            .iter()
            .map(|set| SetSetting {
                name: set.name.clone(),
                value: set
                    .text
                    .as_deref()
                    .filter(|text| {
                        let is_wrong = errors.iter().any(|error| error.path == set.position);
                        !is_wrong && !is_secret(&set.name, text)
                    })
                    .map(str::to_owned),
                source: place.source_of(set),
            })
            .collect();
        let is_without_errors = errors.is_empty();
        let mut errors: Vec<_> = errors.into_iter().map(|error| place.locate(error)).collect();
        if is_without_errors && let Some(error) = conflict_of_keys(&settings) {
            errors.push(place.locate(error));
        }
        Self {
            file: file.filter(|file| file.exists()).map(Path::to_owned),
            set: found,
            settings: errors.is_empty().then_some(settings),
            errors,
        }
    }

    /// Adds an error of a setting, which may be set in a file of its own (`_FILE`).
    pub fn add(&mut self, name: &str, message: String) {
        let name_of_file = format!("{name}_FILE");
        let set = self.set.iter().find(|set| set.name == name || set.name == name_of_file);
        let source = set.map(|set| set.source.clone());
        let name = set.map_or_else(|| name.to_owned(), |set| set.name.clone());
        self.errors.push(SettingError { name: Some(name), source, message });
        self.settings = None;
    }
}

/// Returns the error of settings that name several verification keys, or a signing key that does
/// not belong to one. Commands without tokens need none.
fn conflict_of_keys(settings: &Settings) -> Option<FieldError> {
    let is_any_set = !settings.jwt_secrets.is_empty()
        || settings.jwt_public_key.is_some()
        || settings.jwt_key_set.is_some()
        || settings.jwt_signing_key.is_some();
    match settings.verification_key() {
        Err(Error::Invalid(errors)) if is_any_set => errors.into_iter().next(),
        _ => None,
    }
}

/// The sources of settings.
struct Places<'a> {
    file: Option<&'a Path>,
    lines: std::collections::BTreeMap<String, usize>,
    set: &'a [SetValue],
}

impl Places<'_> {
    /// Returns the source of a setting, which is the environment if errors name it by its name
    /// alone.
    fn source_of(&self, set: &SetValue) -> Source {
        match self.file {
            Some(file) if set.position != set.name => {
                Source::File(file.to_owned(), self.line(&set.name))
            }
            _ => Source::Environment,
        }
    }

    /// Returns the line of a setting, or else that of the table around it.
    fn line(&self, name: &str) -> Option<usize> {
        let mut name = name;
        loop {
            if let Some(line) = self.lines.get(name) {
                return Some(*line);
            }
            name = name.rsplit_once('.')?.0;
        }
    }

    /// Returns an error with its setting and its source apart.
    fn locate(&self, error: FieldError) -> SettingError {
        let message = error.message;
        let by_position = |set: &&SetValue| set.position == error.path || set.name == error.path;
        if let Some(set) = self.set.iter().find(by_position) {
            let source = Some(self.source_of(set));
            return SettingError { name: Some(set.name.clone()), source, message };
        }
        let Some(file) = self.file else {
            return SettingError { name: Some(error.path), source: None, message };
        };
        if error.path == file.display().to_string() {
            let source = Some(Source::File(file.to_owned(), None));
            return SettingError { name: None, source, message };
        }
        // A key that a table lacks.
        let table = error.path.rsplit_once('.').map_or("", |(table, _)| table);
        let source = self.lines.get(table).map(|line| Source::File(file.to_owned(), Some(*line)));
        SettingError { name: Some(error.path), source, message }
    }
}

/// Returns `true` if a value is a secret, or an address that may contain a password.
fn is_secret(name: &str, value: &str) -> bool {
    let is_known = IN_FILES.iter().any(|(secret, _)| *secret == name && name != DATABASE_URL);
    let is_named_so = !name.ends_with("_FILE")
        && ["SECRET", "PASSWORD", "_TOKEN"].iter().any(|part| {
            if part.starts_with('_') { name.ends_with(part) } else { name.contains(part) }
        });
    let has_password = value.contains("://")
        && !value.starts_with("sqlite:")
        && (value.contains('@') || value.to_ascii_lowercase().contains("password"));
    is_known || is_named_so || has_password
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports on settings, with the lines of their file.
    fn report(env: &[(&str, &str)], text: &str) -> SettingsReport {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samregister.toml");
        std::fs::write(&file, text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        SettingsReport::new(env, Some(&file))
    }

    fn line(source: &Option<Source>) -> Option<usize> {
        match source {
            Some(Source::File(_, line)) => *line,
            _ => None,
        }
    }

    #[test]
    fn each_setting_has_its_source() {
        let found = report(
            &[("SAMREGISTER_MAX_DEPTH", "7")],
            "SAMREGISTER_LOG = 'warn'\nSAMREGISTER_MAX_DEPTH = 9\n\n[network]\nname = 'NNS'\n",
        );
        assert_eq!(found.errors, []);
        assert!(found.file.is_some() && found.settings.is_some());
        let of = |name: &str| found.set.iter().find(|set| set.name == name).unwrap();
        assert_eq!(of("SAMREGISTER_MAX_DEPTH").source, Source::Environment);
        assert_eq!(of("SAMREGISTER_MAX_DEPTH").value.as_deref(), Some("7"));
        assert_eq!(line(&Some(of("SAMREGISTER_LOG").source.clone())), Some(1));
        assert_eq!(line(&Some(of("network.name").source.clone())), Some(5));
    }

    #[test]
    fn every_error_has_its_setting_and_line() {
        let found = report(
            &[("SAMREGISTER_BIND", "localhost"), ("SAMREGISTER_PORT", "80")],
            "SAMREGISTER_MAX_DEPTH = 0\nlog = 'x'\n[network]\nnmae = 'x'\n\n[[network.signatories]]\ntitle = 'x'\n",
        );
        let errors: Vec<_> = found
            .errors
            .iter()
            .map(|error| (error.name.as_deref().unwrap_or_default(), line(&error.source)))
            .collect();
        assert_eq!(
            errors,
            [
                ("SAMREGISTER_MAX_DEPTH", Some(1)),
                ("SAMREGISTER_BIND", None),
                ("network.signatories.0.name", Some(6)),
                ("SAMREGISTER_PORT", None),
                ("log", Some(2)),
                ("network.nmae", Some(4)),
            ]
        );
        assert_eq!(found.errors[1].source, Some(Source::Environment));
        assert!(found.settings.is_none());
        let broken = report(&[], "SAMREGISTER_LOG = ");
        assert_eq!((broken.errors.len(), &broken.errors[0].name), (1, &None));
    }

    #[test]
    fn no_report_has_a_secret() {
        let secret = "hunter2-hunter2-hunter2-hunter2-x";
        for (name, value) in [
            ("DATABASE_URL", "postgres://u:hunter2@h/d"),
            ("DATABASE_URL", "postgres://h/d?user=u&password=hunter2"),
            ("SAMREGISTER_JWT_SECRET", secret),
            ("SAMREGISTER_JWT_SECRT", secret),
            ("SAMREGISTER_LINK_SECRET", secret),
            ("SAMREGISTER_METRICS_TOKEN", secret),
            ("SAMREGISTER_JWT_SECRET_FILE", secret),
            ("SAMREGISTER_JWT_PUBLIC_KEY", "-----BEGIN hunter2"),
            ("SAMREGISTER_TIMESTAMP_URL", "https://u:hunter2@tsa.example.se"),
        ] {
            let found = report(&[(name, value)], "");
            let shown = format!("{:?} {:?}", found.set, found.errors);
            assert!(!shown.contains("hunter2"), "{name}: {shown}");
            assert_eq!(found.set.len(), 1, "{name}");
        }
        for (name, value) in [
            ("DATABASE_URL", "sqlite://r.db"),
            ("SAMREGISTER_MAX_TOKENS", "200"),
            ("SAMREGISTER_CLAIM_SUBJECT", "email"),
        ] {
            assert_eq!(report(&[(name, value)], "").set[0].value.as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn conflicting_keys_are_an_error_and_no_key_is_none() {
        assert_eq!(report(&[], "").errors, []);
        let found = report(
            &[("SAMREGISTER_JWT_SECRET", "a-secret-for-tests-of-32-bytes-or-more")],
            "\nSAMREGISTER_JWT_PUBLIC_KEY = 'public.pem'",
        );
        assert_eq!(found.errors.len(), 1, "{:?}", found.errors);
        assert_eq!(found.errors[0].name.as_deref(), Some("SAMREGISTER_JWT_SECRET"));
    }
}
