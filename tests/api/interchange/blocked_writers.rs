//! An import and other changes: it says beforehand how long it blocks them, refused ones get the
//! time until its end, and a killed import changes nothing.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
    clock::Clock,
    config::Network,
    interchange::{
        Progress,
        import::{Forecast, forecast, import},
    },
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    operations::database::interruptions::kill_points,
    support::{
        app::{App, on_both, runs},
        fixtures::FILES,
        invoicing_fixtures::violations,
        lifecycle_fixtures::mutate,
    },
};

/// Numbers of organisations of which an import takes longer than other changes wait, on SQLite and
/// on PostgreSQL.
const MANY: (u64, u64) = (27_501, 13_001);

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// An organisations.csv with this number of rows.
fn organisations(count: u64) -> String {
    let rows = (1..=count).map(|number| format!("o{number},Organisation {number},\n"));
    format!("key,name,org_number\n{}", rows.collect::<String>())
}

async fn number(app: &App, sql: &str) -> i64 {
    let statement = Statement::from_string(app.db.backend(), sql);
    let row = app.db.read().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// The number of announcements of imports.
async fn announcements(app: &App) -> i64 {
    number(app, "SELECT COUNT(*) FROM command_run WHERE command = 'import'").await
}

on_both!(a_forecast_waits_for_no_change, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("organisations.csv", organisations(3).as_str()), ("members.csv", "key\nm\n")],
    );
    let viewer = Viewer::operator("test");
    // It holds the register meanwhile.
    let change = audit::begin(app.context(&viewer), Action::OrganisationAdd).await.unwrap();
    let found = forecast(app.db.backend(), folder.path()).unwrap();
    change.undo().await.unwrap();
    // The header of members.csv is bad, which the import reports.
    assert_eq!(found, Forecast::of_rows(app.db.backend(), 3));
    assert!(!found.refuses_others());
});

on_both!(a_dry_run_says_how_long_an_import_blocks_others, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("organisations.csv", organisations(2).as_str())]);
    let run = |arguments: &[&str]| {
        let output =
            app.program().arg("import").arg(folder.path()).args(arguments).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{err}");
        err
    };
    let said = run(&["--dry-run"]);
    let line = "2 rows: the import blocks other changes for 5 seconds at most\n";
    assert!(said.starts_with(line), "{said}");
    assert_eq!(app.revision().await, 0);
    let said = run(&[]);
    assert!(!said.contains("blocked"), "{said}");
});

