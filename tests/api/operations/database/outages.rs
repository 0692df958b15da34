//! Requests while the database is away, moved, or busy with other work.

use domain::context::Context;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
    database::Database,
};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::support::{
    app::{App, on_both, trail_key},
    invoicing_fixtures::{course, drafted, fill, issue, member},
};

const READ: &str = "{ members { totalCount } }";
const ADMISSION: &str = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }";

#[tokio::test]
async fn a_file_that_is_gone_is_neither_read_nor_written_until_it_is_back() {
    let app = App::sqlite().await;
    app.office().query(ADMISSION).await.data();
    let file = std::path::PathBuf::from(app.url().strip_prefix("sqlite://").unwrap());
    let elsewhere = file.with_extension("moved");
    let is_gone = async || {
        assert_eq!(app.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
        for document in [READ, ADMISSION] {
            let answer = app.office().query(document).await;
            assert_eq!(answer.code(), "INTERNAL", "{}", answer.text());
            assert_eq!(answer.error()["extensions"]["requestId"], answer.header("x-request-id"));
        }
    };
    std::fs::rename(&file, &elsewhere).unwrap();
    is_gone().await;
    // A copy at its path is another register.
    std::fs::copy(&elsewhere, &file).unwrap();
    is_gone().await;
    std::fs::rename(&elsewhere, &file).unwrap();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], 1);
    assert_eq!(app.office().query(ADMISSION).await["memberAdmit"]["member"]["name"], json!("Nya"));
}

#[tokio::test]
async fn what_is_answered_as_done_is_on_the_disk() {
    let app = App::sqlite().await;
    let asked = Statement::from_string(app.db.backend(), "PRAGMA synchronous");
    let level: i64 =
        app.db.read().query_one_raw(asked).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(level, 2, "a power cut can take back a commit unless it is FULL");
}

on_both!(changes_that_wait_for_another_program_do_not_block_reads, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let (members, before) =
        (app.office().query(READ).await["members"]["totalCount"].clone(), app.revision().await);
    let other = Database::connect(&app.url(), None).await.unwrap().with_trail_key(trail_key());
    let import =
        audit::begin(Context::new(&other, app.clock, &Viewer::operator("import")), Action::Import)
            .await
            .unwrap();
    // A new file has to be stored before it is served, and waits for longer than changes do.
    let (path, began) = (format!("/files/invoices/{id}.pdf"), Instant::now());
    let file = tokio::spawn({
        let app = app.clone();
        async move { app.finance().get(&path).await }
    });
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { app.office().query(ADMISSION).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], members);
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert!(start.elapsed() < Duration::from_secs(2), "reading waited {:?}", start.elapsed());
    for answer in join_all(waiting).await {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status, answer.reason(), &answer.error()["extensions"]["retryAfterSeconds"]),
            (StatusCode::OK, "BUSY", &json!(5))
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
    let measured = app.get("/metrics").await.text();
    let line = "samregister_graphql_results_total{operation=\"mutation\",code=\"CONFLICT\",reason=\"BUSY\"} 20";
    assert!(measured.lines().any(|found| found == line), "{measured}");
    // Longer than one that was refused as busy would have waited, for a permit here and then for
    // the other program.
    tokio::time::sleep_until((began + Duration::from_secs(12)).into()).await;
    assert!(!file.is_finished());
    import.undo().await.unwrap();
    let file = file.await.unwrap();
    assert!(file.status.is_success() && file.bytes.starts_with(b"%PDF-"), "{}", file.text());
    app.office().query(ADMISSION).await.data();
    assert_eq!(app.revision().await, before + 2);
    other.close().await.unwrap();
});

on_both!(changes_that_wait_for_another_program_share_a_commit_after_it, |app| async move {
    let before = app.revision().await;
    let other = Database::connect(&app.url(), None).await.unwrap().with_trail_key(trail_key());
    let import =
        audit::begin(Context::new(&other, app.clock, &Viewer::operator("import")), Action::Import)
            .await
            .unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let app = app.clone();
            let input = json!({ "name": format!("Nya {number:02}") });
            tokio::spawn(async move { app.office().does("organisationAdd", "name", input).await })
        })
        .collect();
    // The first waits for the other program, and the others for the first.
    while app.db.waiting_changes() < 19 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    import.undo().await.unwrap();
    let mut names = Vec::new();
    for answer in join_all(waiting).await {
        names.push(answer.unwrap()["organisationAdd"]["name"].as_str().unwrap().to_owned());
    }
    let expected: Vec<_> = (0..20).map(|number| format!("Nya {number:02}")).collect();
    assert_eq!(names, expected);
    assert!(app.db.joined_changes() > 0);
    assert_eq!(app.revision().await, before + 20);
    other.close().await.unwrap();
});

on_both!(under_load_a_query_waits_for_a_connection_as_long_as_it_may_take, |app| async move {
    let mut taken = Vec::new();
    while let Ok(snapshot) =
        tokio::time::timeout(Duration::from_millis(500), app.db.snapshot()).await
    {
        taken.push(snapshot.unwrap());
    }
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { app.office().query(READ).await["members"]["totalCount"].clone() }
    });
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(
        app.get("/readyz").await.status,
        StatusCode::OK,
        "many ask, but the database is there"
    );
    assert!(!waiting.is_finished());
    drop(taken);
    assert_eq!(waiting.await.unwrap(), 0);
});

/// A proxy to a server that can be cut: then it refuses connections and breaks those that it has.
struct Bridge {
    port: u16,
    running: JoinHandle<()>,
}

impl Bridge {
    async fn to(server: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let running = tokio::spawn(async move {
            let mut crossings = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                crossings.spawn(async move {
                    let mut far = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Self { port, running }
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_reported_in_a_few_seconds() {
    let home = App::postgres().await;
    let url = home.url();
    let server = url.split(['@', '/']).nth(3).unwrap();
    let bridge = Bridge::to(server.to_owned(), 0).await;
    let app = home.by(&url.replace(server, &format!("127.0.0.1:{}", bridge.port))).await;
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], 0);
    bridge.running.abort();
    bridge.running.await.unwrap_err();

    let start = Instant::now();
    assert_eq!(app.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    // A connection that broke says so at once; a request that needs a new one waits.
    let start = Instant::now();
    for answer in join_all((0..4).map(|_| async { app.office().query(READ).await })).await {
        assert_eq!(answer.code(), "INTERNAL", "{}", answer.text());
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());

    let bridge = Bridge::to(server.to_owned(), bridge.port).await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], 0);
    bridge.running.abort();
}
