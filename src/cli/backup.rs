//! `samregister backup`: writes a checked copy of the register while it is in use.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::{Failure, Outcome, Result, connect, count, put, say, settings, verify};
use domain::{
    audit::TrailKey,
    backup::{self, Keep, Request, Written},
    clock::Clock,
    config::Settings,
};

/// Write a checked copy of the register while it is in use
///
/// The copy is of one moment, and holds every change that was answered before the command began.
/// Of a register on SQLite it is a database file; on PostgreSQL an archive that pg_dump writes,
/// which must be installed. The audit trail in it is verified, and on SQLite the file. A manifest
/// (FILE.manifest.json) gets its SHA-256, revision and time. Only the owner may read both. With
/// SAMREGISTER_BACKUP_RECIPIENTS it is encrypted to these public keys (age). An older file of the
/// name is replaced when the new one is complete. The key that signs the audit trail is not part of
/// it. The result is recorded for the server's metrics. Prints the path of the backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  One file, replaced each time:
    samregister backup /mnt/backup/samregister.db
  A new file in a folder each night; the last one of each of 7 days, 4 weeks and 12 months stays:
    samregister backup /mnt/backup --keep 7d,4w,12m
  Encrypted to the key of another machine:
    SAMREGISTER_BACKUP_RECIPIENTS=age1… samregister backup /mnt/backup

`samregister restore` restores a backup. See docs/operations/backup.md.")]
pub struct Options {
    /// File to write, or an existing folder, in which the file is named for the time; defaults to
    /// SAMREGISTER_BACKUP_DIR
    #[arg(value_name = "FILE")]
    target: Option<PathBuf>,
    /// Afterwards remove older backups of this register in the folder, but for the last one of each
    /// of so many days (d), weeks (w), months (m) and years (y)
    #[arg(long, value_name = "PERIODS")]
    keep: Option<Keep>,
    /// Don't check the content: for a register whose trail has errors
    #[arg(long)]
    unverified: bool,
}

/// Writes a backup, and records whether that succeeded.
///
/// # Errors
/// Fails if the register can't be read, its trail or file has errors, or the backup can't be
/// written. If older ones can't be removed, it fails after it has reported the new one.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let target = target(&settings, &options)?;
    let done = write(&settings, target, &options).await;
    let outcome = match &done {
        Ok(written) => written.outcome(),
        Err(failure) => backup::Outcome::Failed(failure.lines.join("; ")),
    };
    if let Err(error) = backup::record(&settings, Clock::system().now(), outcome) {
        say(&format!("the result can't be recorded for the metrics: {}", error.cause()));
    }
    let Written { file, manifest, removed } = done?;
    put(format!("{}\n", file.display()))?;
    let (revision, bytes) = (manifest.revision, manifest.bytes);
    let encrypted = if manifest.recipients.is_empty() { "" } else { ", encrypted" };
    let checked = if manifest.verified { "verified" } else { "not verified" };
    say(&format!("backed up to revision {revision}, {bytes} bytes, {checked}{encrypted}"));
    if !manifest.verified && options.keep.is_some() {
        say("no older backup was removed, because this one is not verified");
    }
    // The new backup is there, whatever became of older ones.
    let removed = removed?;
    if !removed.is_empty() {
        say(&format!("{} removed", count(removed.len(), "older backup")));
    }
    Ok(Outcome::Done)
}

/// Returns the file or folder to write to.
fn target(settings: &Settings, options: &Options) -> Result<PathBuf> {
    let target = options.target.clone().or_else(|| settings.backup.folder.clone());
    let target = target.ok_or_else(|| {
        Failure::usage("name a file or folder, or set SAMREGISTER_BACKUP_DIR to a folder")
    })?;
    // Backups of one name replace each other, and nothing could be removed.
    if options.keep.is_some() && !target.is_dir() {
        return Err(Failure::usage(format!(
            "--keep needs a folder, and {} is none",
            target.display()
        )));
    }
    Ok(target)
}

async fn write(settings: &Settings, target: PathBuf, options: &Options) -> Result<Written> {
    let mut db = connect(settings, false).await?;
    if let Some(key) = TrailKey::of_settings(settings)? {
        db = db.with_trail_key(Arc::new(key));
    }
    let request = Request {
        target,
        keep: options.keep,
        is_unverified: options.unverified,
        trusted: verify::trusted(settings)?,
    };
    let written = backup::back_up(&db, settings, Clock::system(), &request).await;
    db.close().await?;
    Ok(written?)
}
