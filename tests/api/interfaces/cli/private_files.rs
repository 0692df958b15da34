//! Files: those that the program writes are readable for their owner alone, and one that is not a
//! regular file blocks neither the program nor its end.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{app::program, fixtures};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const SECRET: &str = "a-secret-of-a-test-of-32-bytes-or-more";

/// Runs the program within this folder, which must end within seconds; its exit code and what it
/// said.
fn run(folder: &Path, settings: &[(&str, &str)], line: &str) -> (Option<i32>, String) {
    let mut program = program();
    // What the user's own mask lets through must not matter.
    let shell = format!("umask 0000; exec {} {line}", program.get_program().to_str().unwrap());
    program = {
        let mut shelled = Command::new("sh");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shelled.env(name, value),
                None => shelled.env_remove(name),
            };
        }
        shelled
    };
    program
        .args(["-c", &shell])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    program.env("DATABASE_URL", "sqlite://r.db?mode=rwc").env("SAMREGISTER_JWT_SECRET", SECRET);
    let mut child = program.envs(settings.iter().copied()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("{line} hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

#[test]
fn what_the_program_writes_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let done = |line: &str| {
        let (code, said) = run(at, &[], line);
        assert_eq!(code, Some(0), "{line}: {said}");
    };
    done("migrate");
    let csv = at.join("csv");
    for (name, text) in fixtures::FILES {
        let file = csv.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    done("import csv");
    // With a reader, SQLite's other files stay there.
    let db = held(at);
    let mut register = Vec::new();
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // With the log of SQLite's, and the key of the trail.
        if name.starts_with("r.db") {
            assert_eq!(mode(&path), 0o600, "{name}");
            register.push(name);
        }
    }
    assert!(
        ["r.db", "r.db-wal", "r.db-shm"]
            .iter()
            .all(|name| register.iter().any(|found| found == name)),
        "{register:?}"
    );
    drop(db);
    done("export out");
    let mut folders = vec![at.join("out")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 10, "{files}");
    let period = "--from 2026-01-01 --to 2026-12-31";
    // Also when it replaces a file that others could read.
    fs::write(at.join("revenue.csv"), "before").unwrap();
    fs::set_permissions(at.join("revenue.csv"), fs::Permissions::from_mode(0o666)).unwrap();
    for (line, name) in [
        (format!("revenue {period} --format csv --output revenue.csv"), "revenue.csv"),
        (format!("revenue {period} --format xlsx --output revenue.xlsx"), "revenue.xlsx"),
    ] {
        done(&line);
        assert_eq!(mode(&at.join(name)), 0o600, "{name}");
    }
}

/// A process that has the register open, until it is dropped.
fn held(folder: &Path) -> Option<Holder> {
    let mut program = program();
    program
        .env("DATABASE_URL", "sqlite://r.db")
        .env("SAMREGISTER_JWT_SECRET", SECRET)
        .current_dir(folder);
    let mut child = program
        .args(["serve", "--bind", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let listens = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.starts_with("Samregister listens on "));
    std::thread::spawn(move || lines.for_each(drop));
    listens.then_some(Holder(child))
}

struct Holder(std::process::Child);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn what_is_no_regular_file_is_refused_and_hangs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(run(at, &[], "migrate").0, Some(0));
    let made =
        Command::new("mkfifo").args(["fifo", "samregister.fifo"]).current_dir(at).status().unwrap();
    assert!(made.success());
    fs::create_dir(at.join("csv")).unwrap();
    assert!(
        Command::new("mkfifo").arg("csv/members.csv").current_dir(at).status().unwrap().success()
    );
    let keys = |name: &'static str| [("SAMREGISTER_JWT_SECRET", ""), (name, "fifo")];
    for (settings, line) in [
        (&keys("SAMREGISTER_JWT_PUBLIC_KEY")[..], "token --role BOARD"),
        (&keys("SAMREGISTER_JWT_JWKS"), "token --role BOARD"),
        (&keys("SAMREGISTER_JWT_SECRET_FILE"), "token --role BOARD"),
        (&keys("SAMREGISTER_JWT_PUBLIC_KEY"), "serve --bind 127.0.0.1:0"),
        (
            &[("SAMREGISTER_JWT_SECRET", ""), ("SAMREGISTER_JWT_JWKS", "/dev/zero")],
            "serve --bind 127.0.0.1:0",
        ),
        (&[("SAMREGISTER_DOCUMENTS", "fifo")], "serve --bind 127.0.0.1:0"),
        (&[("SAMREGISTER_DOCUMENTS", "/dev/zero")], "serve --bind 127.0.0.1:0"),
        (&[], "import csv"),
        (&[], "payments import fifo"),
        (&[], "payments import /dev/zero"),
        (&[], "verify --checkpoints fifo"),
        (&[], "verify --checkpoints /dev/zero"),
    ] {
        let (code, said) = run(at, settings, line);
        assert!(
            code == Some(1) && said.contains("it is not a regular file"),
            "{settings:?} {line}: {code:?} {said}"
        );
    }
    // The settings themselves.
    fs::rename(at.join("samregister.fifo"), at.join("samregister.toml")).unwrap();
    let (code, said) = run(at, &[], "verify");
    assert!(code == Some(1) && said.contains("it is not a regular file"), "{code:?} {said}");
}
