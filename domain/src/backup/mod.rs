//! Backups of the whole register while it is in use, and their restoration to an empty database.
//!
//! A backup is a file that the database's own tools read, and a manifest next to it. On SQLite it
//! is a database file, on PostgreSQL an archive of `pg_dump`; either may be encrypted by `age`.

mod encryption;
mod examination;
mod manifest;
mod postgres;
mod refusal;
mod rotation;
mod sqlite;
mod staging;
mod state;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use self::{
    examination::Examination,
    refusal::failed,
    staging::{Staging, Summary},
};
pub use self::{
    manifest::{DatabaseKind, Manifest},
    rotation::{Keep, expired},
    state::{Failure, Last, Outcome, Success, last, last_in, record},
};
use crate::{
    audit::TrustedKeys,
    clock::Clock,
    config::Settings,
    database::Database,
    error::{Error, Result},
    files::{folder_of, sync_folder},
    output::{self, OwnFiles},
};

/// Options of a backup.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The file to write, or a folder in which the file is named for the time.
    pub target: PathBuf,
    /// Backups in the folder that stay; null: nothing is removed.
    pub keep: Option<Keep>,
    /// `true` if the content is not checked.
    pub is_unverified: bool,
    /// Keys whose signatures of the trail are accepted; null: signatures are not checked.
    pub trusted: Option<TrustedKeys>,
}

/// A backup that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its file.
    pub file: PathBuf,
    /// Its description.
    pub manifest: Manifest,
    /// Older backups that were removed, or the error that ended their removal.
    pub removed: Result<Vec<PathBuf>>,
}

impl Written {
    /// Returns the result to record.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let Manifest { at, revision, bytes, verified, .. } = self.manifest;
        let file = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let success = Success { at, finished_at: None, revision, bytes, file };
        if verified { Outcome::Verified(success) } else { Outcome::Unverified(success) }
    }
}

