//! Files that commands write: never over the register, and atomically.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::app::App;

const PERIOD: [&str; 5] = ["revenue", "--from", "2010-01-01", "--to", "2026-12-31"];

/// An activity with a cost in each of two hundred months.
async fn filled(app: &App) {
    let costs: String = (0..200).map(|month| format!("bip,{}-{:02}-01,10.00,Kostnad\n", 2010 + month / 12, month % 12 + 1)).collect();
    app.import(&[
        ("activities.csv", "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2010-01-01,\n"),
        ("costs.csv", &format!("activity,booked_on,amount,description\n{costs}")),
    ])
    .await;
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
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
    for name in ["register.db", "./register.db", "register.db-wal", "register.db-shm", "register.db-journal", "link.csv", "other.csv"] {
        for command in [&PERIOD[..], &["sie", "--from", "2026-01-01", "--to", "2026-12-31"]] {
            let output = app.program().args(command).args(["--output", name]).current_dir(folder).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{command:?} {name}: {}", message(&output));
            assert!(message(&output).contains("is the register's own database; choose another file"), "{name}: {}", message(&output));
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
    assert!(output.status.code() == Some(1) && message(&output).contains("the register's own database"), "{}", message(&output));
    assert!(fs::read(export.join("members.csv")).unwrap().starts_with(b"SQLite format 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_written_leaves_the_old_one_whole() {
    let app = App::postgres().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let run = |format: &str, is_limited: bool| {
        let program = app.program();
        // No file may grow larger than one kilobyte, as on a disk that is full.
        let mut command = Command::new("bash");
        let limit = if is_limited { "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\"" } else { "exec \"$0\" \"$@\"" };
        command.args(["-c", limit]).arg(program.get_program()).args(PERIOD).args(["--group-by", "month", "--format", format]);
        command.args(["--output", "report"]).current_dir(folder.path());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.output().unwrap()
    };
    for format in ["csv", "json", "xlsx", "table"] {
        assert!(run(format, false).status.success(), "{format}");
        let before = fs::read(&report).unwrap();
        assert!(before.len() > 1_024, "{format}");
        let failed = run(format, true);
        assert_eq!(failed.status.code(), Some(1), "{format}: {}", message(&failed));
        assert!(message(&failed).contains("error: cannot write report: "), "{format}: {}", message(&failed));
        assert_eq!((fs::read(&report).unwrap() == before, names(folder.path())), (true, vec!["report".to_owned()]), "{format}");
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    // What goes to a device goes there.
    let output = app.program().args(PERIOD).args(["--format", "csv", "--output", "/dev/stdout"]).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"activity"), "{}", message(&output));
}
