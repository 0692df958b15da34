//! Files on disk: only regular files are opened for reading, and a register's file is created for
//! its owner only.
//!
//! Opening a FIFO waits for its other end, and reading a device may never end. Either would block
//! the program, including its exit, which waits for a thread that is blocked in the kernel.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Opens a regular file for reading; follows links.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for a folder, a FIFO, a device and a socket, without waiting for
/// any.
pub fn open(path: &Path) -> io::Result<fs::File> {
    // Opening a device may have side effects, so the path is checked first. The opened file is
    // checked again, because the path may lead elsewhere by then.
    is_regular(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOCTTY,
    );
    let file = options.open(path)?;
    is_regular(&file.metadata()?)?;
    Ok(file)
}

fn is_regular(found: &fs::Metadata) -> io::Result<()> {
    if found.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

/// Reads a regular file of at most `max_bytes` bytes.
///
/// # Errors
/// As [`open`]; [`io::ErrorKind::FileTooLarge`] if it has more.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {max_bytes} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a regular file of at most `max_bytes` bytes, which must be UTF-8.
///
/// # Errors
/// As [`read`]; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    String::from_utf8(read(path, max_bytes)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Creates an empty file that only its owner may read and write, unless it exists already.
///
/// # Errors
/// Fails if it can't be created.
pub fn create_unless_there(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
    match options.open(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

/// Returns the mode of a file if others than its owner have rights on it.
#[must_use]
pub fn mode_for_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).ok()?.permissions())
            & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Mode of files that the program writes: the owner may read and write, others have no rights.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// Flushes the folder of a file, so that a rename or removal of the file reaches the disk.
///
/// # Errors
/// Fails if the folder can't be opened or flushed.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    sync_folder(&folder_of(file))
}

/// Flushes a folder, so that new names in it reach the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Returns the folder of a path; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::fs::PermissionsExt, process::Command, sync::mpsc, time::Duration};

    use super::*;

    /// Runs `run` on a thread of its own, and requires it to end within seconds.
    fn in_time<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        std::thread::spawn(move || drop(done.send(run())));
        result.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("it hangs"))
    }

    #[test]
    fn irregular_files_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        for path in [
            fifo,
            link,
            folder.path().to_owned(),
            "/dev/zero".into(),
            "/dev/tty".into(),
            "/dev/stdin".into(),
        ] {
            let named = path.clone();
            let refused = in_time(move || read(&path, 10)).unwrap_err();
            let is_there = named.exists();
            assert!(
                !is_there || refused.to_string() == "it is not a regular file",
                "{}: {refused}",
                named.display()
            );
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "åäö").unwrap();
        assert_eq!(read_text(&file, 6).unwrap(), "åäö");
        assert_eq!(read_text(&file, 5).unwrap_err().to_string(), "it has more than 5 bytes");
        fs::write(&file, b"\xff").unwrap();
        assert_eq!(read_text(&file, 5).unwrap_err().to_string(), "it is not UTF-8");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link, 5).unwrap(), b"\xff");
    }

    #[test]
    fn created_files_belong_to_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let [new, there] = ["new", "there"].map(|name| folder.path().join(name));
        fs::write(&there, "before").unwrap();
        create_unless_there(&new).unwrap();
        create_unless_there(&there).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&there).unwrap(), "before");
        assert!(create_unless_there(&folder.path().join("none/new")).is_err());
    }
}
