//! The files of a register on SQLite, identified by more than their names. If a file is moved,
//! removed or replaced while the program runs, open connections would still read and write the old
//! file, and their writes would be lost.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use crate::files;

/// The file of a register on SQLite with its write-ahead log and that log's index.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    main: OnceLock<Identity>,
    wal: Companion,
    index: Companion,
    /// `true` if every connection of this program is closed: SQLite removes its log then.
    is_closed: AtomicBool,
}

/// A file next to the register's that SQLite creates, and that exists as long as a connection is
/// open.
#[derive(Debug)]
struct Companion {
    path: PathBuf,
    identity: OnceLock<Identity>,
}

/// Identity of a file on the machine: its device and its inode number.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

impl SqliteFile {
    /// Returns the file that `url` names, which need not exist yet; `None` for a database in
    /// memory.
    pub(super) fn of(url: &str) -> Option<Self> {
        let path = url.parse::<SqliteConnectOptions>().ok()?.get_filename().to_owned();
        let is_in_memory = path.as_os_str().is_empty()
            || path.to_str().is_some_and(|path| path.contains(":memory:"))
            || url.contains("mode=memory");
        (!is_in_memory).then(|| {
            let companion = |suffix: &str| {
                let mut path = path.clone().into_os_string();
                path.push(suffix);
                Companion { path: path.into(), identity: OnceLock::new() }
            };
            Self {
                wal: companion("-wal"),
                index: companion("-shm"),
                main: OnceLock::new(),
                path,
                is_closed: AtomicBool::new(false),
            }
        })
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the mode of the file, as for `chmod`, if others than its owner have rights on it.
    #[cfg(unix)]
    pub(super) fn shared(&self) -> Option<u32> {
        let mode =
            std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&self.path).ok()?) & 0o777;
        Some(mode).filter(|mode| mode & 0o077 != 0)
    }

    /// Records the identity of the database file as it is now.
    pub(super) fn recognize(&self) {
        if let Ok(identity) = identify(&self.path) {
            self.main.get_or_init(|| identity);
        }
    }

    /// Checks that all three files are those that were opened.
    pub(super) fn check(&self) -> io::Result<()> {
        if let Some(main) = self.main.get() {
            let trouble = match identify(&self.path) {
                Ok(identity) if identity == *main => None,
                Ok(_) => Some("another file has replaced it; put it back, or restart the program to use the other".to_owned()),
                Err(cause) => Some(format!("{cause}; put it back")),
            };
            if let Some(trouble) = trouble {
                return Err(io::Error::other(format!(
                    "the register's file {} is gone: {trouble}",
                    self.path.display()
                )));
            }
        }
        if self.is_closed.load(SeqCst) {
            return Ok(());
        }
        self.wal.check()?;
        self.index.check()
    }

    /// Records that every connection is about to be closed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, SeqCst);
    }

    /// Returns `true` if the log was removed, and no other program can have written to a new one.
    pub(super) fn lost_its_log(&self) -> bool {
        let was_there = self.wal.identity.get().is_some();
        was_there
            && match identify(&self.wal.path) {
                Ok(identity) => {
                    self.wal.identity.get() != Some(&identity)
                        && std::fs::metadata(&self.wal.path).is_ok_and(|file| file.len() == 0)
                }
                Err(cause) => cause.kind() == io::ErrorKind::NotFound,
            }
    }
}

impl Companion {
    /// Checks that the file is the one that was seen first.
    fn check(&self) -> io::Result<()> {
        let trouble = match identify(&self.path) {
            Ok(found) if *self.identity.get_or_init(|| found) == found => return Ok(()),
            Ok(_) => "was replaced".to_owned(),
            // SQLite has not created it yet.
            Err(cause)
                if cause.kind() == io::ErrorKind::NotFound && self.identity.get().is_none() =>
            {
                return Ok(());
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => "was removed".to_owned(),
            Err(cause) => format!("can't be looked at: {cause}"),
        };
        let words = "while the register was open; nothing is read or written until the program is started again";
        Err(io::Error::other(format!("{} {trouble} {words}", self.path.display())))
    }
}

/// Creates the file of a new register on SQLite for its owner only. SQLite gives its other files
/// the same mode, and reports the error if the file can't be created.
pub(super) fn create_privately(url: &str) {
    let is_file = url.starts_with("sqlite:")
        && url.contains("mode=rwc")
        && !url.contains(":memory:")
        && !url.contains("mode=memory");
    if let Some(options) = url.parse::<SqliteConnectOptions>().ok().filter(|_| is_file) {
        drop(files::create_unless_there(options.get_filename()));
    }
}

fn identify(path: &Path) -> io::Result<Identity> {
    let found = std::fs::metadata(path)?;
    #[cfg(unix)]
    return Ok((
        std::os::unix::fs::MetadataExt::dev(&found),
        std::os::unix::fs::MetadataExt::ino(&found),
    ));
    #[cfg(not(unix))]
    return Ok(drop(found));
}
