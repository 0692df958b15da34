//! The log: a line for each request with what it took, and slow statements without their values.

use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use crate::support::{
    app::App,
    http_server::{Client, PROTOCOL, get_with},
    logged_server::{Logged, token},
};

const MEMBERS: &str = "/graphql?query=query%20Members%7Bmembers%7Bnodes%7Bname%7D%7D%7D";
const REFUSED: &str = "/graphql?query=%7Bmembers%7Bnodes%7Bsalary%7D%7D%7D";

async fn register() -> App {
    let app = App::sqlite().await;
    app.office().query("mutation { memberAdmit(input: { name: \"Hemliga förbundet\", joinedOn: \"2026-01-01\" }) { member { id } } }").await.data();
    app
}

#[tokio::test]
async fn each_request_is_a_line_of_text_with_what_it_took() {
    let app = register().await;
    let server = Logged::start(app.program(), &[]);
    let board = token(&app, &["--role", "BOARD", "--subject", "anna@example.se"]);
    let answer = get_with(server.address, MEMBERS, Some(&board), "").await;
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let line = server.line(&["answered", "operation=\"query Members\""]);
    let bytes = format!("bytes={}", body.len());
    for part in [
        "request{request_id=",
        "method=GET route=\"/graphql\"}",
        "status=200 ms=",
        "subject=\"anna@example.se\"",
        "address=127.0.0.1",
        "rows=1 ",
        "cost=",
        bytes.as_str(),
        "code=\"OK\"",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let statements = line.split("statements=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(statements.parse::<u32>().unwrap() >= 1, "{line}");
    assert!(!line.contains("documents="), "there is one: {line}");
    // A refused document and another route.
    get_with(server.address, REFUSED, Some(&board), "").await;
    let line = server.line(&["answered", "code=\"INVALID\""]);
    assert!(line.contains("subject=\"anna@example.se\""), "{line}");
    get_with(server.address, "/healthz", None, "").await;
    let line = server.line(&["answered", "/healthz"]);
    assert!(
        line.contains("bytes=6") && !line.contains("cost=") && !line.contains("code="),
        "{line}"
    );
    // Neither documents nor data are logged.
    let said = server.said();
    assert!(!said.contains("Hemliga") && !said.contains("nodes"), "{said}");
}

#[tokio::test]
async fn each_request_is_an_object_for_machines_also_on_a_socket() {
    let app = register().await;
    let server = Logged::start(app.program(), &[("SAMREGISTER_LOG_FORMAT", "json")]);
    let board = token(&app, &["--role", "BOARD", "--subject", "anna@example.se"]);
    get_with(server.address, MEMBERS, Some(&board), "").await;
    let line = server.line(&["\"answered\"", "query Members"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    let fields = &line["fields"];
    assert_eq!(
        [
            &fields["status"],
            &fields["subject"],
            &fields["address"],
            &fields["rows"],
            &fields["code"]
        ],
        [&json!(200), &json!("anna@example.se"), &json!("127.0.0.1"), &json!(1), &json!("OK")]
    );
    for name in ["statements", "cost", "bytes"] {
        assert!(fields[name].as_u64().is_some_and(|number| number > 0), "{name} in {line}");
    }
    assert!(fields["ms"].is_number() && line["span"]["request_id"].is_string(), "{line}");
    let mut client = Client::open(server.address, &[PROTOCOL], 64 << 10)
        .await
        .unwrap_or_else(|answer| panic!("{answer:?}"));
    client.say(json!({ "type": "connection_init", "payload": { "authorization": board } })).await;
    client.hear().await;
    client.subscribe("1", "query OnSocket { members { totalCount } }").await;
    client.hear().await;
    let line = server.line(&["\"answered\"", "query OnSocket"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    let fields = &line["fields"];
    assert_eq!(
        [&fields["route"], &fields["subject"], &fields["code"]],
        [&json!("/graphql/ws"), &json!("anna@example.se"), &json!("OK")]
    );
    assert!(fields["request_id"].is_string() && fields["bytes"].is_u64(), "{line}");
}

#[tokio::test]
async fn a_slow_statement_is_logged_without_its_values() {
    let app = App::postgres().await;
    let server = Logged::start(app.program(), &[("SAMREGISTER_SLOW_STATEMENT_MS", "200")]);
    let board = token(&app, &["--role", "BOARD", "--subject", "anna@example.se"]);
    // It has started, so that only the query below waits.
    let viewer = "/graphql?query=%7Bviewer%7Broles%7D%7D";
    assert!(get_with(server.address, viewer, Some(&board), "").await.starts_with("HTTP/1.1 200"));
    let lock = app.db.read().begin().await.unwrap();
    lock.execute_unprepared("LOCK TABLE member IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let path =
        "/graphql?query=%7Bmembers(filter:%7Bsearch:%22Hemliga%22%7D)%7Bnodes%7Bname%7D%7D%7D";
    let address = server.address;
    let waiting = tokio::spawn(async move { get_with(address, path, Some(&board), "").await });
    // Until the statement waits for the lock, and then for longer than the threshold.
    let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'member'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waits = || sea_orm::Statement::from_string(app.db.backend(), waits);
    while lock.query_one_raw(waits()).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    lock.rollback().await.unwrap();
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200"));
    let line = server.line(&["slow statement"]);
    assert!(line.contains("request_id=") && line.contains("\\\"member\\\""), "{line}");
    assert!(!server.said().contains("Hemliga"), "{line}");
    let text = get_with(address, "/metrics", None, "").await;
    let slow = text
        .lines()
        .find_map(|line| line.strip_prefix("samregister_database_slow_statements_total "));
    assert!(slow.is_some_and(|count| count.parse::<u32>().unwrap() >= 1), "{text}");
}
