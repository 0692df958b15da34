//! Backups of a register in use, and their restoration.

mod drill;
mod failures;
mod refusals;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::app::App;

/// Runs a program with these arguments; its exit code, stdout and stderr.
fn run(mut program: Command, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A folder for backups, and the program that writes them there by default.
struct BackupFolder(tempfile::TempDir);

impl BackupFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program over the register, with its folder of backups.
    fn program(&self, app: &App) -> Command {
        self.of(app.program())
    }

    /// The program with its folder of backups. Without one, a register on PostgreSQL has the result
    /// of its last backup in the working directory.
    fn of(&self, mut program: Command) -> Command {
        program.env("SAMREGISTER_BACKUP_DIR", self.0.path());
        program
    }

    /// Writes a backup of this name.
    #[track_caller]
    fn back_up(&self, app: &App, name: &str) -> Value {
        let file = self.path(name);
        let done = run(self.program(app), &["backup", file.to_str().unwrap()]);
        assert_eq!(done.0, Some(0), "{done:?}");
        assert_eq!(done.1.trim(), fs::canonicalize(&file).unwrap().to_str().unwrap());
        self.manifest(name)
    }

    /// The manifest of a backup.
    fn manifest(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(&format!("{name}.manifest.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The names of all files and folders.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    /// The result of the last backup.
    fn last(&self) -> Value {
        let text = fs::read_to_string(self.path("last-backup.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// The arguments that restore this backup.
fn restoring<'a>(file: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["restore", file.to_str().unwrap()], more].concat()
}
