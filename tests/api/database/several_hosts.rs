//! Registers with several servers of PostgreSQL: the first that is no standby is the primary, and
//! another one is taken when it is lost.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use super::fault_injection::cluster::{as_owner, give_to_owner, programs};
use crate::support::{app, server_process::Server};

const READ: &str = r#"{"query":"{ members { totalCount } }"}"#;
const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

/// A server of PostgreSQL of the test's own, stopped when dropped.
struct Instance {
    folder: TempDir,
    port: u16,
}

/// The password of all of them.
const PASSWORD: &str = "of-a-server-that-lives-as-long-as-a-test";

impl Instance {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to_owner(folder.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = as_owner(&programs().join(program), arguments);
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn control(&self, arguments: &[&str]) {
        let data = text(&self.path("data"));
        self.run("pg_ctl", &[&["-D", &data, "-s", "-w"], arguments].concat());
    }

    fn start(&self) {
        let options = format!(
            "-c port={} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c max_connections=80 -c shared_buffers=32MB",
            self.port,
            text(self.folder.path())
        );
        self.control(&["start", "-l", &text(&self.path("log")), "-o", &options]);
    }

    /// Makes a primary.
    fn primary() -> Self {
        let instance = Self::new();
        let file = instance.path("password");
        std::fs::write(&file, PASSWORD).unwrap();
        give_to_owner(&file);
        let (data, file) = (text(&instance.path("data")), text(&file));
        let arguments =
            ["-D", &data, "-U", "samregister", "-A", "password", "--pwfile", &file, "--no-sync"];
        instance.run("initdb", &[&arguments[..], &["--encoding=UTF8", "--locale=C"]].concat());
        instance.start();
        instance
    }

    /// Makes a standby that receives what this primary writes.
    fn standby(&self) -> Self {
        let standby = Self::new();
        let (data, from) = (text(&standby.path("data")), self.url("postgres"));
        standby
            .run("pg_basebackup", &["-D", &data, "-d", &from, "-R", "-X", "stream", "-c", "fast"]);
        standby.start();
        standby
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://samregister:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let data = text(&self.path("data"));
        as_owner(&programs().join("pg_ctl"), &["-D", &data, "-s", "-m", "immediate", "stop"]);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
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
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let list = format!(
        "postgres://samregister:{PASSWORD}@127.0.0.1:{dead}/postgres,\n{} {}",
        standby.url("postgres"),
        primary.url("postgres")
    );
    let program = |list: &str| {
        let mut program = app::program();
        program.env("DATABASE_URL", list).env("SAMREGISTER_JWT_SECRET", app::SECRET);
        program
    };
    let run = |list: &str, line: &str| {
        let done = program(list).args(line.split(' ')).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, _, err) = run(&list, "migrate");
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = run(&list, "token --role OFFICE --days 30");
    let server = Server::start(program(&list), "serve --bind 127.0.0.1:0");
    admit_until_done(&server, &token);

    // The standby has it, and takes over.
    let copy = sea_orm::Database::connect(standby.url("postgres")).await.unwrap();
    let began = Instant::now();
    while copy.execute_unprepared("SELECT 1 / (SELECT count(*) FROM member)").await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    copy.close().await.unwrap();
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
