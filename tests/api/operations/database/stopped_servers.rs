//! Servers on PostgreSQL that are stopped within a change, or told to stop while a statement waits.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::support::{server_process::Server, test_database::TestDatabase};

const READ: &str = r#"{"query":"{ members { totalCount } }"}"#;
const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

/// A migrated register on PostgreSQL, and a token of its office.
async fn register() -> (TestDatabase, DatabaseConnection, String) {
    let database = TestDatabase::postgres().await;
    let run = |line: &str| {
        let done = database.program().args(line.split(' ')).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    run("migrate");
    let token = run("token --role OFFICE --days 30");
    let db = sea_orm::Database::connect(database.url()).await.unwrap();
    (database, db, token)
}

/// A transaction that holds this lock of the members.
async fn lock(db: &DatabaseConnection, mode: &str) -> DatabaseTransaction {
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared(&format!("LOCK TABLE member IN {mode} MODE")).await.unwrap();
    tx
}

/// Waits until a server's statement waits for the members, in a change or not.
async fn wait_for_statement(db: &DatabaseConnection, of_change: bool) {
    let select = "SELECT count(*) FROM pg_locks AS wanted JOIN pg_stat_activity AS session USING (pid)
        WHERE NOT wanted.granted AND wanted.locktype = 'relation' AND session.datname = current_database()
        AND session.application_name LIKE 'samregister serve %'
        AND EXISTS (SELECT 1 FROM pg_locks AS held WHERE held.pid = wanted.pid AND held.locktype = 'advisory') = $1";
    let select = Statement::from_sql_and_values(DbBackend::Postgres, select, [of_change.into()]);
    let waits = async {
        loop {
            let row = db.query_one_raw(select.clone()).await.unwrap().unwrap();
            if row.try_get_by_index::<i64>(0).unwrap() > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
}

fn post(server: &Server, token: &str, body: &'static str) -> JoinHandle<String> {
    let (address, token) = (server.address.clone(), token.to_owned());
    spawn_blocking(move || Server::post_to(&address, &token, body))
}

fn is_done(answer: &str) -> bool {
    answer.contains("\"data\":{\"memberAdmit\":{")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_within_a_change_lets_others_write_after_fifteen_seconds() {
    let (database, db, token) = register().await;
    let start = || Server::start(database.program(), "serve --bind 127.0.0.1:0");
    let (first, second) = (start(), start());
    let members = lock(&db, "SHARE").await;
    let answer = post(&first, &token, ADMISSION);
    wait_for_statement(&db, true).await;
    first.signal("STOP");
    let began = Instant::now();
    // The statement ends, and the change waits for its next one, with the lock of writers.
    members.rollback().await.unwrap();
    loop {
        let answer = post(&second, &token, ADMISSION).await.unwrap();
        if is_done(&answer) {
            break;
        }
        assert!(answer.contains("\"BUSY\""), "{answer}");
    }
    let blocked = began.elapsed();
    assert!(blocked < Duration::from_secs(15), "others were blocked for {blocked:?}");

    // It continues, and does not report what was rolled back as done.
    first.signal("CONT");
    let answer = answer.await.unwrap();
    assert!(answer.contains("\"INTERNAL\""), "{answer}");
    let again = post(&first, &token, ADMISSION).await.unwrap();
    assert!(is_done(&again), "{again}");
    let count = post(&first, &token, READ).await.unwrap();
    assert!(count.contains("\"totalCount\":2"), "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_in_half_a_minute_whatever_a_statement_waits_for() {
    let (database, db, token) = register().await;
    let mut program = database.program();
    for name in
        ["SAMREGISTER_REQUEST_SECONDS", "SAMREGISTER_STATEMENT_SECONDS", "SAMREGISTER_LOCK_SECONDS"]
    {
        program.env(name, "600");
    }
    let server = Server::start(program, "serve --bind 127.0.0.1:0");
    // It has started, so that only the next statement waits.
    let started = post(&server, &token, r#"{"query":"{ viewer { roles } }"}"#).await.unwrap();
    assert!(started.contains("OFFICE"), "{started}");
    let members = lock(&db, "ACCESS EXCLUSIVE").await;
    let _answer = post(&server, &token, READ);
    wait_for_statement(&db, false).await;
    let began = Instant::now();
    let (code, _) = spawn_blocking(move || server.stop()).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    assert_eq!(code, Some(0));
    members.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_the_name_of_its_program_and_instance() {
    let (database, db, token) = register().await;
    let server = Server::start(database.program(), "serve --bind 127.0.0.1:0");
    assert!(post(&server, &token, READ).await.unwrap().contains("\"totalCount\":0"));
    let select = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, select)).await.unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(names, [format!("samregister serve {}:0", host.trim())]);
}
