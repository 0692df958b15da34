//! A private copy of a register on SQLite, for work that must not block other changes and whose
//! writes are dropped.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use tempfile::TempDir;

use super::Database;
use crate::{
    error::{Error, Result},
    files::folder_of,
};

/// Prefix of the names of the folders of copies.
const PREFIX: &str = ".samregister-dry-run-";

/// An opened copy of a register. Its folder is removed with it.
#[derive(Debug)]
pub(crate) struct PrivateCopy {
    db: Database,
    folder: TempDir,
    /// Holds the lock on the folder, by which other programs see that it is in use.
    lock: Option<File>,
}

impl Database {
    /// Copies a register on SQLite as it is now, and opens the copy with the same trail key.
    /// Changes continue meanwhile. Returns `None` for a register on PostgreSQL or in memory.
    ///
    /// The copy is next to the register, in a folder that only its owner may read. Folders that
    /// killed programs left there are removed.
    ///
    /// # Errors
    /// INTERNAL if the copy can't be written or opened.
    pub(crate) async fn private_copy(&self) -> Result<Option<PrivateCopy>> {
        let Some(register) = self.path() else { return Ok(None) };
        let parent = folder_of(&register);
        remove_abandoned(&parent).map_err(Error::internal)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(&parent).map_err(Error::internal)?;
        let lock = lock(folder.path()).map_err(Error::internal)?;
        let file = folder.path().join("register.db");
        self.copy_to(&file).await?;
        let db = Self::connect(&url_of(&file)?, None).await?;
        let db = match &self.trail_key {
            Some(key) => db.with_trail_key(Arc::clone(key)),
            None => db,
        };
        Ok(Some(PrivateCopy { db, folder, lock }))
    }
}

impl PrivateCopy {
    /// Returns the connections to the copy.
    pub(crate) fn db(&self) -> &Database {
        &self.db
    }

    /// Closes and removes the copy. A failure is logged: the next copy removes what is left.
    pub(crate) async fn remove(self) {
        let Self { db, folder, lock } = self;
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "the copy of the register could not be closed");
        }
        drop(lock);
        let name = folder.path().to_owned();
        if let Err(cause) = folder.close() {
            tracing::warn!(%cause, "the copy of the register in {} could not be removed; remove that folder", name.display());
        }
    }
}

/// Locks a folder. Returns `None` if it is locked, or on a file system without locks on folders.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Removes the folders of programs that were killed; those in use are locked.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_copy = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_copy && entry.file_type()?.is_dir() && lock(&entry.path())?.is_some() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the URL of a database file.
fn url_of(file: &Path) -> Result<String> {
    let absolute = std::path::absolute(file).map_err(Error::internal)?;
    let name = absolute.to_str().ok_or_else(|| {
        Error::internal(io::Error::other("the path of the register's copy is not UTF-8"))
    })?;
    Ok(format!("sqlite://{}?mode=rw", name.replace('%', "%25").replace('?', "%3F")))
}
