//! Collects what `samregister doctor` judges: files, limits, keys and services.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use crate::cli::{Failure, Result, connect::file_of, trail_key};
use domain::{
    audit::{self, TrailKey, timestamp},
    auth::{key_set, token::Keys},
    config::{KeySource, Settings, SettingsReport, Source, VerificationKey},
    database::Database,
    doctor::{self, Check, Disk, FileKind, KeyAge, PrivateFile, TrailKeyFacts, TrailKeyState},
};

/// Time limit for the program that reports whether the clock is synchronized.
const TIMEDATECTL_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval between looks at whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Returns `true` if systemd reports that the clock is synchronized; `None` if it reports nothing.
pub(super) async fn time_sync() -> Option<bool> {
    let answer = tokio::task::spawn_blocking(|| {
        let mut child = Command::new("timedatectl")
            .args(["show", "--property=NTPSynchronized", "--value"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let began = Instant::now();
        while child.try_wait().ok()?.is_none() {
            if began.elapsed() > TIMEDATECTL_TIMEOUT {
                child.kill().ok();
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        child.wait_with_output().ok()
    });
    let answer = answer.await.ok()??;
    match String::from_utf8_lossy(&answer.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Returns the disk of a register on SQLite; `None` on PostgreSQL.
pub(super) fn disk(db: &Database, register: u64) -> Option<Disk> {
    let folder = db.path()?.parent().map(Path::to_owned).unwrap_or_default();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(&folder).ok()?;
        Some(Disk { folder, free: found.f_bavail.saturating_mul(found.f_frsize), register })
    }
    #[cfg(not(unix))]
    {
        let _ = (folder, register);
        None
    }
}

/// Returns the private files that exist, with their modes.
pub(super) fn private_files(
    report: &SettingsReport,
    settings: &Settings,
    exports: &[PathBuf],
) -> Vec<PrivateFile> {
    let mut found = Vec::new();
    let credentials = credentials_folder();
    let mut add = |path: PathBuf, kind| {
        if credentials.as_ref().is_some_and(|folder| path.starts_with(folder)) {
            return;
        }
        if let Some(mode) = mode(&path) {
            found.push(PrivateFile { path, kind, mode });
        }
    };
    if let Some(database) = file_of(settings.database_url.expose()) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            add(PathBuf::from(format!("{database}{suffix}")), FileKind::Register);
        }
    }
    let key = settings.trail_key_file();
    for path in settings.private_files().into_iter().chain(replaced_keys(&key)) {
        add(path, FileKind::Secret);
    }
    if let Some(file) = &report.file {
        let has_secret = report
            .set
            .iter()
            .any(|set| set.value.is_none() && matches!(set.source, Source::File(..)));
        add(file.clone(), FileKind::Settings(has_secret));
    }
    let mut folders = exports.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok)
        {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => add(entry.path(), FileKind::Export),
                _ => {}
            }
        }
    }
    found
}

/// Returns the errors of folders that can't be read.
pub(super) fn unreadable(folders: &[PathBuf]) -> Vec<String> {
    let error = |folder: &PathBuf| {
        let cause = fs::read_dir(folder).err()?;
        Some(format!("cannot read the folder {}: {cause}", folder.display()))
    };
    folders.iter().filter_map(error).collect()
}

/// Returns the folder of credentials that systemd gives to this unit alone. It lets the account of
/// the unit read them by an access control list, which their mode shows as a right of the group.
fn credentials_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}

/// Returns the files of keys that this one replaced, or that replace it.
fn replaced_keys(key: &Path) -> Vec<PathBuf> {
    let name = key.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = key.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten();
    let is_replaced = |other: &OsString| {
        let other = other.to_string_lossy();
        let suffix = other.strip_prefix(&name);
        suffix.is_some_and(|suffix| suffix == ".next" || suffix.starts_with(".former-"))
    };
    let found = entries.filter_map(std::result::Result::ok);
    found.filter(|entry| is_replaced(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// Returns the mode of a file, as for `chmod`; `None` if it does not exist.
fn mode(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    #[cfg(unix)]
    {
        Some(std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        None
    }
}

/// Judges the keys of tokens.
pub(super) fn token_keys(
    report: &SettingsReport,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Check {
    let kind = match settings.verification_key() {
        Ok(VerificationKey::Secrets([_])) => "a secret verifies tokens (HS256)",
        Ok(VerificationKey::Secrets(_)) => "several secrets verify tokens (HS256): a rotation",
        Ok(VerificationKey::PublicKey(_)) => "a public key verifies tokens",
        Ok(VerificationKey::KeySet(_)) => "the key set in a file verifies tokens",
        Ok(VerificationKey::Issuer(..)) => "the key set of an issuer verifies tokens",
        Err(_) => "",
    };
    let found = Keys::from_settings(settings).map(|_| kind);
    let found = found.map_err(|error| Failure::from(error).lines.join("; "));
    let secrets = settings.jwt_secrets.iter().map(|secret| ("SAMREGISTER_JWT_SECRET", secret));
    let link = settings.link_secret.iter().map(|secret| ("SAMREGISTER_LINK_SECRET", secret));
    let metrics = settings.metrics.token.iter().map(|token| ("SAMREGISTER_METRICS_TOKEN", token));
    let secrets: Vec<_> = secrets.chain(link).chain(metrics).collect();
    let is_key = |name: &str| {
        name == "SAMREGISTER_JWT_SIGNING_KEY"
            || (name.ends_with("_FILE") && name != "DATABASE_URL_FILE")
    };
    let ages = report.set.iter().filter(|set| is_key(&set.name)).filter_map(|set| {
        let changed = fs::metadata(set.value.as_deref()?).ok()?.modified().ok()?;
        Some(KeyAge { setting: set.name.clone(), changed_at: changed.into() })
    });
    doctor::token_keys(found, &secrets, &ages.collect::<Vec<_>>(), now)
}

/// Asks the issuer of tokens for its keys. `None` if the settings name none.
pub(super) async fn issuer(settings: &Settings) -> Option<std::result::Result<usize, String>> {
    let Some(KeySource::Issuer(url)) = &settings.jwt_key_set else { return None };
    Some(key_set::issuer_keys(url).await)
}

/// Asks the timestamp service for a timestamp. `None` if the settings name none.
pub(super) async fn timestamp_service(
    settings: &Settings,
) -> Option<std::result::Result<(), String>> {
    let url = settings.trail.timestamp_url.as_ref()?;
    Some(timestamp::probe(url).await)
}

/// Returns the facts about the key that signs the trail.
pub(super) async fn trail_key(db: &Database, settings: &Settings) -> Result<TrailKeyFacts> {
    let state = match TrailKey::of_settings(settings) {
        Ok(Some(key)) => TrailKeyState::Present(key.id().to_owned()),
        Ok(None) => TrailKeyState::Missing(settings.trail.public_keys.is_some()),
        Err(error) => TrailKeyState::Unreadable(error.to_string()),
    };
    let used_since = match &state {
        TrailKeyState::Present(id) => audit::used_since(db, id).await?,
        _ => None,
    };
    Ok(TrailKeyFacts {
        file: settings.trail_key_file(),
        state,
        last_signer: audit::last_key(db).await?,
        used_since,
        unfinished: trail_key::unfinished(settings),
    })
}
