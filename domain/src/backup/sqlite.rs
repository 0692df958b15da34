//! Backups of a register on SQLite: a database file, written and checked while others write to the
//! register.

use std::{
    fs::{self, File},
    io::{self, BufRead},
    path::{Path, PathBuf},
};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use super::{
    encryption::{self, Sink},
    examination::{Examination, Found},
    refusal::{failed, refuse},
    staging::{self, Staging, Summary, Summing},
};
use crate::{
    database::Database,
    error::{Error, Result},
    files::{folder_of, sync_folder_of},
    integrity,
};

/// First bytes of a database file.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Name of the copy in the folder where it is written.
const COPY: &str = "register.db";

/// Suffixes of files whose content SQLite would apply to a database file of the same name.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// Writes a copy of the register to `target`, encrypted to these keys, and returns what it holds.
///
/// The copy is checked before it is encrypted. Until then it is next to the register, because the
/// folder of encrypted backups may be on a medium that others can read.
pub(super) async fn write(
    db: &Database,
    staging: &Staging,
    recipients: &[String],
    examination: &Examination<'_>,
    target: PathBuf,
) -> Result<(Found, Summary)> {
    let plain = match db.path().map(|register| folder_of(&register)) {
        Some(folder) if !recipients.is_empty() && !staging.is_in(&folder) => {
            Some(Staging::begin(&folder)?)
        }
        _ => None,
    };
    let copy = plain.as_ref().unwrap_or(staging).file(COPY);
    drop(staging::create(&copy).map_err(|cause| unwritable(&cause))?);
    db.copy_to(&copy).await?;
    let found = examine(&copy, examination).await?;
    let recipients = recipients.to_vec();
    let finishing = tokio::task::spawn_blocking(move || finish(&copy, &recipients, &target));
    let summary = finishing.await.map_err(Error::internal)?.map_err(|cause| unwritable(&cause))?;
    drop(plain);
    Ok((found, summary))
}

fn unwritable(cause: &io::Error) -> Error {
    failed(format!("the backup can't be written: {cause}"))
}

/// Checks a copy. It is opened like a register, which leaves its content unchanged.
async fn examine(copy: &Path, examination: &Examination<'_>) -> Result<Found> {
    let db = Database::connect(&url_of(copy)?, None).await?;
    let found = async {
        let tx = db.snapshot().await?;
        if examination.is_wanted && examination.is_current {
            refuse(integrity::file_violations(&tx).await?)?;
        }
        let found = examination.run(&db, &tx).await?;
        tx.rollback().await?;
        Ok(found)
    };
    let found = found.await;
    db.close().await?;
    found
}

/// Encrypts the copy into the file `target`, or moves it there, and flushes it to the disk.
fn finish(copy: &Path, recipients: &[String], target: &Path) -> io::Result<Summary> {
    if recipients.is_empty() {
        File::open(copy)?.sync_all()?;
        let summary = staging::summary(copy)?;
        fs::rename(copy, target)?;
        return Ok(summary);
    }
    let output = Summing::new(staging::create(target)?);
    let mut sink = Sink::new(recipients, output)?;
    staging::copy(&mut File::open(copy)?, &mut sink)?;
    let (file, summary) = sink.finish()?.finish();
    file.sync_all()?;
    Ok(summary)
}

/// Returns the URL of a database file, for reading and writing.
fn url_of(file: &Path) -> Result<String> {
    let absolute = std::path::absolute(file).map_err(Error::internal)?;
    let name = absolute.to_str().ok_or_else(|| failed("the path of the backup is not UTF-8"))?;
    Ok(format!("sqlite://{}?mode=rw", name.replace('%', "%25").replace('?', "%3F")))
}

/// Returns the file of the register to restore to, which must not exist.
///
/// # Errors
/// INTERNAL if it exists and is not empty, or has a log.
pub(super) fn empty_target(url: &str) -> Result<PathBuf> {
    let options: SqliteConnectOptions = url.parse().map_err(Error::internal)?;
    let file = options.get_filename().to_owned();
    let name = file.display();
    if file.metadata().is_ok_and(|found| found.len() > 0) {
        return Err(failed(format!(
            "{name} is not empty; nothing was changed. A backup is restored to a new register: name another file in DATABASE_URL, or move {name} and the files whose names begin with it to another folder"
        )));
    }
    for suffix in LOGS {
        let mut log = file.clone().into_os_string();
        log.push(suffix);
        if Path::new(&log).exists() {
            return Err(failed(format!(
                "there is no register in {name}, but its log {}, which may hold changes; move it to another folder first",
                log.display()
            )));
        }
    }
    Ok(file)
}

/// Decrypts a backup, and moves it to the file `target`.
pub(super) async fn restore(backup: &Path, identities: Option<&Path>, target: &Path) -> Result<()> {
    let staging = Staging::begin(&folder_of(target))?;
    let copy = staging.file(COPY);
    let mut content = encryption::open(backup, identities)?;
    let (path, name) = (copy.clone(), backup.to_owned());
    let writing = tokio::task::spawn_blocking(move || {
        let is_database = content.fill_buf().is_ok_and(|bytes| bytes.starts_with(MAGIC));
        let mut file = staging::create(&path)?;
        staging::copy(&mut content, &mut file)?;
        file.sync_all()?;
        Ok::<_, io::Error>(is_database)
    });
    let written = writing.await.map_err(Error::internal)?;
    match written {
        Ok(true) => {}
        Ok(false) => return Err(failed(format!("{} is no file of SQLite", name.display()))),
        Err(cause) => return Err(failed(format!("{} can't be restored: {cause}", name.display()))),
    }
    let place = || {
        if target.metadata().is_ok_and(|found| found.len() == 0) {
            fs::remove_file(target)?;
        }
        // Another program may have made a register there meanwhile.
        tempfile::TempPath::try_from_path(&copy)?
            .persist_noclobber(target)
            .map_err(|error| error.error)?;
        sync_folder_of(target)
    };
    place().map_err(|cause| failed(format!("cannot create {}: {cause}", target.display())))
}
