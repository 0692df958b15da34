//! Files that commands write: never over the register, and atomically.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    economy::invoices::queries::INVOICES,
    support::{
        app::{App, on_both, trail_key_file},
        invoicing_fixtures::NETWORK,
    },
};

const PERIOD: [&str; 5] = ["revenue", "--from", "2010-01-01", "--to", "2026-12-31"];

/// An activity with a cost in each of two hundred months.
async fn filled(app: &App) {
    let costs: String = (0..200)
        .map(|month| format!("bip,{}-{:02}-01,10.00,Kostnad\n", 2010 + month / 12, month % 12 + 1))
        .collect();
    app.import(&[
        ("activities.csv", "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2010-01-01,\n"),
        ("costs.csv", &format!("activity,booked_on,amount,description\n{costs}")),
    ])
    .await;
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the program in a folder where, if `is_limited`, no file may grow larger than one kilobyte,
/// as on a disk that is full.
fn limited(app: &App, folder: &Path, arguments: &[&str], is_limited: bool) -> Output {
    let program = app.program();
    let mut command = Command::new("bash");
    let limit = if is_limited {
        "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\""
    } else {
        "exec \"$0\" \"$@\""
    };
    command.args(["-c", limit]).arg(program.get_program()).args(arguments).current_dir(folder);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_writes_over_the_register() {
    let app = App::sqlite().await;
    filled(&app).await;
    let url = app.url();
    let database = Path::new(url.strip_prefix("sqlite://").unwrap());
    let folder = database.parent().unwrap();
    std::os::unix::fs::symlink(database, folder.join("link.csv")).unwrap();
    fs::hard_link(database, folder.join("other.csv")).unwrap();
    let before = app.revision().await;
    for name in [
        "register.db",
        "./register.db",
        "register.db-wal",
        "register.db-shm",
        "register.db-journal",
        "link.csv",
        "other.csv",
    ] {
        for command in [&PERIOD[..], &["sie", "--from", "2026-01-01", "--to", "2026-12-31"]] {
            let output = app
                .program()
                .args(command)
                .args(["--output", name])
                .current_dir(folder)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1), "{command:?} {name}: {}", message(&output));
            assert!(
                message(&output).contains("is the register's own database; choose another file"),
                "{name}: {}",
                message(&output)
            );
        }
    }
    let output = app.program().args(["verify"]).output().unwrap();
    assert!(output.status.success() && app.revision().await == before, "{}", message(&output));
    // An export into a folder where the register has the name of a table.
    let export = folder.join("csv");
    fs::create_dir(&export).unwrap();
    fs::copy(database, export.join("members.csv")).unwrap();
    let mut program = app.program();
    program.env("DATABASE_URL", format!("sqlite://{}", export.join("members.csv").display()));
    let output = program.arg("export").arg(&export).output().unwrap();
    assert!(
        output.status.code() == Some(1) && message(&output).contains("the register's own database"),
        "{}",
        message(&output)
    );
    assert!(fs::read(export.join("members.csv")).unwrap().starts_with(b"SQLite format 3"));
}

