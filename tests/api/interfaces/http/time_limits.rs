//! The time limit of a request, wherever it is spent; and the end of a server, which waits for
//! nothing that only reads.

use domain::context::Context;
use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
    database::Database,
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::{
    app::{App, on_both, trail_key},
    caller::Answer,
    http_server::{HttpServer, get, take_readers},
    lifecycle_fixtures::{Register, drafted},
};

const MEMBERS: &str = "{ members { totalCount } }";
const ASKED: &str = "/graphql?query=%7Bmembers%7BtotalCount%7D%7D";
const ADMISSION: &str = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }";

/// Posts a document with an idempotency key, for the newer media type.
async fn post_once(app: &App, document: &str) -> Answer {
    let request = app
        .office()
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header("idempotency-key", "one");
    app.send(request.body(Body::from(json!({ "query": document }).to_string())).unwrap()).await
}

fn is_late(answer: &Answer) -> bool {
    answer.error()["extensions"]["reason"] == "LIMIT_TIME"
}

on_both!(it_holds_while_every_connection_is_taken, |app| async move {
    let limited = app.with(&[
        ("SAMREGISTER_REQUEST_SECONDS", "1"),
        ("SAMREGISTER_SUBSCRIPTIONS_PER_SUBJECT", "1"),
    ]);
    let (server, hurried) = (HttpServer::start(&limited).await, limited.with_lanes());
    let taken = take_readers(&app, false).await;
    let began = Instant::now();
    let answers = [
        hurried.office().get(ASKED).await,
        post_once(&hurried, ADMISSION).await,
        hurried.office().query(MEMBERS).await,
    ];
    assert!(answers.iter().all(is_late), "{answers:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // On sockets too, and a subscription waits no longer to begin.
    let mut client = server.client(&app.office()).await;
    let began = Instant::now();
    client.subscribe("q", MEMBERS).await;
    let answer = client.hear().await;
    assert_eq!(answer["payload"][0]["extensions"]["reason"], "LIMIT_TIME", "{answer}");
    client.subscribe("s", "subscription { changes(after: \"0\") { revision } }").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // It counts as long as it begins.
    client.subscribe("t", "subscription { changes(after: \"0\") { revision } }").await;
    for (id, reason) in [("t", "LIMIT_SUBSCRIPTIONS"), ("s", "LIMIT_TIME")] {
        let answer = client.hear().await;
        assert_eq!(
            (&answer["id"], &answer["payload"][0]["extensions"]["reason"]),
            (&json!(id), &json!(reason)),
            "{answer}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(taken);
    // A retry with the same key does what was not begun.
    post_once(&app, ADMISSION).await.data();
    assert_eq!(app.office().query(MEMBERS).await["members"]["totalCount"], 1);
});

on_both!(a_late_mutation_is_to_be_retried, |app| async move {
    let hurried = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]).with_lanes();
    let writing =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    let late = post_once(&hurried, ADMISSION).await;
    assert!(
        is_late(&late) && late.text().contains("Retry with the same Idempotency-Key"),
        "{}",
        late.text()
    );
    assert_eq!(
        (late.status, late.header("retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, "5"),
        "{}",
        late.text()
    );
    assert_eq!(late.error()["extensions"]["retryAfterSeconds"], 5);
    writing.undo().await.unwrap();
    // The first is committed, and a retry gives its answer.
    let retried = async {
        while !post_once(&hurried, ADMISSION).await.errors().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), retried).await.unwrap();
    assert_eq!(app.office().query(MEMBERS).await["members"]["totalCount"], 1);
});

#[tokio::test]
async fn a_document_that_never_yields_its_thread_is_answered_in_time() {
    let app = App::sqlite()
        .await
        .with(&[("SAMREGISTER_REQUEST_SECONDS", "1"), ("SAMREGISTER_MAX_CONCURRENT", "100")])
        .with_lanes();
    // What is asked about the schema waits for nothing.
    let asked: String = (0..60)
        .map(|position| {
            format!("a{position}: __schema {{ types {{ fields {{ args {{ name }} }} }} }} ")
        })
        .collect();
    let (office, document, began) = (app.office(), format!("{{ {asked} }}"), Instant::now());
    let hostile = futures_util::future::join_all((0..8).map(|_| office.query(&document)));
    let other = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.board().query("{ viewer { subject } }").await.data().clone()
    };
    let (answers, other) = tokio::join!(hostile, other);
    assert_eq!(other["viewer"]["subject"], "board@example.se");
    assert!(answers.iter().filter(|answer| !answer.errors().is_empty()).all(is_late));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

on_both!(files_take_from_the_budget, |app| async move {
    let register = Register::fill(&app).await;
    let draft = drafted(&app, register.draft(0, "bip", "2027-01-01")).await;
    for path in [
        "/files/expiring.ics".to_owned(),
        "/files/revenue.csv?from=2026-01-01&to=2026-12-31".to_owned(),
        "/files/revenue.xlsx?from=2026-01-01&to=2026-12-31".to_owned(),
        format!("/files/agreements/{draft}.pdf"),
    ] {
        // Each costs more than a minute's points, and takes all of them.
        let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")]);
        let made = app.office().get(&path).await;
        // A draft costs something to find, and more to set.
        assert!(
            made.status == StatusCode::OK
                || path.ends_with(".pdf") && made.reason() == "COST_BUDGET",
            "{path}: {}",
            made.text()
        );
        let refused = app.office().get(&path).await;
        assert_eq!(
            (refused.status, refused.reason()),
            (StatusCode::TOO_MANY_REQUESTS, "COST_BUDGET"),
            "{path}"
        );
        assert!(
            refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0),
            "{path}"
        );
    }
    let rich = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "20000")]);
    let made = rich.office().get(&format!("/files/agreements/{draft}.pdf")).await;
    assert!(made.bytes.starts_with(b"%PDF-"), "{}", made.text());
});

