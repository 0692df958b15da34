//! Registers with several servers of PostgreSQL: the first that is no standby is the primary, and
//! another one is taken when it is lost.

use std::{
    io,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use super::instance::{Instance, PASSWORD};
use crate::support::{app, server_process::Server};

const READ: &str = r#"{"query":"{ members { totalCount } }"}"#;
const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

fn program(list: &str) -> Command {
    let mut program = app::program();
    program.env("DATABASE_URL", list).env("SAMREGISTER_JWT_SECRET", app::SECRET);
    program
}

/// Runs a command of the program: its exit code, and what it says.
fn run(list: &str, line: &str) -> (Option<i32>, String, String) {
    let done = program(list).args(line.split(' ')).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// Waits until a standby has a member.
async fn wait_for_member(standby: &Instance) {
    let copy = sea_orm::Database::connect(standby.url("postgres")).await.unwrap();
    let began = Instant::now();
    while copy.execute_unprepared("SELECT 1 / (SELECT count(*) FROM member)").await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    copy.close().await.unwrap();
}

fn admit_until_done(server: &Server, token: &str) {
    let began = Instant::now();
    loop {
        let answer = server.post(token, ADMISSION);
        if answer.contains("\"data\":{\"memberAdmit\":{") {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_server_that_is_no_standby_is_taken_and_another_one_when_it_is_lost() {
    let primary = Instance::primary();
    let standby = primary.standby();
    // No test listens on port 1.
    let list = format!(
        "postgres://samregister:{PASSWORD}@127.0.0.1:1/postgres,\n{} {}",
        standby.url("postgres"),
        primary.url("postgres")
    );
    let (code, _, err) = run(&list, "migrate");
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = run(&list, "token --role OFFICE --days 30");
    let server = Server::start(program(&list), "serve --bind 127.0.0.1:0");
    admit_until_done(&server, &token);

    // The standby has it, and takes over.
    wait_for_member(&standby).await;
    primary.control(&["stop", "-m", "immediate"]);
    standby.control(&["promote"]);
    admit_until_done(&server, &token);
    let answer = server.post(&token, READ);
    assert!(answer.contains("\"totalCount\":2"), "{answer}");
    assert!(server.log().contains("found the primary"), "{}", server.log());
    let (code, _, err) = run(&list, "verify");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(server.stop().0, Some(0));

    standby.control(&["stop", "-m", "immediate"]);
    let (code, _, err) = run(&list, "verify");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("no server of the list is the primary"), "{err}");
    assert!(!err.contains(PASSWORD), "{err}");
}

/// A gate in front of a server. Closed, it accepts connections and carries nothing.
struct Gate {
    port: u16,
    is_open: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Gate {
    async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_open, opened) = watch::channel(true);
        let running = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(cross(near, server, opened.clone()));
            }
        });
        Self { port, is_open, running }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn cross(near: TcpStream, server: u16, opened: watch::Receiver<bool>) -> io::Result<()> {
    let far = TcpStream::connect(("127.0.0.1", server)).await?;
    let ((near_from, near_to), (far_from, far_to)) = (near.into_split(), far.into_split());
    let there = carry(near_from, far_to, opened.clone());
    tokio::try_join!(there, carry(far_from, near_to, opened)).map(drop)
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut opened: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut bytes = vec![0; 8192];
    loop {
        let read = from.read(&mut bytes).await?;
        opened.wait_for(|is_open| *is_open).await.map_err(io::Error::other)?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// The number of sessions of a server that this one has begun since an instant.
async fn sessions_since(instance: &Instance, since: f64) -> i64 {
    let db = sea_orm::Database::connect(instance.url("postgres")).await.unwrap();
    let select = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%samregister serve%' AND backend_start > to_timestamp({since})"
    );
    let select = Statement::from_string(DbBackend::Postgres, select);
    let row = db.query_one_raw(select).await.unwrap().unwrap();
    db.close().await.unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_being_opened_to_the_old_primary_is_not_used() {
    let primary = Instance::primary();
    let standby = primary.standby();
    let gate = Gate::before(primary.port).await;
    let list = format!(
        "postgres://samregister:{PASSWORD}@127.0.0.1:{}/postgres, {}",
        gate.port,
        standby.url("postgres")
    );
    let (code, _, err) = run(&primary.url("postgres"), "migrate");
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = run(&primary.url("postgres"), "token --role OFFICE --days 30");
    let server = Server::start(program(&list), "serve --bind 127.0.0.1:0");
    admit_until_done(&server, &token);
    wait_for_member(&standby).await;
    standby.control(&["promote"]);

    // Connections that were idle for more than a second are pinged, and then replaced.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gate.is_open.send_replace(false);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let (began, mut waiting) = (Instant::now(), Vec::new());
    while !server.log().contains("found the primary") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", server.log());
        let (address, token) = (server.address.clone(), token.clone());
        waiting.push(spawn_blocking(move || Server::post_to(&address, &token, READ)));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // The old primary still runs, and answers those that were being connected.
    gate.is_open.send_replace(true);
    for answer in waiting {
        answer.await.unwrap();
    }
    let began = Instant::now();
    admit_until_done(&server, &token);
    while sessions_since(&primary, since).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the old primary is still used");
        server.post(&token, READ);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = server.post(&token, READ);
    assert!(answer.contains("\"totalCount\":2"), "{answer}");
    assert_eq!(server.stop().0, Some(0));
}