on_both!(a_dry_run_on_sqlite_blocks_no_other_change, |app| async move {
    let Some(register) = app.db.path() else { return };
    // As a dry run leaves it that was killed.
    let killed = register.with_file_name(".samregister-dry-run-killed");
    fs::create_dir(&killed).unwrap();
    let (files, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(files.path(), &[("organisations.csv", organisations(3).as_str())]);
    write(others.path(), &[("organisations.csv", "key,name,org_number\nx,Other,\n")]);
    let viewer = Viewer::operator("import");
    let mut calls = 0;
    let mut watcher = |_: Progress| {
        calls += 1;
        if calls == 1 {
            let output = app.program().arg("import").arg(others.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    };
    let (ctx, network) = (app.context(&viewer), Network::default());
    let report = import(ctx, &network, files.path(), true, &mut watcher).await.unwrap();
    assert!(calls > 0);
    // It has checked the register as it was when it began, and changed nothing.
    assert_eq!((report.files[0].added, app.revision().await), (3, 1));
    assert_eq!(number(&app, "SELECT COUNT(*) FROM organisation").await, 1);
    assert!(!killed.exists());
});

on_both!(a_long_import_is_announced_before_it_begins_and_until_it_ends, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let count = if app.db.backend() == DbBackend::Sqlite { MANY.0 } else { MANY.1 };
    write(folder.path(), &[("organisations.csv", organisations(count).as_str())]);
    let viewer = Viewer::operator("import");
    // What others see of it when it has read the first rows, and so holds the register.
    let other = app.by(&app.url()).await;
    let mut seen = None;
    let mut watcher = |_: Progress| {
        seen.get_or_insert_with(|| {
            let other = other.clone();
            tokio::spawn(async move { (announcements(&other).await, other.revision().await) })
        });
    };
    let (ctx, network) = (app.context(&viewer), Network::default());
    let report = import(ctx, &network, folder.path(), false, &mut watcher).await.unwrap();
    assert_eq!(report.files[0].added, count);
    assert_eq!(seen.unwrap().await.unwrap(), (1, 0));
    assert_eq!((announcements(&app).await, app.revision().await), (0, count.cast_signed()));
});

on_both!(a_change_that_finds_an_import_gets_its_expected_end, |app| async move {
    let add = async |name: &str| {
        mutate(&app.office(), "organisationAdd", json!({ "name": name }), "id").await
    };
    app.db.announce_import(Clock::system().now() + Duration::from_secs(300)).await.unwrap();
    // An announcement alone refuses nothing: a killed import may have left it.
    add("A").await.data();
    let importing = app.by(&app.url()).await;
    let viewer = Viewer::operator("import");
    let change = audit::begin(importing.context(&viewer), Action::Import).await.unwrap();
    let refused = add("B").await;
    assert_eq!(refused.reason(), "BUSY", "{}", refused.text());
    let wait = refused.errors()[0]["extensions"]["retryAfterSeconds"].as_u64().unwrap();
    assert!((200..=300).contains(&wait), "{wait}");
    change.undo().await.unwrap();
    add("B").await.data();

    // An end that is past says nothing of the change that blocks now.
    let past = Clock::system().now();
    importing.db.announce_import(past).await.unwrap();
    let change = audit::begin(importing.context(&viewer), Action::Import).await.unwrap();
    let refused = add("C").await;
    assert_eq!(refused.reason(), "BUSY", "{}", refused.text());
    assert_eq!(refused.errors()[0]["extensions"]["retryAfterSeconds"], 5);
    change.undo().await.unwrap();
    importing.db.withdraw_announcement(past).await.unwrap();
    assert_eq!(announcements(&app).await, 0);
    assert_eq!(number(&app, "SELECT COUNT(*) FROM organisation").await, 2);
});

on_both!(an_import_withdraws_its_own_announcement_only, |app| async move {
    let now = Clock::system().now();
    let (own, other) = (now + Duration::from_secs(100), now + Duration::from_secs(300));
    app.db.announce_import(own).await.unwrap();
    // The next import is announced while the first one waits for the register.
    app.db.announce_import(other).await.unwrap();
    app.db.withdraw_announcement(own).await.unwrap();
    assert_eq!(announcements(&app).await, 1);
    app.db.withdraw_announcement(other).await.unwrap();
    assert_eq!(announcements(&app).await, 0);
});

on_both!(a_refused_change_does_not_wait_for_queries, |app| async move {
    app.db.announce_import(Clock::system().now() + Duration::from_secs(300)).await.unwrap();
    let importing = app.by(&app.url()).await;
    let viewer = Viewer::operator("import");
    let change = audit::begin(importing.context(&viewer), Action::Import).await.unwrap();
    let mut taken = Vec::new();
    while let Ok(snapshot) = timeout(Duration::from_millis(500), app.db.snapshot()).await {
        taken.push(snapshot.unwrap());
    }
    let refused = audit::begin(app.context(&viewer), Action::OrganisationAdd);
    let refused = timeout(Duration::from_secs(20), refused).await.unwrap();
    let Err(error) = refused else { panic!("it was begun") };
    assert!(error.is_busy() && error.retry_after_seconds() > Some(60), "{error}");
    drop(taken);
    change.undo().await.unwrap();
});

on_both!(an_import_that_is_killed_changes_nothing, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), FILES);
    let import = || -> Command {
        let mut program = app.program();
        program.arg("import").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        program
    };
    // A dry run takes as long.
    let began = Instant::now();
    assert!(import().arg("--dry-run").status().unwrap().success());
    let time = began.elapsed();
    let mut killed = 0;
    for delay in kill_points(runs(4, 30), time) {
        let mut child = import().spawn().unwrap();
        tokio::time::sleep(delay).await;
        child.kill().unwrap();
        // It may have ended before.
        if !child.wait().unwrap().success() {
            killed += 1;
        }
        let revision = app.revision().await;
        let members = number(&app, "SELECT COUNT(*) FROM member").await;
        let invoices = number(&app, "SELECT COUNT(*) FROM invoice").await;
        assert_eq!((members > 0, invoices > 0), (revision > 0, revision > 0), "after {delay:?}");
        if revision > 0 {
            break;
        }
    }
    assert!(killed > 0, "no kill came before the end");
    assert!(import().status().unwrap().success());
    assert!(number(&app, "SELECT COUNT(*) FROM invoice").await > 0);
    assert_eq!(violations(&app).await, [""; 0]);
    assert!(app.program().arg("verify").output().unwrap().status.success());
});
