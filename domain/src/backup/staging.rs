//! The folder in which a backup is written before it gets its name, so that an unfinished one never
//! replaces a complete one.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::refusal::failed;
use crate::error::Result;

/// Prefix of the names of such folders.
const PREFIX: &str = ".samregister-backup-";

/// A folder that only its owner may read, removed with its content at the end.
#[derive(Debug)]
pub(super) struct Staging {
    folder: tempfile::TempDir,
    /// Holds the lock on the folder around it.
    _lock: Option<File>,
}

impl Staging {
    /// Creates a folder in `parent`, and removes those that killed programs left there.
    ///
    /// # Errors
    /// INTERNAL if another backup is being written there, or the folder can't be created.
    pub(super) fn begin(parent: &Path) -> Result<Self> {
        let unwritable = |cause: io::Error| {
            failed(format!("cannot write a backup in {}: {cause}", parent.display()))
        };
        let folder = File::open(parent).map_err(unwritable)?;
        let lock = match folder.try_lock() {
            Ok(()) => Some(folder),
            Err(TryLockError::WouldBlock) => {
                return Err(failed(format!(
                    "another backup or restore works in {}; retry when it has finished",
                    parent.display()
                )));
            }
            // Some network file systems have no locks on folders.
            Err(TryLockError::Error(cause)) => {
                tracing::debug!(%cause, "the folder of backups can't be locked");
                None
            }
        };
        if lock.is_some() {
            remove_abandoned(parent).map_err(unwritable)?;
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        Ok(Self { folder: builder.tempdir_in(parent).map_err(unwritable)?, _lock: lock })
    }

    /// Returns `true` if the folder was created in `parent`.
    pub(super) fn is_in(&self, parent: &Path) -> bool {
        let own = self.folder.path().parent().and_then(|own| fs::canonicalize(own).ok());
        own.is_some() && own == fs::canonicalize(parent).ok()
    }

    /// Returns the path of a file in the folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Removes the folders of programs that were killed. The lock on `parent` shows that no other one
/// is in use.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Creates a file that only its owner may read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    crate::files::create_unless_there(path)?;
    fs::OpenOptions::new().write(true).truncate(true).open(path)
}

/// Size and hash of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Size in bytes.
    pub(super) bytes: u64,
    /// SHA-256 in hexadecimal.
    pub(super) sha256: String,
}

/// Calculates size and hash of what is written.
pub(super) struct Summing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W> Summing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, sha256: Sha256::new(), bytes: 0 }
    }

    /// Returns the inner writer, and size and hash of what was written.
    pub(super) fn finish(self) -> (W, Summary) {
        let sha256 = hex::encode(self.sha256.finalize());
        (self.inner, Summary { bytes: self.bytes, sha256 })
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Calculates size and hash of a file.
pub(super) fn summary(path: &Path) -> io::Result<Summary> {
    let mut file = crate::files::open(path)?;
    let mut sum = Summing::new(io::sink());
    copy(&mut file, &mut sum)?;
    Ok(sum.finish().1)
}

/// Copies in large pieces.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(&buffer[..length])?,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_programs_left_is_removed_and_only_one_writes() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        fs::create_dir(path(".samregister-backup-killed")).unwrap();
        fs::write(path(".samregister-backup-killed/copy"), "personal data").unwrap();
        fs::create_dir(path("other")).unwrap();
        fs::write(path(".samregister-backup-file"), "of someone else").unwrap();
        let staging = Staging::begin(parent.path()).unwrap();
        assert!(!path(".samregister-backup-killed").exists());
        assert!(path("other").exists() && path(".samregister-backup-file").exists());
        fs::write(staging.file("copy"), "copy").unwrap();
        let refused = Staging::begin(parent.path()).unwrap_err().cause();
        assert!(refused.contains("another backup or restore works in"), "{refused}");
        assert!(staging.file("copy").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let folder = fs::metadata(staging.folder.path()).unwrap();
            assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        }
        drop(staging);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);
        drop(Staging::begin(parent.path()).unwrap());
    }

    #[test]
    fn size_and_hash_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(summary(&file).unwrap(), Summary { bytes: 3, sha256: expected.to_owned() });
        assert!(summary(folder.path()).is_err());
    }
}
