//! Checks of the machine: disk, clock, files and limits.

use std::path::PathBuf;

use super::diagnosis::{Check, Status, Subject};

const MIB: u64 = 1 << 20;
/// Free space below which a register is at risk.
const LEAST_FREE: u64 = 256 * MIB;
/// Free space below which an operator should act.
const ENOUGH_FREE: u64 = 1024 * MIB;
/// Copies of the register that should fit: a backup, and a rewrite of the file.
const COPIES: u64 = 2;

/// The disk of a register's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its folder.
    pub folder: PathBuf,
    /// Bytes that the user of this process may still write.
    pub free: u64,
    /// Bytes of the register.
    pub register: u64,
}

/// Checks that there is room on the disk. `None`: the disk is that of PostgreSQL's server, which
/// this program does not see.
#[must_use]
pub fn disk(found: Option<&Disk>, register: u64) -> Check {
    let size = mebibytes(register);
    let Some(found) = found else {
        let message = format!("the register has {size}; watch the disk on PostgreSQL's server");
        return Check::ok(Subject::Disk, message);
    };
    let message = format!(
        "{} free in {}, the register has {size}",
        mebibytes(found.free),
        found.folder.display()
    );
    let advice = "make room, or move the register to a larger disk: a full disk refuses changes";
    if found.free < LEAST_FREE {
        Check::fail(Subject::Disk, message, advice)
    } else if found.free < ENOUGH_FREE.max(COPIES.saturating_mul(register)) {
        Check::warn(Subject::Disk, message, advice)
    } else {
        Check::ok(Subject::Disk, message)
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB))
}

/// Checks that the clock is synchronized. `None`: this machine does not say.
#[must_use]
pub fn time_sync(is_synchronized: Option<bool>) -> Check {
    match is_synchronized {
        Some(true) => Check::ok(Subject::TimeSync, "the clock is synchronized"),
        Some(false) => Check::warn(
            Subject::TimeSync,
            "the clock is not synchronized with a time server",
            "enable it, as with `timedatectl set-ntp true`: days of issue and signatures depend on it",
        ),
        None => Check::ok(Subject::TimeSync, "this machine does not report its synchronization"),
    }
}

/// Kind of a private file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The register: its file and those that SQLite writes next to it.
    Register,
    /// A private key or a secret.
    Secret,
    /// The settings file; `true` if it contains a secret.
    Settings(bool),
    /// A file that a command wrote.
    Export,
}

/// A file that only its owner should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateFile {
    /// Its path.
    pub path: PathBuf,
    /// Its kind.
    pub kind: FileKind,
    /// Its mode, as for `chmod`.
    pub mode: u32,
}

impl PrivateFile {
    /// Returns the result of the file's mode.
    fn status(&self) -> Status {
        let (by_group, by_others) = (self.mode & 0o070 != 0, self.mode & 0o007 != 0);
        match self.kind {
            FileKind::Settings(false) if self.mode & 0o002 == 0 => Status::Ok,
            FileKind::Settings(false) => Status::Warn,
            // A service that runs in the file's group reads it.
            FileKind::Settings(true) if !by_others => Status::Ok,
            _ if by_others => Status::Fail,
            _ if by_group => Status::Warn,
            _ => Status::Ok,
        }
    }
}

/// Checks that private files are readable for their owner only. `unreadable` are the errors of
/// folders whose files could not be looked at.
#[must_use]
pub fn file_modes(files: &[PrivateFile], unreadable: &[String]) -> Check {
    if !unreadable.is_empty() {
        let advice = "name the folders of exported files, and run it as the user who owns them";
        return Check::fail(Subject::FileModes, unreadable.join("; "), advice);
    }
    let status = files.iter().map(PrivateFile::status).max().unwrap_or(Status::Ok);
    if status == Status::Ok {
        let message = match files.len() {
            0 => "there is no private file".to_owned(),
            1 => "1 private file is its owner's only".to_owned(),
            count => format!("{count} private files are their owner's only"),
        };
        return Check::ok(Subject::FileModes, message);
    }
    let shared = files.iter().filter(|file| file.status() != Status::Ok);
    let shared: Vec<_> =
        shared.map(|file| format!("{} (mode {:03o})", file.path.display(), file.mode)).collect();
    let message = format!("other users may read or write {}", shared.join(", "));
    Check { status, ..Check::fail(Subject::FileModes, message, "run `chmod 600` on each of them") }
}