/// Writes a backup of the register while others write to it. It holds every change that was
/// answered before the backup began. An existing file of the name is replaced when the new one is
/// complete.
///
/// # Errors
/// CONFLICT `FILE` if the target is a file of the register itself, or `PROGRAM_TOO_OLD` if a newer
/// program migrated the register. INTERNAL if the register can't be read, its content has errors,
/// or the backup can't be written. Nothing is replaced then.
pub async fn back_up(
    db: &Database,
    settings: &Settings,
    clock: Clock,
    request: &Request,
) -> Result<Written> {
    let (at, kind) = (clock.now(), DatabaseKind::of(db.backend()));
    let recipients = &settings.backup.recipients;
    let target = file_of(&request.target, at, kind, !recipients.is_empty())?;
    let own = OwnFiles::new(db, settings);
    own.refuse(&target)?;
    own.refuse(&Manifest::path_of(&target))?;
    let folder = folder_of(&target);
    let staging = Staging::begin(&folder)?;
    let is_current = examination::is_current(db).await?;
    let examination = Examination {
        is_wanted: !request.is_unverified,
        is_current,
        trusted: request.trusted.as_ref(),
        clock,
        register: db,
    };
    let staged = staging.file("backup");
    let (found, summary) = match kind {
        DatabaseKind::Sqlite => {
            sqlite::write(db, &staging, recipients, &examination, staged.clone()).await?
        }
        DatabaseKind::Postgresql => {
            postgres::write(db, recipients, &examination, staged.clone()).await?
        }
    };
    let Summary { bytes, sha256 } = summary;
    let manifest = Manifest {
        format: Manifest::format(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        oldest_program: found.oldest_program,
        at,
        database: kind,
        schema: found.schema,
        register: found.register,
        revision: found.revision,
        checkpoint: found.checkpoint,
        file: target.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes,
        sha256,
        recipients: recipients.clone(),
        verified: examination.is_wanted && is_current,
        replaced: None,
    };
    let replaced = existing_manifest(&target).await?;
    publish(&staged, &target, &Manifest { replaced, ..manifest.clone() }, &own)?;
    // The backups of a register without a trail can't be recognized. One that was not verified does
    // not take the place of others.
    let is_counted = manifest.verified && !manifest.register.is_empty();
    let removed = match request.keep.filter(|_| is_counted) {
        Some(keep) => rotation::rotate(&folder, keep, &manifest),
        None => Ok(Vec::new()),
    };
    Ok(Written { file: target, manifest, removed })
}

/// Returns the file to write; a file of this time if the target is a folder. The target of a link
/// is replaced, not the link.
fn file_of(
    target: &Path,
    at: DateTime<Utc>,
    kind: DatabaseKind,
    is_encrypted: bool,
) -> Result<PathBuf> {
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    match fs::metadata(&target) {
        Ok(found) if found.is_dir() => {
            let suffix = match kind {
                DatabaseKind::Sqlite => "db",
                DatabaseKind::Postgresql => "dump",
            };
            let encrypted = if is_encrypted { ".age" } else { "" };
            let time = at.format("%Y%m%dT%H%M%SZ");
            Ok(target.join(format!("samregister-{time}.{suffix}{encrypted}")))
        }
        Ok(found) if !found.is_file() => {
            Err(failed(format!("cannot write {}: it is not a regular file", target.display())))
        }
        _ => Ok(target),
    }
}

/// Returns the manifest of the file that a backup replaces; `None` if there is no file, or no
/// manifest that matches it. After an interrupted replacement that is not the newest manifest, but
/// the one in it.
async fn existing_manifest(target: &Path) -> Result<Option<Box<Manifest>>> {
    if !target.exists() {
        return Ok(None);
    }
    let Some(old) = Manifest::read(target).ok().flatten() else { return Ok(None) };
    let file = target.to_owned();
    let summing = tokio::task::spawn_blocking(move || staging::summary(&file));
    let Ok(Summary { bytes, sha256 }) = summing.await.map_err(Error::internal)? else {
        return Ok(None);
    };
    let matching = old.matching(bytes, &sha256);
    Ok(matching.map(|old| Box::new(Manifest { replaced: None, ..old })))
}

/// Gives a complete backup its name. If the program ends between the two renames, the manifest has
/// the description of the old file as well.
fn publish(staged: &Path, target: &Path, manifest: &Manifest, own: &OwnFiles) -> Result<()> {
    let unwritable =
        |cause: io::Error| failed(format!("cannot write {}: {cause}", target.display()));
    let text = manifest.to_json().map_err(unwritable)?;
    output::write(&Manifest::path_of(target), text.as_bytes(), own)?;
    fs::rename(staged, target).map_err(unwritable)?;
    sync_folder(&folder_of(target)).map_err(unwritable)
}

/// Options of a restoration.
#[derive(Clone, Debug, Default)]
pub struct RestoreRequest {
    /// The backup.
    pub file: PathBuf,
    /// File with private keys (age), for an encrypted backup.
    pub identities: Option<PathBuf>,
    /// `true` if the backup needs no manifest, so that nothing shows that it is complete.
    pub is_unchecked: bool,
}

/// Restores a backup to the empty database of the settings, and returns its manifest if it has one.
/// The restored register should then be checked by [`crate::integrity::verify`].
///
/// # Errors
/// INTERNAL if the target is not empty, the backup does not match its manifest, has none, is of
/// another kind of database or needs another key; nothing is changed then. CONFLICT
/// `PROGRAM_TOO_OLD` if it needs a newer program.
pub async fn restore(settings: &Settings, request: &RestoreRequest) -> Result<Option<Manifest>> {
    let url = settings.database_url.expose();
    let kind =
        if url.starts_with("sqlite:") { DatabaseKind::Sqlite } else { DatabaseKind::Postgresql };
    let backup = request.file.as_path();
    let manifest = checked_manifest(request).await?;
    if let Some(manifest) = &manifest {
        Database::require_program(manifest.oldest_program.as_deref())?;
        if manifest.database != kind {
            return Err(failed(format!(
                "{} is a backup of a register on {}, and DATABASE_URL names one on {kind}",
                backup.display(),
                manifest.database
            )));
        }
    }
    let identities = request.identities.as_deref();
    match kind {
        DatabaseKind::Sqlite => {
            let target = sqlite::empty_target(url)?;
            sqlite::restore(backup, identities, &target).await?;
        }
        DatabaseKind::Postgresql => {
            let server = postgres::empty_target(url).await?;
            postgres::restore(backup, identities, &server).await?;
        }
    }
    Ok(manifest)
}

/// Returns the manifest of the backup, whose size and hash match it.
async fn checked_manifest(request: &RestoreRequest) -> Result<Option<Manifest>> {
    let name = request.file.display();
    let unreadable = |what: &str, cause: io::Error| failed(format!("cannot read {what}: {cause}"));
    if request.is_unchecked {
        return Ok(None);
    }
    let path = Manifest::path_of(&request.file).display().to_string();
    let Some(manifest) = Manifest::read(&request.file).map_err(|cause| unreadable(&path, cause))?
    else {
        return Err(failed(format!(
            "there is no manifest {path}, which would show that the backup is complete; copy it there, or restore without it by --without-manifest"
        )));
    };
    let file = request.file.clone();
    let summing = tokio::task::spawn_blocking(move || staging::summary(&file));
    let Summary { bytes, sha256 } = summing
        .await
        .map_err(Error::internal)?
        .map_err(|cause| unreadable(&name.to_string(), cause))?;
    let expected = format!("{} bytes with the SHA-256 {}", manifest.bytes, manifest.sha256);
    manifest.matching(bytes, &sha256).map(Some).ok_or_else(|| {
        failed(format!(
            "{name} is damaged or incomplete: it has {bytes} bytes with the SHA-256 {sha256}, and its manifest says {expected}; nothing was changed. Use another copy of the backup"
        ))
    })
}
