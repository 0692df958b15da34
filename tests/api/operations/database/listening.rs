//! Changes of other servers on PostgreSQL while the address of notifications is dead.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{logged_server::Logged, server_process::Server, test_database::TestDatabase};

const ADMISSION: &str = r#"{"query":"mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }"}"#;

/// Words of the log when notifications can't be received.
const DEAD: &str = "changes of other programs can't be received";

/// A subscription to all changes of a server, as an event stream.
struct Changes(BufReader<TcpStream>);

impl Changes {
    fn follow(server: SocketAddr, token: &str) -> Self {
        let query = "subscription { changes(after: \"0\") { action } }";
        let body = json!({ "query": query }).to_string();
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        Self(BufReader::new(stream))
    }

    /// Waits for the event of the next admission.
    fn wait_for_admission(&mut self) {
        let mut line = String::new();
        while !line.contains("\"memberAdmit\"") {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_receive_changes_while_the_address_of_notifications_is_dead() {
    let database = TestDatabase::postgres().await;
    let run = |line: &str| {
        let done = database.program().args(line.split(' ')).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    run("migrate");
    let token = run("token --role OFFICE --days 30");
    let writer = Server::start(database.program(), "serve --bind 127.0.0.1:0");
    // A port that refuses connections, and one that accepts them and does not answer.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [1, silent.local_addr().unwrap().port()] {
        let url = format!("postgres://samregister@127.0.0.1:{port}/none");
        let server = Logged::start(database.program(), &[("DATABASE_LISTEN_URL", &url)]);
        let mut changes = Changes::follow(server.address, &token);
        server.line(&[DEAD]);
        if port != 1 {
            // That of the round before.
            changes.wait_for_admission();
            changes.wait_for_admission();
        }
        for _ in 0..2 {
            let answer = writer.post(&token, ADMISSION);
            assert!(answer.contains("\"data\":{\"memberAdmit\":{"), "{answer}");
            let began = Instant::now();
            changes.wait_for_admission();
            let took = began.elapsed();
            assert!(took < Duration::from_secs(10), "it took {took:?}");
        }
        std::thread::sleep(Duration::from_secs(5));
        let log = server.said();
        assert_eq!(log.matches(DEAD).count(), 1, "{log}");
    }
}
