//! A year of drawn documents on both databases: its books are proved at every month end, and the
//! SIE file is the same byte for byte.

use std::{fs, path::Path, process::Command, thread};

use crate::support::app::{App, runs};

/// Invoices and credit notes of every run.
const SHORT: usize = 150;
/// The number in the long form (`SAMREGISTER_TEST_LONG=1`).
const LONG: usize = 10_000;
/// Seed of the year.
const SEED: u64 = 13;

/// Has `tests/model/year.py` draw the year into a register and prove it. Returns the register's SIE
/// file.
fn prove(program: &Command, file: &Path) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/year.py");
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(script)
        .arg("--program")
        .arg(program.get_program())
        .arg("--sie")
        .arg(file);
    command.args(["--seed", &SEED.to_string(), "--documents", &runs(SHORT, LONG).to_string()]);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    let [words, figures] =
        [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{words}{figures}");
    fs::read(file).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drawn_years_books_agree_at_every_month_end() {
    let (sqlite, postgres) = (App::sqlite().await, App::postgres().await);
    let folder = tempfile::tempdir().unwrap();
    let proofs = [(&sqlite, "sqlite.si"), (&postgres, "postgres.si")].map(|(app, name)| {
        let (program, file) = (app.program(), folder.path().join(name));
        thread::spawn(move || prove(&program, &file))
    });
    let [one, other] = proofs.map(|proof| proof.join().unwrap());
    let lines = |bytes: &[u8]| {
        bytes
            .split(|byte| *byte == b'\n')
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
    };
    let (one, other) = (lines(&one), lines(&other));
    let first = one.iter().zip(&other).find(|(one, other)| one != other);
    assert_eq!(first, None, "the first line of the SIE files that differs");
    assert_eq!(one.len(), other.len());
    assert!(one.iter().filter(|line| line.starts_with("#VER ")).count() > runs(SHORT, LONG));
}
