//! Connection of a command to the database of its settings.

use std::{path::Path, sync::OnceLock};

use super::{
    failure::{Failure, Result},
    postgres_refusal,
    unusable_settings::{IN_MEMORY, is_in_memory},
};
use domain::{
    config::Settings,
    database::{Database, Session, UnsupportedPooler, are_readable},
    error::Error,
};

/// Name of the command, as `serve`.
pub(super) static COMMAND: OnceLock<String> = OnceLock::new();

/// Connects to the database of the settings; creates a missing SQLite file if `may_make`.
pub(super) async fn connect(settings: &Settings, may_make: bool) -> Result<Database> {
    let url = settings.database_url.expose();
    if is_in_memory(url) {
        return Err(Failure::new(format!("DATABASE_URL {IN_MEMORY}")));
    }
    // The URL of a server may contain a password, and is never shown.
    let file = file_of(url);
    if let Some(file) = file.filter(|_| !may_make && is_missing(url)) {
        return Err(Failure::new(format!(
            "there is no register in {file}; `samregister migrate` creates one"
        )));
    }
    if settings.database_replica_urls.as_ref().is_some_and(|list| !are_readable(list.expose())) {
        return Err(Failure::new(
            "DATABASE_REPLICA_URLS has a URL that can't be read; name each replica as postgres://USER@HOST/DATABASE, with commas between",
        ));
    }
    let address = if may_make { url.to_owned() } else { url.replace("mode=rwc", "mode=rw") };
    let error = match Database::connect_as(session(settings), &address, None).await {
        Ok(db) => return Ok(db),
        Err(error) => error,
    };
    if let Error::Internal(cause) = &error
        && let Some(pooler) = cause.downcast_ref::<UnsupportedPooler>()
    {
        return Err(Failure::new(pooler.to_string()));
    }
    if let (None, Some(refusal)) = (file, postgres_refusal::refusal(&address).await) {
        return Err(Failure::new(refusal));
    }
    let cause = match &error {
        Error::Internal(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let cause = cause.strip_prefix("Connection Error: ").unwrap_or(&cause);
    Err(Failure::new(match file {
        Some(file) => {
            format!("cannot open {file}: {cause}; check that its folder exists and is writable")
        }
        None => format!(
            "cannot reach the PostgreSQL server of DATABASE_URL: {cause}; check that it runs, and its address"
        ),
    }))
}

/// Returns the sessions of this command on PostgreSQL: `samregister serve HOST:PORT` with the time
/// limits of the settings, or another command without a limit of its statements.
fn session(settings: &Settings) -> Session {
    let command = COMMAND.get().map_or("", String::as_str);
    if command != "serve" {
        return Session { name: format!("samregister {command}"), ..Session::default() };
    }
    let times = &settings.sessions;
    let session = Session::of_server(
        format!("samregister serve {}:{}", host_name(), settings.bind.port()),
        times.statement_time,
        times.lock_time,
        times.change_idle_time,
    );
    Session {
        listen_url: settings.database_listen_url.clone(),
        replica_urls: settings.database_replica_urls.clone(),
        ..session
    }
}

/// Returns the name of this machine.
#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the name of this machine, as its environment has it.
#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Returns the file of a SQLite URL.
pub(super) fn file_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    rest.strip_prefix("//").unwrap_or(rest).split('?').next()
}

/// `true` if the URL names a missing file.
pub(super) fn is_missing(url: &str) -> bool {
    file_of(url).is_some_and(|file| !file.contains('%') && !Path::new(file).exists())
}
