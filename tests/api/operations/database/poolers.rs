//! Registers on PostgreSQL behind PgBouncer.

use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::instance::own_port;
use crate::support::{server_process::Server, test_database::TestDatabase};

const READ: &str = r#"{"query":"{ members { totalCount } }"}"#;
const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

/// A running PgBouncer, ended when dropped.
struct PgBouncer {
    _folder: TempDir,
    child: Child,
    port: u16,
}

impl PgBouncer {
    /// Starts one in front of the server of this database.
    fn start(database: &TestDatabase, pool_mode: &str) -> Self {
        let url = database.url();
        let (user, server) = url.trim_start_matches("postgres://").rsplit_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let (host, port) =
            server.split_once('/').and_then(|(server, _)| server.split_once(':')).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = own_port();
        // It refuses to run as root.
        let owner = if is_root() { "user = postgres\n" } else { "" };
        let settings = format!(
            "[databases]\n* = host={host} port={port} user={user} password={password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {own}\nunix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 80\n{owner}"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
        let program = program.into_iter().find(|program| Path::new(program).exists());
        let child = Command::new(program.unwrap_or("pgbouncer"))
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|cause| {
                panic!("PgBouncer does not start; tests/run.sh with --ignored installs it: {cause}")
            });
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", own)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "PgBouncer does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { _folder: folder, child, port: own }
    }

    /// The program over the database behind it.
    fn program(&self, database: &TestDatabase) -> Command {
        let url = database.url();
        let name = url.rsplit('/').next().unwrap();
        let mut program = database.program();
        program.env("DATABASE_URL", format!("postgres://any@127.0.0.1:{}/{name}", self.port));
        program
    }

    /// Runs a command of the program: its exit code, and what it says.
    fn run(&self, database: &TestDatabase, line: &str) -> (Option<i32>, String, String) {
        let done = self.program(database).args(line.split(' ')).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs PgBouncer; .ci/long runs it"]
async fn a_register_works_behind_pgbouncer_in_session_mode() {
    let database = TestDatabase::postgres().await;
    let pooler = PgBouncer::start(&database, "session");
    let (code, _, err) = pooler.run(&database, "migrate");
    assert_eq!(code, Some(0), "{err}");
    let (_, token, err) = pooler.run(&database, "token --role OFFICE --days 30");
    let token = token.trim();
    assert!(!token.is_empty(), "{err}");
    let server = Server::start(pooler.program(&database), "serve --bind 127.0.0.1:0");
    for count in 1..=3 {
        let answer = server.post(token, ADMISSION);
        assert!(answer.contains("\"data\":{\"memberAdmit\":{"), "{answer}");
        let answer = server.post(token, READ);
        assert!(answer.contains(&format!("\"totalCount\":{count}")), "{answer}");
    }
    let (code, _, err) = pooler.run(&database, "verify");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(server.stop().0, Some(0));
}

/// Debian's version does not keep prepared statements in transaction mode.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs PgBouncer; .ci/long runs it"]
async fn every_command_refuses_a_pooler_that_does_not_keep_prepared_statements() {
    let database = TestDatabase::postgres().await;
    let done = database.program().arg("migrate").output().unwrap();
    assert!(done.status.success());
    let pooler = PgBouncer::start(&database, "transaction");
    for line in [
        "migrate",
        "serve --bind 127.0.0.1:0",
        "serve --no-migrate --bind 127.0.0.1:0",
        "verify",
        "export exported",
        "expiring",
        "invoices late",
        "clock",
    ] {
        let (code, out, err) = pooler.run(&database, line);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{line}: {err}");
        assert!(
            err.starts_with("error: DATABASE_URL leads to a pooler")
                && err.contains("set pool_mode = session")
                && err.contains("max_prepared_statements")
                && err.lines().count() == 1,
            "{line}: {err}"
        );
    }
}
