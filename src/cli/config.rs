//! `samregister config`: checks the settings, and writes a file with all of them.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, config_option, connect::file_of, count, json, put, say,
    unusable_settings,
};
use domain::{
    audit,
    config::{Settings, SettingsReport, Source, template},
    files,
    output::{self, OwnFiles},
};

/// Check the settings, or write a file with all of them
///
/// `check` reads the settings as every command does, and lists each that is set with its source,
/// and every error at the same time, also files that are missing and URLs that can't be read.
/// Secrets, and values that are wrong, are not printed. `generate` prints a settings file with
/// every setting, its meaning and its default. Neither needs a database.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister config generate --output samregister.toml
  samregister config check
  Before a restart:
    samregister config check --config new.toml && mv new.toml samregister.toml

Exit codes: 0 done; 3 the settings have errors.")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List each setting that is set with its source, and every error
    Check {
        /// Format of the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print a settings file with every setting, its meaning and its default
    Generate {
        /// Write the file here, readable for its owner only, instead of printing it
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a settings file that exists
        #[arg(long, requires = "output")]
        force: bool,
    },
}

/// Format of a report for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
}

/// Checks the settings, or writes a file with all of them.
///
/// # Errors
/// Fails if a settings file that is named does not exist, or if the file can't be written.
pub fn run(options: Options) -> Result {
    match options.command {
        Command::Check { format } => check(format),
        Command::Generate { output: None, .. } => put(template()).map(|()| Outcome::Done),
        Command::Generate { output: Some(file), force } => generate(&file, force),
    }
}

fn check(format: Format) -> Result {
    let mut report = SettingsReport::of_process(config_option())?;
    unusable_settings::add_to(&mut report);
    match format {
        Format::Text => {
            put(lines(&report))?;
            let errors = match report.errors.len() {
                0 => "no error".to_owned(),
                number => count(number, "error"),
            };
            say(&format!("{} set, {errors}", count(report.set.len(), "setting")));
        }
        Format::Json => put(json(&Document::of(&report))?)?,
    }
    Ok(if report.errors.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// Returns a line for each setting, and one for each error.
fn lines(report: &SettingsReport) -> String {
    let place = |source: &Source| match source {
        Source::Environment => "environment".to_owned(),
        Source::File(file, Some(line)) => format!("{}:{line}", file.display()),
        Source::File(file, None) => file.display().to_string(),
    };
    let set = report.set.iter().map(|set| {
        let value = set.value.as_deref().map_or("(hidden)".to_owned(), one_line);
        format!("{}: {} = {value}\n", place(&set.source), set.name)
    });
    let errors = report.errors.iter().map(|error| {
        let place = error.source.as_ref().map(|source| format!("{}: ", place(source)));
        let name = error.name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
        format!("error: {}{name}{}\n", place.unwrap_or_default(), error.message)
    });
    set.chain(errors).collect()
}

/// Returns a value on one line.
fn one_line(value: &str) -> String {
    value.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The report as JSON.
#[derive(Serialize)]
struct Document<'r> {
    file: Option<String>,
    settings: Vec<SettingDocument<'r>>,
    errors: Vec<ErrorDocument<'r>>,
}

#[derive(Serialize)]
struct SettingDocument<'r> {
    name: &'r str,
    value: Option<&'r str>,
    source: SourceDocument,
}

#[derive(Serialize)]
struct ErrorDocument<'r> {
    name: Option<&'r str>,
    source: Option<SourceDocument>,
    message: &'r str,
}

/// The source of a setting: the environment, or a file with a line.
#[derive(Serialize)]
struct SourceDocument {
    file: Option<String>,
    line: Option<usize>,
}

impl From<&Source> for SourceDocument {
    fn from(source: &Source) -> Self {
        match source {
            Source::Environment => Self { file: None, line: None },
            Source::File(file, line) => {
                Self { file: Some(file.display().to_string()), line: *line }
            }
        }
    }
}

impl<'r> Document<'r> {
    fn of(report: &'r SettingsReport) -> Self {
        let settings = report.set.iter().map(|set| SettingDocument {
            name: &set.name,
            value: set.value.as_deref(),
            source: (&set.source).into(),
        });
        let errors = report.errors.iter().map(|error| ErrorDocument {
            name: error.name.as_deref(),
            source: error.source.as_ref().map(SourceDocument::from),
            message: &error.message,
        });
        let file = report.file.as_ref().map(|file| file.display().to_string());
        Self { file, settings: settings.collect(), errors: errors.collect() }
    }
}

/// Largest file that may be one of settings, in bytes.
const MAX_BYTES: u64 = 1 << 20;

fn generate(file: &Path, force: bool) -> Result {
    let shown = file.display();
    let unwritten = |cause: &dyn std::fmt::Display| {
        Failure::new(format!("cannot write the settings to {shown}: {cause}"))
    };
    if force && file.exists() {
        // Neither a database nor a key is a text without a label of PEM.
        let text = files::read_text(file, MAX_BYTES).map_err(|cause| unwritten(&cause))?;
        if text.contains("-----BEGIN") {
            return Err(unwritten(&"it holds a key"));
        }
        output::write(file, template().as_bytes(), &others())?;
    } else {
        audit::write_private(file, &template()).map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => {
                Failure::new(format!("{shown} exists already; --force replaces it"))
            }
            _ => unwritten(&cause),
        })?;
    }
    say(&format!("wrote {shown}; only its owner may read it"));
    Ok(Outcome::Done)
}

/// Returns the register's own files but for the settings file, if the present settings are valid.
fn others() -> OwnFiles {
    let Ok(settings) = Settings::of_process(config_option()) else { return OwnFiles::default() };
    let database = file_of(settings.database_url.expose()).map(PathBuf::from);
    // The first is the settings file itself.
    OwnFiles { database, settings: settings.own_files().into_iter().skip(1).collect() }
}
