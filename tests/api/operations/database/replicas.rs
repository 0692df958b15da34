//! Read replicas of PostgreSQL: queries read from them, and never an older state than their client
//! has seen.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};

use super::instance::Instance;
use crate::support::{app, server_process::Server};

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// Returns a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next_back()
            .unwrap_or_default()
    }

    /// Returns the revision of its state.
    pub fn revision(&self) -> i64 {
        self.header("x-samregister-revision").parse().unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Returns the number of members that it shows.
    pub fn members(&self) -> i64 {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["data"]["members"]["totalCount"].as_i64().unwrap_or_else(|| panic!("{self:?}"))
    }
}

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    pub address: String,
    pub token: String,
}

impl Client {
    /// Sends a request with these headers; fails if there is no answer.
    pub fn send(
        &self,
        line: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (token, length) = (&self.token, body.len());
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.ok_or_else(cut)?, head: head.to_owned(), body: body.to_owned() })
    }

    /// Counts the members; the text has this alias, so that no answer to another one is given.
    pub fn count(&self, alias: &str, seen: Option<i64>) -> std::io::Result<Answer> {
        let document = format!("query {alias} {{ members {{ totalCount }} }}");
        let seen = seen.map(|seen| ("X-Samregister-Revision", seen.to_string()));
        let body = json!({ "query": document }).to_string();
        self.send("POST /graphql", seen.as_slice(), &body)
    }

    /// Admits a member.
    pub fn admit(&self, name: &str) -> std::io::Result<Answer> {
        let document = "mutation($n: String!) { memberAdmit(input: { name: $n, joinedOn: \"2026-01-01\" }) { member { name } } }";
        let body = json!({ "query": document, "variables": { "n": name } }).to_string();
        self.send("POST /graphql", &[], &body)
    }

    /// Returns a metric; `None` if it is absent.
    pub fn metric(&self, name: &str, server: &str) -> Option<i64> {
        let text = self.send("GET /metrics", &[], "").unwrap().body;
        let start = format!("samregister_{name}{{server=\"{server}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
    }
}

/// Waits until something holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the program with these servers.
pub fn program(list: &str, replicas: &[&Instance]) -> Command {
    let replicas: Vec<_> = replicas.iter().map(|replica| replica.url("postgres")).collect();
    let mut program = app::program();
    program.env("DATABASE_URL", list).env("SAMREGISTER_JWT_SECRET", app::SECRET);
    program.env("DATABASE_REPLICA_URLS", replicas.join(", "));
    program
}

