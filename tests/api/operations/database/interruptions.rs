//! Tests that a migration can be interrupted at any point and finished, that a failed one changes
//! nothing, and that programs which migrate at the same time wait for each other.

use chrono::{DateTime, Utc};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use domain::{
    clock::Clock,
    database::{
        Database,
        plan::{Conversion, Plan},
    },
    error::{Error, Result},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, TransactionTrait};

use crate::support::{
    app::{App, on_both, runs},
    database_content::Content,
    test_database::TestDatabase,
};

/// Runs `migrate` to its end and returns how long that took.
pub fn migrate(database: &TestDatabase) -> Duration {
    let start = Instant::now();
    let output = database.program().arg("migrate").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    start.elapsed()
}

/// Starts `migrate`, kills it after `delay`, and so on with half the delay until it ends of its own
/// accord; returns how many were killed.
pub fn migrate_killed(database: &TestDatabase, delay: Duration) -> usize {
    let mut killed = 0;
    let mut delay = delay;
    loop {
        let mut child = database.program().arg("migrate").stderr(Stdio::piped()).spawn().unwrap();
        if wait_at_most(&mut child, delay) {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "after {killed} kills: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            return killed;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        // Killed at the same point every time, it would never end.
        delay = if killed < 3 { delay } else { Duration::from_secs(60) };
    }
}

/// Waits for the end of a program, and returns `true` if it came in time.
fn wait_at_most(child: &mut Child, time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The delays of `count` kills: from the start to the end of a migration that takes this long, at
/// random within equal parts of it.
pub fn kill_points(count: usize, total: Duration) -> impl Iterator<Item = Duration> {
    let part = total / u32::try_from(count).unwrap();
    (0..count).map(move |number| {
        part * u32::try_from(number).unwrap() + part.mul_f64(rand::random::<f64>())
    })
}

on_both!(a_migration_that_was_killed_is_finished_by_the_next_one, |app| async move {
    let complete = app.empty_database().await;
    let time = migrate(&complete);
    let expected = Content::of(&complete).await;
    let mut killed = 0;
    for delay in kill_points(runs(5, 30), time) {
        let database = app.empty_database().await;
        killed += migrate_killed(&database, delay);
        assert_eq!(Content::of(&database).await, expected, "killed after {delay:?} of {time:?}");
    }
    assert!(killed > 0, "no kill came before the end");
});

#[test]
fn a_full_disk_in_the_midst_of_a_migration_changes_nothing_that_was_not_finished() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let complete = TestDatabase::sqlite();
    migrate(&complete);
    let (expected, size) = (
        runtime.block_on(Content::of(&complete)),
        std::fs::metadata(complete.file()).unwrap().len(),
    );
    let mut failed = 0;
    let count = runs(4, 20);
    for number in 1..=count {
        let database = TestDatabase::sqlite();
        // In blocks of 1024 bytes, as the shell counts them: the file and its journal may each
        // become so large.
        let blocks = size * u64::try_from(number).unwrap() / u64::try_from(count).unwrap() / 1024;
        let mut limited = Command::new("bash");
        // Without the signal, the write fails as it does on a full disk.
        limited.args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$0\"; exec \"$1\" migrate",
            &blocks.to_string(),
            env!("CARGO_BIN_EXE_samregister"),
        ]);
        for (name, value) in database.program().get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        let output = limited.output().unwrap();
        if !output.status.success() {
            failed += 1;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.starts_with("error: "), "{said}");
        }
        migrate(&database);
        assert_eq!(
            runtime.block_on(Content::of(&database)),
            expected,
            "with a file of {blocks} blocks"
        );
    }
    assert!(failed >= count / 2, "only {failed} of {count} found their disk full");
}

on_both!(programs_that_start_at_the_same_time_migrate_an_empty_database_once, |app| async move {
    let complete = app.empty_database().await;
    migrate(&complete);
    let expected = Content::of(&complete).await;
    for _ in 0..runs(1, 10) {
        let database = app.empty_database().await;
        let mut servers: Vec<_> = (0..4)
            .map(|_| {
                let mut program = database.program();
                program
                    .args(["serve", "--bind", "127.0.0.1:0"])
                    .stderr(Stdio::piped())
                    .stdout(Stdio::null());
                program.spawn().unwrap()
            })
            .collect();
        for server in &mut servers {
            let said = first_line(server);
            assert!(said.contains("listens on"), "{said}");
        }
        for server in &mut servers {
            assert!(server.try_wait().unwrap().is_none(), "a server ended");
            server.kill().unwrap();
            server.wait().unwrap();
        }
        assert_eq!(Content::of(&database).await, expected);
    }
});

/// The first line that a server says which is not of its log.
fn first_line(server: &mut Child) -> String {
    use std::io::BufRead;
    let lines =
        std::io::BufReader::new(server.stderr.as_mut().unwrap()).lines().map(|line| line.unwrap());
    let mut heard = String::new();
    for line in lines {
        heard.push_str(&line);
        heard.push('\n');
        if line.contains("listens on") || line.starts_with("error: ") {
            break;
        }
    }
    heard
}

/// Makes a table and waits, so that a test can look or break in.
fn slow<'a>(
    _: &'a Database,
    tx: &'a DatabaseTransaction,
    _: DateTime<Utc>,
) -> futures_util::future::BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        tx.execute_unprepared("CREATE TABLE converted (id integer)").await?;
        tokio::time::sleep(Duration::from_secs(6)).await;
        Ok(())
    })
}