on_both!(no_command_writes_over_keys_and_settings, |app| async move {
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let (trail_key, secret) = (folder.path().join("trail.pem"), folder.path().join("secret"));
    fs::copy(trail_key_file(), &trail_key).unwrap();
    fs::write(&secret, "a secret of the tests, which opens nothing\n").unwrap();
    fs::write(folder.path().join("samregister.toml"), NETWORK).unwrap();
    // Not there yet: as it is on a first start.
    let signing = folder.path().join("signing.pem");
    let before: Vec<_> = names(folder.path())
        .iter()
        .map(|name| fs::read(folder.path().join(name)).unwrap())
        .collect();
    let program = || {
        let mut program = app.program();
        program.env_remove("SAMREGISTER_JWT_SECRET").env("SAMREGISTER_JWT_SECRET_FILE", &secret);
        program
            .env("SAMREGISTER_TRAIL_KEY", &trail_key)
            .env("SAMREGISTER_JWT_SIGNING_KEY", &signing)
            .current_dir(folder.path());
        program
    };
    for name in ["trail.pem", "./trail.pem", "samregister.toml", "secret", "signing.pem"] {
        for command in [&PERIOD[..], &["sie", "--from", "2026-01-01", "--to", "2026-12-31"]] {
            let output = program().args(command).args(["--output", name]).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{command:?} {name}: {}", message(&output));
            let words = "is the register's settings file, or a file of keys or secrets that its settings name; choose another file";
            assert!(message(&output).contains(words), "{name}: {}", message(&output));
        }
    }
    // An export into a folder where the key has the name of a table.
    let export = folder.path().join("csv");
    fs::create_dir(&export).unwrap();
    fs::copy(&trail_key, export.join("members.csv")).unwrap();
    let output = program()
        .env("SAMREGISTER_TRAIL_KEY", export.join("members.csv"))
        .arg("export")
        .arg(&export)
        .output()
        .unwrap();
    assert!(
        output.status.code() == Some(1) && message(&output).contains("keys or secrets"),
        "{}",
        message(&output)
    );
    assert_eq!(names(&export), ["members.csv"]);
    fs::remove_dir_all(&export).unwrap();
    let after: Vec<_> = names(folder.path())
        .iter()
        .map(|name| fs::read(folder.path().join(name)).unwrap())
        .collect();
    assert_eq!(after, before);
});

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_written_leaves_the_old_one_intact() {
    let app = App::postgres().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let run = |format: &str, is_limited: bool| {
        let arguments =
            [&PERIOD[..], &["--group-by", "month", "--format", format, "--output", "report"]]
                .concat();
        limited(&app, folder.path(), &arguments, is_limited)
    };
    for format in ["csv", "json", "xlsx", "table"] {
        assert!(run(format, false).status.success(), "{format}");
        let before = fs::read(&report).unwrap();
        assert!(before.len() > 1_024, "{format}");
        let failed = run(format, true);
        assert_eq!(failed.status.code(), Some(1), "{format}: {}", message(&failed));
        let said = match format {
            "json" => {
                let error: Value = serde_json::from_str(&message(&failed)).unwrap();
                format!("error: {}", error["error"]["message"].as_str().unwrap())
            }
            _ => message(&failed),
        };
        assert!(said.contains("error: cannot write report: "), "{format}: {said}");
        assert_eq!(
            (fs::read(&report).unwrap() == before, names(folder.path())),
            (true, vec!["report".to_owned()]),
            "{format}"
        );
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    // What goes to a device goes there.
    let output = app
        .program()
        .args(PERIOD)
        .args(["--format", "csv", "--output", "/dev/stdout"])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stdout.starts_with(b"activity"),
        "{}",
        message(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bookkeeping_file_that_cannot_be_written_leaves_the_old_one_intact() {
    let app = App::postgres().await;
    app.import(&INVOICES).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("samregister.toml"), NETWORK).unwrap();
    let sie = ["sie", "--from", "2020-01-01", "--to", "2026-12-31", "--output", "2026.si"];
    let written = limited(&app, folder.path(), &sie, false);
    assert!(written.status.success(), "{}", message(&written));
    let before = fs::read(folder.path().join("2026.si")).unwrap();
    assert!(before.len() > 1_024);
    let failed = limited(&app, folder.path(), &sie, true);
    assert!(
        failed.status.code() == Some(1) && message(&failed).contains("cannot write 2026.si: "),
        "{}",
        message(&failed)
    );
    assert!(fs::read(folder.path().join("2026.si")).unwrap() == before);
    assert_eq!(names(folder.path()), ["2026.si", "samregister.toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_written_leaves_the_old_one_intact() {
    let app = App::postgres().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let written = limited(&app, folder.path(), &["export", "csv"], false);
    assert!(written.status.success(), "{}", message(&written));
    let export = folder.path().join("csv");
    let files =
        || -> Vec<_> { names(&export).into_iter().filter(|name| name.ends_with(".csv")).collect() };
    let contents =
        || -> Vec<_> { files().iter().map(|name| fs::read(export.join(name)).unwrap()).collect() };
    // The last of the files is too large for the limit.
    let before = (names(&export), contents());
    app.import(&[("organisations.csv", "key,name,org_number\nkonsult,Konsult AB,\n")]).await;
    let failed = limited(&app, folder.path(), &["export", "csv"], true);
    assert!(
        failed.status.code() == Some(1) && message(&failed).contains("cannot write "),
        "{}",
        message(&failed)
    );
    assert!((names(&export), contents()) == before, "{:?}", names(&export));
}
