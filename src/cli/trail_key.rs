//! `samregister trail-key`: the key that signs the audit trail.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{Failure, Outcome, Result, open, put, say, settings};
use crate::{
    audit::{self, TrailKey},
    auth::viewer::Viewer,
    config::Settings,
};

/// Show, make or replace the key that signs the audit trail
///
/// Each commit of the trail is signed with a key (Ed25519) that is no part of the database. `show` prints the public keys, with which an auditor
/// verifies; `replace` rotates the key: the old one signs an entry that appoints the new one. Stop the server first, which reads the key at its
/// start.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Public keys for the auditor:
    samregister trail-key show > auditor-keys.pem
  Rotation, once a year:
    samregister trail-key replace")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the public keys in PEM, the one that signs now first
    Show,
    /// Make a key where there is none; `migrate` and `serve` do the same at their first start
    New,
    /// Replace the key by a new one
    Replace,
}

/// Shows, makes or replaces the key.
///
/// # Errors
/// Fails if there is no key, or one where none may be; if a file can't be written or the register can't be opened.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    match options.command {
        Command::Show => put(current(&settings)?.trusted_pem().map_err(unwritable)?)?,
        Command::New => {
            let (file, key) = (settings.trail_key_file(), TrailKey::generate());
            let text = key.to_pem().map_err(unwritable)?;
            audit::write_private(&file, &text).map_err(|cause| Failure::new(format!("cannot write {}: {cause}", file.display())))?;
            say(&format!("made the key {} in {}", key.id(), file.display()));
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
    let missing = || Failure::new(format!("there is no key in {}; name its file in SAMREGISTER_TRAIL_KEY", file.display()));
    TrailKey::of_settings(settings)?.ok_or_else(missing)
}

async fn replace(settings: &Settings) -> Result<()> {
    let (file, old, new) = (settings.trail_key_file(), current(settings)?, TrailKey::generate());
    let with = |ending: &str| PathBuf::from(format!("{}.{ending}", file.display()));
    let (next, former) = (with("next"), with(&format!("former-{}", old.id())));
    let text = format!("{}{}", new.to_pem().map_err(unwritable)?, old.trusted_pem().map_err(unwritable)?);
    let unwritten = |file: &Path, cause: std::io::Error| Failure::new(format!("cannot write {}: {cause}", file.display()));
    // The new key is on disk before the trail says that it signs.
    audit::write_private(&next, &text).map_err(|cause| unwritten(&next, cause))?;
    let db = open(settings).await?.with_trail_key(Arc::new(old));
    let replaced = audit::replace_key(&db, &Viewer::operator("trail-key"), &new).await;
    db.close().await?;
    if let Err(error) = replaced {
        fs::remove_file(&next).ok();
        return Err(error.into());
    }
    fs::rename(&file, &former).map_err(|cause| unwritten(&former, cause))?;
    fs::rename(&next, &file).map_err(|cause| unwritten(&file, cause))?;
    say(&format!(
        "the key {} signs the audit trail from now on; delete {} when a copy of the new key is saved",
        new.id(),
        former.display()
    ));
    Ok(())
}