/// Makes a table and fails.
fn failing<'a>(
    _: &'a Database,
    tx: &'a DatabaseTransaction,
    _: DateTime<Utc>,
) -> futures_util::future::BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        tx.execute_unprepared("CREATE TABLE converted (id integer)").await?;
        Err(Error::internal(std::io::Error::other("the data are not as they should be")))
    })
}

const LAST: &str = "m9999_01_01_01_conversion";

async fn connect(database: &TestDatabase) -> Database {
    Database::connect(&database.url(), None).await.unwrap()
}

async fn raw(database: &TestDatabase, sql: &str) -> std::result::Result<(), sea_orm::DbErr> {
    let db = sea_orm::Database::connect(database.url()).await?;
    let done = db.execute_unprepared(sql).await.map(drop);
    db.close().await?;
    done
}

on_both!(a_conversion_that_fails_leaves_nothing_and_is_tried_again, |app| async move {
    let database = app.empty_database().await;
    let db = connect(&database).await;
    let plan =
        |run| Plan::current().with(Conversion { name: LAST, run }, env!("CARGO_PKG_VERSION"));
    let Err(Error::Internal(cause)) = db.apply(&plan(failing), Clock::system().now()).await else {
        panic!("it did not fail")
    };
    assert_eq!(
        cause.to_string(),
        format!(
            "the migration {LAST} failed and changed nothing: the data are not as they should be"
        )
    );
    raw(&database, "SELECT * FROM converted").await.unwrap_err();
    // Those before it stay.
    assert_eq!(db.migrate(Clock::system().now()).await.unwrap(), Vec::<String>::new());
    assert_eq!(db.apply(&plan(slow), Clock::system().now()).await.unwrap(), [LAST]);
    raw(&database, "SELECT * FROM converted").await.unwrap();
    assert_eq!(
        db.apply(&plan(failing), Clock::system().now()).await.unwrap(),
        Vec::<String>::new(),
        "it is not done twice"
    );
    db.close().await.unwrap();
});

on_both!(who_migrates_waits_for_another_longer_than_a_change_does, |app| async move {
    let database = app.empty_database().await;
    migrate(&database);
    let plan =
        || Plan::current().with(Conversion { name: LAST, run: slow }, env!("CARGO_PKG_VERSION"));
    let (one, other) = (connect(&database).await, connect(&database).await);
    let (first, second) = (plan(), plan());
    let (first, second) = tokio::join!(
        one.apply(&first, Clock::system().now()),
        other.apply(&second, Clock::system().now())
    );
    let mut applied = [first.unwrap(), second.unwrap()];
    applied.sort();
    assert_eq!(applied, [vec![], vec![LAST.to_owned()]]);
    one.close().await.unwrap();
    other.close().await.unwrap();
});

on_both!(a_migration_waits_for_a_writer, |app| async move {
    let database = app.empty_database().await;
    let db = connect(&database).await;
    db.apply(&Plan::current().before("m2026_11_24_01_texts"), Clock::system().now()).await.unwrap();
    let connection: DatabaseConnection = sea_orm::Database::connect(database.url()).await.unwrap();
    let writing = connection.begin().await.unwrap();
    writing.execute_unprepared("UPDATE activity SET name = name").await.unwrap();
    if database.url().starts_with("sqlite:") {
        // A write of no row takes no lock there.
        writing.execute_unprepared("DELETE FROM search_stale").await.unwrap();
    }
    let migrating = tokio::spawn({
        let db = db.clone();
        async move { db.migrate(Clock::system().now()).await }
    });
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(!migrating.is_finished());
    writing.commit().await.unwrap();
    assert!(migrating.await.unwrap().unwrap().contains(&"m2026_11_24_01_texts".to_owned()));
    connection.close().await.unwrap();
    db.close().await.unwrap();
});

#[tokio::test]
async fn a_connection_that_breaks_in_the_midst_leaves_nothing() {
    let database = TestDatabase::postgres().await;
    let db = connect(&database).await;
    let plan =
        || Plan::current().with(Conversion { name: LAST, run: slow }, env!("CARGO_PKG_VERSION"));
    let migrating = tokio::spawn({
        let db = db.clone();
        async move { db.apply(&plan(), Clock::system().now()).await }
    });
    // Whenever it comes, in any migration or in the conversion that waits.
    tokio::time::sleep(Duration::from_secs(3)).await;
    raw(&database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    migrating.await.unwrap().unwrap_err();
    raw(&database, "SELECT * FROM converted").await.unwrap_err();
    let again = connect(&database).await;
    assert_eq!(
        again.apply(&plan(), Clock::system().now()).await.unwrap().last().map(String::as_str),
        Some(LAST)
    );
    again.close().await.unwrap();
    db.close().await.unwrap();
}

#[test]
fn an_incomplete_migration_of_an_older_program_is_reported_with_a_remedy() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = TestDatabase::sqlite();
    runtime.block_on(raw(&database, "CREATE TABLE contact_area (id BLOB)")).unwrap();
    let output = database.program().arg("migrate").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("m2026_11_21_01_members failed")
            && said.contains("already exists")
            && said.contains("remove the file"),
        "{said}"
    );
}
