//! The checkers of others' formats, which `tests/run.sh` gets ready: programs in Python, in `tests/checkers`.

use std::{path::Path, process::Command};

/// Names the Python that has what the checkers need.
const PYTHON: &str = "SAMREGISTER_CHECKERS";

/// A checker by its path within `tests/checkers`, ready to be given its arguments.
pub fn checker(path: &str) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkers").join(path));
    command
}

/// A part of a workbook or of another file that is an archive of parts, as text.
pub fn part(archive: &Path, name: &str) -> String {
    let read = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = python().args(["-c", read]).arg(archive).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn python() -> Command {
    let python = std::env::var(PYTHON)
        .unwrap_or_else(|_| panic!("this test needs the checkers: run tests/run.sh, which gets them ready and sets {PYTHON}"));
    let mut command = Command::new(python);
    // It would else write what it has compiled beside them.
    command.arg("-B");
    command
}
