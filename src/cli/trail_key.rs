//! `samregister trail-key`: the key that signs the audit trail.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{Failure, Outcome, Result, connect, context, open, put, say, settings};
use domain::{
    audit::{self, TrailKey},
    auth::viewer::Viewer,
    config::{LogFormat, Settings},
    database::Database,
    files::sync_folder_of,
    integrity,
};

/// Show, create or replace the key that signs the audit trail
///
/// Each commit of the trail is signed with a key (Ed25519) that is not part of the database. `show`
/// prints the public keys, with which an auditor verifies; `replace` rotates the key: the old one
/// signs an entry that appoints the new one. Stop the server first, since it reads the key only at
/// its start.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Public keys for the auditor:
    samregister trail-key show > auditor-keys.pem
  Rotation, each year:
    samregister trail-key replace")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the public keys in PEM, the current one first
    Show,
    /// Create a key if there is none; `migrate` and `serve` do the same at their first start
    New,
    /// Replace the key by a new one
    Replace,
}

/// Shows, creates or replaces the key.
///
/// # Errors
/// Fails if there is no key, or there is one and `new` would create it; if a file can't be written
/// or the database can't be opened.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    match options.command {
        Command::Show => put(current(&settings)?.trusted_pem().map_err(unwritable)?)?,
        Command::New => {
            let (file, key) = (settings.trail_key_file(), TrailKey::generate());
            let text = key.to_pem().map_err(unwritable)?;
            audit::write_private(&file, &text).map_err(|cause| match cause.kind() {
                ErrorKind::AlreadyExists => Failure::new(format!(
                    "{} already has a key; `samregister trail-key replace` replaces it",
                    file.display()
                )),
                _ => unwritten(&file, &cause),
            })?;
            report_new_key(&settings, &file, key.id());
        }
        Command::Replace => replace(&settings).await?,
    }
    Ok(Outcome::Done)
}

fn unwritable(cause: std::io::Error) -> Failure {
    Failure::new(format!("cannot write the key: {cause}"))
}

fn current(settings: &Settings) -> Result<TrailKey> {
    let file = settings.trail_key_file();
    let missing = || {
        Failure::new(format!(
            "there is no key in {}; name its file in SAMREGISTER_TRAIL_KEY, or create one with `samregister trail-key new`",
            file.display()
        ))
    };
    TrailKey::of_settings(settings)?.ok_or_else(missing)
}

/// Files of a replacement.
struct Files {
    /// The current key.
    key: PathBuf,
    /// The new key, until it is the current one.
    next: PathBuf,
}

impl Files {
    fn of(settings: &Settings) -> Self {
        let key = settings.trail_key_file();
        let next = PathBuf::from(format!("{}.next", key.display()));
        Self { key, next }
    }

    /// Returns the file that the replaced key is saved to.
    fn former(&self, id: &str) -> PathBuf {
        PathBuf::from(format!("{}.former-{id}", self.key.display()))
    }
}

/// Connects to the database to migrate it and write to it. Creates the key that signs the audit
/// trail if there is none and nothing was signed yet.
pub(super) async fn make(settings: &Settings) -> Result<Database> {
    let db = connect(settings, true).await?;
    let key = match TrailKey::of_settings(settings)? {
        Some(key) => key,
        None => new_key(settings, &db).await?,
    };
    Ok(db.with_trail_key(Arc::new(key)).with_row_recorder(integrity::record_rows))
}

/// Creates the key that signs the audit trail.
async fn new_key(settings: &Settings, db: &Database) -> Result<TrailKey> {
    let file = settings.trail_key_file();
    let position = file.display();
    if let Some(next) = unfinished(settings) {
        let reason = format!(
            "there is no key in {position}, but {} of an interrupted replacement",
            next.display()
        );
        return Err(Failure::new(format!("{reason}; `samregister trail-key replace` finishes it")));
    }
    if let Some(name) = audit::last_key(db).await? {
        return Err(Failure::new(format!(
            "the audit trail was signed with the key {name}, but there is none in {position}; copy its file there, or name it in SAMREGISTER_TRAIL_KEY"
        )));
    }
    let key = TrailKey::generate();
    let written = key.to_pem().and_then(|text| audit::write_private(&file, &text));
    match written {
        Ok(()) => {
            report_new_key(settings, &file, key.id());
            Ok(key)
        }
        // Another program created it at the same time.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            Ok(TrailKey::read("SAMREGISTER_TRAIL_KEY", &file)?)
        }
        Err(cause) => Err(Failure::new(format!(
            "cannot write the key that signs the audit trail to {position}: {cause}; name another file in SAMREGISTER_TRAIL_KEY"
        ))),
    }
}

