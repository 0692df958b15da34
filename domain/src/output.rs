//! Writes files for people and other programs: atomically, and never over the register itself.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    config::Settings,
    database::Database,
    error::{ConflictReason, Error, Result},
    files::{folder_of, sync_folder},
};

/// Files that SQLite writes next to a database, by the suffix of their names.
const DATABASE_FILE_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The files of the register itself, which no command may overwrite.
#[derive(Clone, Debug, Default)]
pub struct OwnFiles {
    /// The file of a register on SQLite.
    pub database: Option<PathBuf>,
    /// The settings file and the files that settings name.
    pub settings: Vec<PathBuf>,
}

impl OwnFiles {
    /// Returns the files of a register with these settings.
    #[must_use]
    pub fn new(db: &Database, settings: &Settings) -> Self {
        Self { database: db.path(), settings: settings.own_files() }
    }

    /// Refuses a path to one of these files, or to a file that SQLite writes next to the database,
    /// including through links.
    ///
    /// # Errors
    /// CONFLICT `FILE`, naming the path.
    pub fn refuse(&self, path: &Path) -> Result<()> {
        let refused = |what: &str| {
            Err(Error::conflict(
                ConflictReason::File,
                format!("cannot write {}: it is {what}; choose another file", path.display()),
            ))
        };
        let is_part = |database: &PathBuf| {
            DATABASE_FILE_SUFFIXES.iter().any(|ending| {
                let mut part = OsString::from(database);
                part.push(ending);
                is_same_file(path, Path::new(&part))
            })
        };
        if self.database.as_ref().is_some_and(is_part) {
            return refused("the register's own database");
        }
        if self.settings.iter().any(|own| is_same_file(path, own) || is_replaced_key(path, own)) {
            return refused(
                "the register's settings file, or a file of keys or secrets that its settings name",
            );
        }
        Ok(())
    }

    /// Refuses every file in `to` that a file of the same name in `from` would overwrite, including
    /// subfolders.
    ///
    /// # Errors
    /// As [`OwnFiles::refuse`]; INTERNAL if the folder can't be read.
    pub(crate) fn refuse_files(&self, from: &Path, to: &Path) -> Result<()> {
        for entry in fs::read_dir(from).map_err(Error::internal)? {
            let entry = entry.map_err(Error::internal)?;
            let target = to.join(entry.file_name());
            if entry.file_type().map_err(Error::internal)?.is_dir() {
                self.refuse_files(&entry.path(), &target)?
            } else {
                self.refuse(&target)?
            }
        }
        Ok(())
    }
}

/// Returns `true` if the path is a key that replaces this one, or that this one has replaced:
/// `….next` and `….former-<id>`.
fn is_replaced_key(path: &Path, key: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let ending = name(&target).strip_prefix(&name(key)).map(str::to_owned);
    ending.is_some_and(|ending| ending == ".next" || ending.starts_with(".former-"))
        && is_same_file(&folder_of(&target), &folder_of(key))
}

/// Writes a file atomically: the bytes go to a temporary file next to it, are flushed to the disk,
/// and replace the file. Only the owner may read it. A device or a pipe is written directly.
///
/// # Errors
/// CONFLICT `FILE` if the path names a file of the register itself, or can't be written.
pub fn write(path: &Path, bytes: &[u8], own: &OwnFiles) -> Result<()> {
    own.refuse(path)?;
    replace(path, bytes).map_err(|cause| {
        Error::conflict(ConflictReason::File, format!("cannot write {}: {cause}", path.display()))
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The target of a link is replaced, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(&target) {
        Ok(found) if found.is_dir() => {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        Ok(found) if !found.is_file() => {
            return fs::OpenOptions::new().write(true).open(&target)?.write_all(bytes);
        }
        _ => {}
    }
    let folder = folder_of(&target);
    // Readable for its owner only, as temporary files are.
    let mut file =
        tempfile::Builder::new().prefix(".samregister-").suffix(".tmp").tempfile_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|failed| failed.error)?;
    sync_folder(&folder)
}

/// Moves complete files into another folder, where each replaces the file of the same name.
///
/// # Errors
/// Fails if a file can't be moved; files moved before that remain moved.
pub(crate) fn move_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            move_files(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), &target)?;
        }
    }
    sync_folder(to)
}

/// Flushes the files of a folder and its subfolders to the disk, and lets only the owner read them.
pub(crate) fn finish_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            finish_files(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            restrict(&file)?;
            file.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}

/// Returns `true` if both paths name one file, also through links, or would when it is created.
fn is_same_file(one: &Path, other: &Path) -> bool {
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        return is_same(&one, &other);
    }
    let resolved =
        |path: &Path| Some((fs::canonicalize(folder_of(path)).ok()?, path.file_name()?.to_owned()));
    resolved(one).is_some_and(|one| resolved(other) == Some(one))
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("c2.db");
        fs::write(&database, "register").unwrap();
        fs::write(folder.path().join("c2.db-wal"), "log").unwrap();
        fs::create_dir(folder.path().join("reports")).unwrap();
        std::os::unix::fs::symlink(&database, folder.path().join("link.csv")).unwrap();
        fs::hard_link(&database, folder.path().join("other.csv")).unwrap();
        let key = folder.path().join("key.pem");
        let own = OwnFiles {
            database: Some(database.clone()),
            settings: vec![key.clone(), folder.path().join("samregister.toml")],
        };
        for name in [
            "c2.db",
            "./c2.db",
            "reports/../c2.db",
            "c2.db-wal",
            "c2.db-shm",
            "c2.db-journal",
            "link.csv",
            "other.csv",
        ] {
            let error = write(&folder.path().join(name), b"report", &own).unwrap_err();
            assert!(error.to_string().contains("the register's own database"), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(&database).unwrap(), "register");
        // Existing or not.
        fs::write(&key, "key").unwrap();
        fs::hard_link(&key, folder.path().join("key.csv")).unwrap();
        for name in ["key.pem", "reports/../key.pem", "key.csv", "samregister.toml"] {
            let error = write(&folder.path().join(name), b"report", &own).unwrap_err();
            assert!(error.to_string().contains("a file of keys or secrets"), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(&key).unwrap(), "key");
        write(&folder.path().join("c2.csv"), b"report", &own).unwrap();
        write(&folder.path().join("c2.db"), b"report", &OwnFiles::default()).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        write(&path, b"old", &OwnFiles::default()).unwrap();
        write(&path, b"new", &OwnFiles::default()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let error = write(folder.path(), b"x", &OwnFiles::default()).unwrap_err().to_string();
        assert!(error.ends_with("it is a folder"), "{error}");
        assert!(write(&folder.path().join("none/report.csv"), b"x", &OwnFiles::default()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            // A link stays a link, and a device a device.
            let link = folder.path().join("link.csv");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            write(&link, b"through", &OwnFiles::default()).unwrap();
            assert!(
                fs::symlink_metadata(&link).unwrap().is_symlink()
                    && fs::read(&path).unwrap() == b"through"
            );
            write(Path::new("/dev/null"), b"x", &OwnFiles::default()).unwrap();
        }
    }
}
