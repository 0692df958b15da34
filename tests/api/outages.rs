//! What becomes of requests when the database is away, moved, or busy with others.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::future::join_all;
use samregister::{audit, auth::viewer::Viewer, database::Database};
use serde_json::json;

use crate::app::{App, on_both};

const READ: &str = "{ members { totalCount } }";
const ADMISSION: &str = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { name } }";

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
    // A copy in its place is another register.
    std::fs::copy(&elsewhere, &file).unwrap();
    is_gone().await;
    std::fs::rename(&elsewhere, &file).unwrap();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], 1);
    assert_eq!(app.office().query(ADMISSION).await["memberAdmit"]["name"], json!("Nya"));
}

on_both!(changes_that_wait_for_another_program_keep_nobody_from_reading, |app| async move {
    let other = Database::connect(&app.url(), app.db.clock.clone(), None).await.unwrap();
    let import = audit::begin(&other, &Viewer::operator("import"), "import").await.unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { app.office().query(ADMISSION).await.reason().to_owned() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    assert_eq!(app.office().query(READ).await["members"]["totalCount"], 0);
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert!(start.elapsed() < Duration::from_secs(2), "reading waited {:?}", start.elapsed());
    for reason in join_all(waiting).await {
        assert_eq!(reason.unwrap(), "BUSY");
    }
    import.undo().await.unwrap();
    app.office().query(ADMISSION).await.data();
    assert_eq!(app.revision().await, 1);
    other.close().await.unwrap();
});