/// Reports that a key was created, its file, and that it needs a separate backup.
fn report_new_key(settings: &Settings, file: &Path, id: &str) {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let message = format!(
        "made the key {id} that signs the audit trail: {}. Back it up now, apart from the database: without it no change can be made, and \
         with both of them the trail can be forged",
        file.display()
    );
    match settings.log_format {
        LogFormat::Text => say(&message),
        LogFormat::Json => tracing::warn!("{message}"),
    }
}

/// Returns the file of a new key that an interrupted replacement left, if there is one.
pub(super) fn unfinished(settings: &Settings) -> Option<PathBuf> {
    Some(Files::of(settings).next).filter(|next| next.exists())
}

async fn replace(settings: &Settings) -> Result<()> {
    let files = Files::of(settings);
    if files.next.exists() {
        return resume(settings, &files).await;
    }
    let (old, new) = (current(settings)?, TrailKey::generate());
    let text =
        format!("{}{}", new.to_pem().map_err(unwritable)?, old.trusted_pem().map_err(unwritable)?);
    // A read-only database leaves no file behind.
    let db = open(settings).await?;
    // The new key is on disk before the audit trail appoints it.
    audit::write_private(&files.next, &text).map_err(|cause| unwritten(&files.next, &cause))?;
    appoint(db, &files, old, &new).await
}

/// Finishes an interrupted replacement. The new key is never removed: if the audit trail appointed
/// it, it is the only one that can sign.
async fn resume(settings: &Settings, files: &Files) -> Result<()> {
    let new = TrailKey::read("SAMREGISTER_TRAIL_KEY", &files.next).map_err(|error| {
        Failure::new(format!("{error}; an earlier replacement wrote it, and the audit trail may have appointed it. Restore it from a copy"))
    })?;
    let db = connect(settings, false).await?;
    let is_appointed = audit::is_appointed(&db, &new).await;
    db.close().await.ok();
    if is_appointed? {
        return finish(files, new.id());
    }
    let old = current(settings)?;
    if !new.trusted().contains(old.id()) {
        let (next, key) = (files.next.display(), files.key.display());
        return Err(Failure::new(format!(
            "{next} is not the replacement of the key in {key}; move it away"
        )));
    }
    appoint(open(settings).await?, files, old, &new).await
}

async fn appoint(db: Database, files: &Files, old: TrailKey, new: &TrailKey) -> Result<()> {
    let db = db.with_trail_key(Arc::new(old));
    let replaced = audit::replace_key(context(&db, &Viewer::operator("trail-key")), new).await;
    if let Err(error) = db.close().await {
        tracing::warn!(?error, "the database was not closed");
    }
    if let Err(error) = replaced {
        // The entry may be committed although the response to COMMIT was lost.
        say(&format!(
            "{} is retained; run `samregister trail-key replace` again to finish",
            files.next.display()
        ));
        return Err(error.into());
    }
    finish(files, new.id())
}

/// Replaces the old key by the new one, which the audit trail has appointed. There is a key at the
/// path at any time.
fn finish(files: &Files, new: &str) -> Result<()> {
    let mut saved = None;
    if files.key.exists() {
        let old = TrailKey::read("SAMREGISTER_TRAIL_KEY", &files.key)?;
        let former = files.former(old.id());
        let text = fs::read_to_string(&files.key).map_err(|cause| unwritten(&former, &cause))?;
        match audit::write_private(&former, &text) {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
                return Err(unwritten(&former, &cause));
            }
            _ => saved = Some(former),
        }
    }
    let renamed = fs::rename(&files.next, &files.key).and_then(|()| sync_folder_of(&files.key));
    renamed.map_err(|cause| unwritten(&files.key, &cause))?;
    let saved = saved
        .map(|former| format!("; delete {} when a copy of the new key is saved", former.display()));
    say(&format!(
        "the key {new} signs the audit trail from now on; restart every server, since one that still has the old key refuses changes{}",
        saved.unwrap_or_default()
    ));
    Ok(())
}

fn unwritten(file: &Path, cause: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {cause}", file.display()))
}
