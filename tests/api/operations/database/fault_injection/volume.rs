//! A file system of a few megabytes that a test fills and empties.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Lets the files of a process grow to so many bytes only, or without a limit: a longer write
/// fails.
pub fn limit_files(process: u32, size: Option<u64>) {
    let size = size.map_or_else(|| "unlimited".to_owned(), |size| size.to_string());
    let done = Command::new("prlimit")
        .arg("--pid")
        .arg(process.to_string())
        .arg(format!("--fsize={size}:unlimited"))
        .output();
    let done = done.unwrap_or_else(|cause| panic!("prlimit of util-linux is needed: {cause}"));
    // The process may have ended meanwhile.
    let is_gone = !Path::new(&format!("/proc/{process}")).exists();
    assert!(done.status.success() || is_gone, "{}", String::from_utf8_lossy(&done.stderr));
}

/// A file system of its own in memory.
pub struct Volume(TempDir);

impl Volume {
    /// Mounts one; `None` where the test may not mount, which fails the long form of the tests and
    /// `.ci/run` of root.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
        let is_required = is_set("SAMREGISTER_TEST_LONG") || is_set("SAMREGISTER_TEST_MOUNT");
        if is_set("SAMREGISTER_TEST_NO_MOUNT") && !is_required {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(folder)),
            failed => {
                assert!(
                    !is_required,
                    "no file system can be mounted, which takes root and the right to mount: {failed:?}"
                );
                println!(
                    "no file system can be mounted here: the size of files is limited instead (RLIMIT_FSIZE); run .ci/long as root"
                );
                None
            }
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let bytes = vec![b'x'; size];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.filler()).ok();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // It may be in use until the last program has ended.
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}