/// The limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The hard limit of this process, to which a server raises its own.
    pub limit: u64,
    /// Files that a server needs without clients.
    pub least: u64,
    /// Files that a server needs with as many clients as the settings allow.
    pub needed: u64,
}

/// Checks that a server may open the files that it needs. `None`: there is no limit.
#[must_use]
pub fn open_files(found: Option<OpenFiles>) -> Check {
    let subject = Subject::OpenFiles;
    let Some(OpenFiles { limit, least, needed }) = found else {
        return Check::ok(subject, "there is no limit of open files");
    };
    let message = format!("{limit} files may be open, {needed} are needed at most");
    let advice = "raise LimitNOFILE (systemd) or `ulimit -n`, or lower SAMREGISTER_MAX_CONNECTIONS";
    if limit < least {
        Check::fail(subject, message, advice)
    } else if limit < needed {
        Check::warn(subject, message, advice)
    } else {
        Check::ok(subject, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_needs_room_for_copies() {
        let of = |free: u64, register: u64| {
            let found =
                Disk { folder: "/var/lib".into(), free: free * MIB, register: register * MIB };
            disk(Some(&found), register * MIB).status
        };
        assert_eq!(of(255, 1), Status::Fail);
        assert_eq!(of(256, 1), Status::Warn);
        assert_eq!(of(1024, 1), Status::Ok);
        assert_eq!(of(1999, 1000), Status::Warn);
        assert_eq!(of(2000, 1000), Status::Ok);
        assert_eq!(disk(None, 5).status, Status::Ok);
    }

    #[test]
    fn private_files_are_their_owners() {
        let file = |kind, mode| PrivateFile { path: "f".into(), kind, mode };
        for (kind, mode, status) in [
            (FileKind::Register, 0o600, Status::Ok),
            (FileKind::Register, 0o640, Status::Warn),
            (FileKind::Register, 0o644, Status::Fail),
            (FileKind::Secret, 0o400, Status::Ok),
            (FileKind::Secret, 0o440, Status::Warn),
            (FileKind::Secret, 0o604, Status::Fail),
            (FileKind::Export, 0o644, Status::Fail),
            (FileKind::Settings(true), 0o640, Status::Ok),
            (FileKind::Settings(true), 0o644, Status::Fail),
            (FileKind::Settings(false), 0o644, Status::Ok),
            (FileKind::Settings(false), 0o664, Status::Ok),
            (FileKind::Settings(false), 0o666, Status::Warn),
        ] {
            let check = file_modes(&[file(FileKind::Secret, 0o600), file(kind, mode)], &[]);
            assert_eq!(check.status, status, "{kind:?} {mode:o}");
            let is_named = check.message.contains(&format!("f (mode {mode:03o})"));
            assert_eq!(is_named, status != Status::Ok, "{}", check.message);
        }
        assert_eq!(file_modes(&[], &[]).status, Status::Ok);
        let gone = ["cannot read the folder csv".to_owned()];
        assert_eq!(file_modes(&[], &gone).status, Status::Fail);
    }

    #[test]
    fn limits_are_compared_with_the_settings() {
        let of = |limit| open_files(Some(OpenFiles { limit, least: 200, needed: 10_000 })).status;
        assert_eq!([of(199), of(200), of(10_000)], [Status::Fail, Status::Warn, Status::Ok]);
        assert_eq!(open_files(None).status, Status::Ok);
    }

    #[test]
    fn a_clock_alone_is_a_warning() {
        let of = |found| time_sync(found).status;
        assert_eq!(
            [of(Some(true)), of(Some(false)), of(None)],
            [Status::Ok, Status::Warn, Status::Ok]
        );
    }
}