on_both!(a_server_that_stops_makes_no_more_files, |app| async move {
    let register = Register::fill(&app).await;
    let draft = drafted(&app, register.draft(0, "bip", "2027-01-01")).await;
    let taken = take_readers(&app, true).await;
    let server = HttpServer::start(&app).await;
    let (address, authorization) =
        (server.address, app.office().authorization().unwrap().to_owned());
    let waiting: Vec<_> = [
        "/files/expiring.ics".to_owned(),
        "/files/revenue.csv?from=2026-01-01&to=2026-12-31".to_owned(),
        "/files/revenue.xlsx?forecast=2026".to_owned(),
        format!("/files/agreements/{draft}.pdf"),
    ]
    .into_iter()
    .map(|path| {
        let authorization = authorization.clone();
        tokio::spawn(async move { get(address, &path, Some(&authorization)).await })
    })
    .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let stopped = server.stop();
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("because the server is stopping"),
            "{answer}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(taken);
    stopped.await;
});

// On PostgreSQL alone: SQLite has no lock that keeps a statement waiting.
#[tokio::test]
async fn small_queries_of_one_subject_leave_connections_to_others() {
    let app = App::postgres().await;
    let app = app.with(&[("SAMREGISTER_MAX_CONCURRENT", "40")]).with_lanes();
    let other = Database::connect(&app.url(), None).await.unwrap().with_trail_key(trail_key());
    let writing = audit::begin(
        Context::new(&other, app.clock, &Viewer::operator("test")),
        Action::MemberUpdate,
    )
    .await
    .unwrap();
    writing.tx().execute_unprepared("LOCK TABLE activity IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // Each holds its connection until the lock is released: more than there are, and none of them
    // expensive.
    let names: String = (0..8).map(|position| format!("a{position}: name ")).collect();
    let query = format!("{{ activities(first: 200) {{ nodes {{ {names} }} }} }}");
    let mut hostile: Vec<_> = (0..32)
        .map(|_| {
            let (app, query) = (app.clone(), query.clone());
            tokio::spawn(async move { app.finance().query(&query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer =
        tokio::time::timeout(Duration::from_secs(20), app.office().query(MEMBERS)).await.unwrap();
    assert_eq!(answer["members"]["totalCount"], 0);
    for running in &mut hostile {
        if running.is_finished() {
            panic!("it did not wait: {}", running.await.unwrap().text());
        }
    }
    writing.undo().await.unwrap();
    for answer in hostile {
        answer.await.unwrap().data();
    }
    other.close().await.unwrap();
}
