//! Registers with several servers of PostgreSQL: the first that is no standby is the primary, and
//! another one is taken when it is lost.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;

use super::instance::{Instance, PASSWORD};
use crate::support::{app, server_process::Server};

const READ: &str = r#"{"query":"{ members { totalCount } }"}"#;
const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

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