/// Runs a command of the program, and returns what it wrote.
pub fn run(list: &str, line: &str) -> String {
    let done = program(list, &[]).args(line.split(' ')).output().unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Returns the name of a replica in metrics.
pub fn name_of(replica: &Instance) -> String {
    format!("127.0.0.1:{}", replica.port)
}

async fn execute(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_read_from_a_replica_and_never_an_older_state_than_their_client_has_seen() {
    let primary = Instance::primary();
    let standby = primary.standby();
    let (list, name) = (primary.url("postgres"), name_of(&standby));
    run(&list, "migrate");
    let token = |subject| run(&list, &format!("token --role OFFICE --days 30 --subject {subject}"));
    let server = Server::start(program(&list, &[&standby]), "serve --bind 127.0.0.1:0");
    let client = |subject| Client { address: server.address.clone(), token: token(subject) };
    let (writer, reader) = (client("writer"), client("reader"));
    let reads = |server: &str| writer.metric("database_reads_total", server).unwrap_or_default();
    let in_use = || writer.metric("database_replica_in_use", &name);
    wait_until("the replica is in use", || in_use() == Some(1));
    let admit = |name: &str| {
        let answer = writer.admit(name).unwrap();
        assert!(answer.body.contains("\"data\":{\"memberAdmit\":{"), "{answer:?}");
        answer.revision()
    };

    let first = admit("Första");
    wait_until("a query reads from the replica", || {
        let answer = writer.count("a", Some(first)).unwrap();
        assert_eq!(answer.members(), 1);
        assert!(answer.revision() >= first);
        let other = reader.count(&format!("b{}", reads(&name)), None).unwrap();
        assert!(other.members() <= 1);
        reads(&name) > 1
    });

    // A replica that lags: the primary is asked for what it lacks.
    let copy = sea_orm::Database::connect(standby.url("postgres")).await.unwrap();
    execute(&copy, "SELECT pg_wal_replay_pause()").await;
    let second = admit("Andra");
    assert!(second > first);
    let before = reads("primary");
    for (alias, seen) in [("c", Some(second)), ("d", None), ("d2", Some(first))] {
        let answer = writer.count(alias, seen).unwrap();
        assert_eq!((answer.members(), answer.revision()), (2, second), "{alias}");
    }
    assert_eq!(reads("primary"), before + 3);
    let before = reads(&name);
    for seen in [Some(first), None] {
        let answer = reader.count(&format!("e{}", seen.is_some()), seen).unwrap();
        assert_eq!((answer.members(), answer.revision()), (1, first), "it states what it shows");
    }
    assert_eq!(reads(&name), before + 2);
    // An answer of the replica is not stored for those who need a later one.
    let answer = reader.count("etrue", Some(second)).unwrap();
    assert_eq!((answer.members(), answer.revision()), (2, second));
    let path = "GET /graphql?query=%7Bmembers%7BtotalCount%7D%7D";
    let old = reader.send(path, &[], "").unwrap();
    assert_eq!((old.members(), old.revision()), (1, first));
    let known = [("If-None-Match", old.header("etag").to_owned())];
    assert_eq!(reader.send(path, &known, "").unwrap().status, 304);
    let seen = ("X-Samregister-Revision", second.to_string());
    let new = reader.send(path, &[known[0].clone(), seen], "").unwrap();
    assert_eq!((new.status, new.members()), (200, 2));

    // Contacts, whose reading is logged, are read from the primary, also as cursors and as JSON.
    for document in [
        "{ contacts { nodes { name } } }",
        "{ contacts { pageInfo { endCursor } } }",
        "{ contactExport(contactId: \"contact_00000000000000000000000000000000\") }",
    ] {
        let before = reads("primary");
        let contacts = json!({ "query": document }).to_string();
        assert_eq!(reader.send("POST /graphql", &[], &contacts).unwrap().status, 200);
        assert_eq!(reads("primary"), before + 1, "{document}");
    }

    execute(&copy, "SELECT pg_wal_replay_resume()").await;
    copy.close().await.unwrap();
    let before = reads(&name);
    wait_until("the replica has caught up", || {
        let alias = format!("f{}", reads("primary"));
        assert_eq!(writer.count(&alias, Some(second)).unwrap().members(), 2);
        reads(&name) > before
    });

    // A revision that the register has not reached, and none at all.
    let answer = writer.count("g", Some(second + 1_000)).unwrap();
    assert_eq!((answer.members(), answer.revision()), (2, second));
    let bad = [("X-Samregister-Revision", "later".to_owned())];
    let answer = writer.send("POST /graphql", &bad, r#"{"query":"{ members { totalCount } }"}"#);
    let answer = answer.unwrap();
    assert!(answer.body.contains("\"x-samregister-revision\""), "{answer:?}");

    // A dead replica is left out, and returns.
    standby.control(&["stop", "-m", "immediate"]);
    for round in 0..5 {
        let answer = reader.count(&format!("h{round}"), None).unwrap();
        assert_eq!(answer.members(), 2);
    }
    wait_until("the replica is left out", || in_use() == Some(0));
    let before = reads(&name);
    assert_eq!(reader.count("i", None).unwrap().members(), 2);
    assert_eq!(reads(&name), before);
    standby.start();
    wait_until("the replica is in use again", || in_use() == Some(1));
    wait_until("the replica is read again", || {
        let alias = format!("j{}", reads("primary"));
        assert_eq!(reader.count(&alias, Some(second)).unwrap().members(), 2);
        reads(&name) > before
    });
    let log = server.log();
    assert!(log.contains("a read replica is left out"), "{log}");
    assert_eq!(server.stop().0, Some(0));
}

/// Receives the first event of a subscription.
fn first_event(client: &Client, document: &str) -> String {
    let mut stream = TcpStream::connect(&client.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (token, body) = (&client.token, json!({ "query": document }).to_string());
    let length = body.len();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    lines.find(|line| line.starts_with("data: {")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_subject_has_seen_is_not_older_afterwards_even_without_its_revision() {
    let primary = Instance::primary();
    let standby = primary.standby();
    let (list, name) = (primary.url("postgres"), name_of(&standby));
    run(&list, "migrate");
    let token = |subject| run(&list, &format!("token --role OFFICE --days 30 --subject {subject}"));
    let mut serving = program(&list, &[&standby]);
    serving.env("SAMREGISTER_MAX_BATCH", "2");
    let server = Server::start(serving, "serve --bind 127.0.0.1:0");
    let client = |subject| Client { address: server.address.clone(), token: token(subject) };
    let (writer, reader, follower) = (client("writer"), client("reader"), client("follower"));
    wait_until("the replica is in use", || {
        writer.metric("database_replica_in_use", &name) == Some(1)
    });
    let first = writer.admit("Första").unwrap().revision();
    wait_until("the replica has the first one", || {
        reader.count("a", None).unwrap().revision() == first
    });
    let copy = sea_orm::Database::connect(standby.url("postgres")).await.unwrap();
    execute(&copy, "SELECT pg_wal_replay_pause()").await;

    // A mutation whose answer has no header, and one in a list of documents.
    let admission = |name: &str| {
        let input = format!("{{ name: \"{name}\", joinedOn: \"2026-01-01\" }}");
        format!("mutation {{ memberAdmit(input: {input}) {{ member {{ name }} }} }}")
    };
    let events = [("Accept", "text/event-stream".to_owned())];
    let body = json!({ "query": admission("Andra") }).to_string();
    let answer = writer.send("POST /graphql", &events, &body).unwrap();
    assert!(answer.body.contains("\"memberAdmit\":{"), "{answer:?}");
    let own = writer.count("b", Some(first)).unwrap();
    assert_eq!(own.members(), 2);
    let batch = json!([{ "query": admission("Tredje") }, { "query": "{ revision }" }]);
    let answer = writer.send("POST /graphql", &[], &batch.to_string()).unwrap();
    let third = answer.revision();
    assert!(third > own.revision(), "{answer:?}");
    assert_eq!(writer.count("c", Some(first)).unwrap().members(), 3);

    // The field `revision` is that of the state, and what follows is not older.
    let body = json!({ "query": "{ revision members { totalCount } }" }).to_string();
    let old = reader.send("POST /graphql", &[], &body).unwrap();
    assert_eq!((old.members(), old.revision()), (1, first), "{old:?}");
    assert!(old.body.contains(&format!("\"revision\":\"{first}\"")), "{old:?}");
    assert_eq!(reader.count("d", None).unwrap().members(), 1);
    let seen = [("X-Samregister-Revision", third.to_string())];
    let new = reader.send("POST /graphql", &seen, r#"{"query":"{ revision }"}"#).unwrap();
    assert!(new.body.contains(&format!("\"revision\":\"{third}\"")), "{new:?}");
    assert_eq!(reader.count("e", None).unwrap().members(), 3);

    // An event comes from the primary, and what is read for it is not older.
    assert_eq!(follower.count("f", None).unwrap().members(), 1);
    let document = format!("subscription {{ changes(after: \"{first}\") {{ revision }} }}");
    let event = first_event(&follower, &document);
    assert!(event.contains("\"revision\":"), "{event}");
    assert_eq!(follower.count("g", None).unwrap().members(), 3);
    execute(&copy, "SELECT pg_wal_replay_resume()").await;
    copy.close().await.unwrap();
    assert_eq!(server.stop().0, Some(0));
}

/// The line of `doctor` about replicas, which are these, with its status.
fn line_of_doctor(list: &str, replicas: &[&str]) -> (String, String) {
    let mut program = program(list, &[]);
    program.env("DATABASE_REPLICA_URLS", replicas.join(", "));
    let done = program.args(["doctor", "--format", "json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stderr)));
    let checks = document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "read_replicas").unwrap();
    let text = |name: &str| check[name].as_str().unwrap().to_owned();
    (text("status"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_replicas_that_can_not_be_used() {
    let primary = Instance::primary();
    let standby = primary.standby();
    let list = primary.url("postgres");
    run(&list, "migrate");
    let token = run(&list, "token --role OFFICE --days 30 --subject writer");
    let server = Server::start(program(&list, &[]), "serve --bind 127.0.0.1:0");
    let writer = Client { address: server.address.clone(), token };
    assert!(writer.admit("Första").unwrap().revision() > 0);
    let expect = |replicas: &[&str], status: &str, words: &str| {
        let found = line_of_doctor(&list, replicas);
        assert!(found.0 == status && found.1.contains(words), "{found:?}, not {words:?}");
    };
    let copy = standby.url("postgres");
    expect(&[], "ok", "name no read replicas");
    expect(&[&list, &copy], "ok", "2 read replicas are up to date");

    let db = sea_orm::Database::connect(&copy).await.unwrap();
    execute(&db, "SELECT pg_wal_replay_pause()").await;
    writer.admit("Andra").unwrap();
    let name = name_of(&standby);
    expect(&[&copy], "warn", &format!("{name} lacks "));
    execute(&db, "SELECT pg_wal_replay_resume()").await;
    db.close().await.unwrap();

    // Another register, and a standby that takes over without the register's servers.
    let other = Instance::primary();
    let elsewhere = other.url("postgres");
    run(&elsewhere, "migrate");
    expect(&[&elsewhere], "fail", "is no standby");
    standby.control(&["promote"]);
    expect(&[&copy], "fail", &format!("{name} is no standby"));
    standby.control(&["stop", "-m", "immediate"]);
    expect(&[&copy], "fail", &format!("{name} can't be read"));
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_register_on_sqlite_has_no_replicas() {
    let mut program = app::program();
    program.env("DATABASE_URL", "sqlite:x.db").env("SAMREGISTER_JWT_SECRET", app::SECRET);
    program.env("DATABASE_REPLICA_URLS", "postgres://h/d");
    let done = program.args(["serve"]).output().unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success());
    assert!(err.contains("DATABASE_REPLICA_URLS requires a DATABASE_URL of PostgreSQL"), "{err}");
}
