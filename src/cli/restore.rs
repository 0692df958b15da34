//! `samregister restore`: restores a backup to an empty database, and verifies it.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Outcome, Result, config::Format, connect, say, settings, up_to_date, verify};
use domain::{
    audit::Checkpoint,
    backup::{self, Manifest, RestoreRequest},
    config::Settings,
    database::Database,
};

/// Restore a backup to an empty database, and verify it
///
/// Restores to DATABASE_URL: a file of SQLite that does not exist, or an empty database of
/// PostgreSQL; a register that is there is never changed. The backup must be of the same kind of
/// database, and match its manifest (FILE.manifest.json). Then everything that `samregister verify`
/// checks is checked, and the trail is compared with its end at the time of the backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  DATABASE_URL=sqlite:///var/lib/samregister/new.db?mode=rwc samregister restore /mnt/backup/samregister.db
  An encrypted one, to PostgreSQL:
    createdb --owner samregister restored
    DATABASE_URL=postgres://samregister@localhost/restored samregister restore backup.dump.age --identity key.txt

Exit codes: 0 restored without a violation; 3 restored, with violations, one per line.")]
pub struct Options {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File with the private key of an encrypted backup, as age-keygen writes it
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Restore a backup that has no manifest, so that nothing shows that it is complete
    #[arg(long)]
    without_manifest: bool,
}

/// Restores a backup, and verifies the register.
///
/// # Errors
/// Fails if the database is not empty, or the backup is damaged, encrypted to another key, or of
/// another kind of database: nothing is changed then. Fails if the register is restored and can't
/// be verified by this version.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let request = RestoreRequest {
        file: options.file,
        identities: options.identity,
        is_unchecked: options.without_manifest,
    };
    let manifest = backup::restore(&settings, &request).await?;
    match &manifest {
        Some(Manifest { revision, at, .. }) => {
            say(&format!("restored to revision {revision}, of {}", at.format("%Y-%m-%d %H:%M UTC")))
        }
        None => say("restored, without a manifest"),
    }
    let db = opened(&settings).await?;
    let checkpoint = manifest.and_then(|manifest| manifest.checkpoint).map(|line| line.parse());
    let checkpoint: Option<Checkpoint> = checkpoint.transpose().map_err(|reason| {
        Failure::new(format!("the register is restored; the checkpoint in the manifest {reason}"))
    })?;
    // Without the key that signs the trail, a backup has no signature either.
    let checkpoint = checkpoint.filter(|checkpoint| checkpoint.signature.is_some());
    let outcome =
        verify::check(&settings, db, checkpoint.map(|one| vec![one]), None, Format::Text).await?;
    if outcome == Outcome::Found {
        say("the register is restored, with the violations above");
    }
    Ok(outcome)
}

/// Opens the restored register.
async fn opened(settings: &Settings) -> Result<Database> {
    let db = connect(settings, false).await?;
    up_to_date(settings, db).await.map_err(|failure| {
        let reason = failure.lines.join("; ");
        Failure::new(format!(
            "the register is restored, but not verified: {reason}, then `samregister verify`"
        ))
    })
}
