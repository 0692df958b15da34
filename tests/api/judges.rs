//! Programs of others that judge files of their formats: what stands in `tests/checkers`, and what `tests/checkers.sh` makes ready.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Names the folder of what `tests/checkers.sh` makes ready.
const CHECKERS: &str = "SAMREGISTER_TEST_CHECKERS";

/// A program that one of the lists in `tests/checkers` brings: `program("pdf", "outloud")`.
pub fn program(list: &str, name: &str) -> Command {
    let folder = std::env::var(CHECKERS).unwrap_or_else(|_| {
        panic!("this test needs programs that judge files: run tests/run.sh, which makes them ready and sets {CHECKERS}")
    });
    Command::new(Path::new(&folder).join(list).join("bin").join(name))
}

/// A judge in Python by its path within `tests/checkers`, ready to be given its arguments.
pub fn judge(path: &str) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkers").join(path));
    command
}

/// What those who can't see a PDF would miss in any of these files; empty when all is well.
pub fn unheard(files: &[PathBuf]) -> String {
    let output = program("pdf", "outloud").arg("--quiet").args(files).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = told.lines().filter(|line| line.starts_with("PASS") && line.contains(": 0 error(s), 0 warning(s)")).count();
    if output.status.success() && passed == files.len() { String::new() } else { told }
}

/// A part of a workbook or of another file that is an archive of parts, as text.
pub fn part(archive: &Path, name: &str) -> String {
    let read = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = python().args(["-c", read]).arg(archive).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn python() -> Command {
    let mut command = program("peppol", "python");
    // It would else write what it has compiled beside them.
    command.arg("-B");
    command
}
