//! Documents that clients name instead of sending their text: trusted ones from a file, and those
//! that someone sent before.

use std::path::Path;

use axum::http::StatusCode;
use samregister::http::{persisted_documents::Documents, query_cost::Limits};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    app::App,
    caller::Answer,
    http_server::{HttpServer, get},
};

const QUESTION: &str = "{ viewer { subject } }";
const COUNT: &str = "{ memberCount }";

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn persisted(digest: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": digest } })
}

async fn ask(app: &App, body: Value) -> Answer {
    app.office().post(body.to_string()).await
}

async fn get_by_digest(app: &App, digest: &str) -> Answer {
    let extensions =
        persisted(digest).to_string().replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    app.office().get(&format!("/graphql?extensions={extensions}")).await
}

#[tokio::test]
async fn a_document_that_was_sent_before_is_known_by_its_digest() {
    let app = App::sqlite().await;
    let (digest, of_count) = (digest(QUESTION), digest(COUNT));
    // Clients look for this message, and then send the text.
    for answer in [
        ask(&app, json!({ "extensions": persisted(&digest) })).await,
        get_by_digest(&app, &digest).await,
    ] {
        assert_eq!(
            (answer.status, answer.code(), &answer.error()["message"]),
            (StatusCode::OK, "NOT_FOUND", &"PersistedQueryNotFound".into())
        );
    }
    // Anyone who may not ask may not leave anything either.
    let body = json!({ "query": QUESTION, "extensions": persisted(&digest) });
    assert_eq!(app.no_one().post(body.to_string()).await.code(), "UNAUTHENTICATED");
    assert_eq!(get_by_digest(&app, &digest).await.code(), "NOT_FOUND");
    ask(&app, body).await.data();
    let known = get_by_digest(&app, &digest).await;
    assert_eq!(known["viewer"]["subject"], "office@example.se");
    let body = json!({ "query": COUNT, "extensions": persisted(&of_count) });
    ask(&app, body).await.data();
    assert!(!get_by_digest(&app, &of_count).await.header("etag").is_empty());
    ask(&app, json!({ "extensions": persisted(&digest.to_uppercase()) })).await.data();
    // Another server has not heard of it.
    assert_eq!(get_by_digest(&app.with(&[]), &digest).await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn invalid_key_sets_are_not_stored() {
    let app = App::sqlite().await;
    let wrong = ask(
        &app,
        json!({ "query": "{ viewer { roles } }", "extensions": persisted(&digest(QUESTION)) }),
    )
    .await;
    assert_eq!(
        (wrong.status, wrong.bad_fields()),
        (StatusCode::OK, vec!["extensions.persistedQuery.sha256Hash"])
    );
    assert_eq!(get_by_digest(&app, &digest(QUESTION)).await.code(), "NOT_FOUND");
    for costly in [
        "{ members(first: 200) { nodes { agreements(first: 200) { nodes { counterparty { id } number } } } } }",
        "{",
    ] {
        assert_eq!(
            ask(&app, json!({ "query": costly, "extensions": persisted(&digest(costly)) }))
                .await
                .code(),
            "INVALID"
        );
        assert_eq!(get_by_digest(&app, &digest(costly)).await.code(), "NOT_FOUND", "{costly}");
    }
    for wrong in [
        json!(1),
        json!({}),
        json!({ "version": 2, "sha256Hash": digest(QUESTION) }),
        json!({ "version": 1, "sha256Hash": "abc" }),
    ] {
        let refused =
            ask(&app, json!({ "query": QUESTION, "extensions": { "persistedQuery": wrong } }))
                .await;
        assert_eq!(refused.bad_fields(), ["extensions.persistedQuery"]);
    }
}

#[tokio::test]
async fn trusted_documents_are_named_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    let node = "query Node($id: ID!) { node(id: $id) { id } } query Who { viewer { roles } }";
    std::fs::write(&file, json!({ "who": QUESTION, digest(node): node }).to_string()).unwrap();
    let set =
        [("SAMREGISTER_DOCUMENTS", file.to_str().unwrap()), ("SAMREGISTER_DOCUMENTS_ONLY", "true")];
    let app = App::sqlite().await;
    let (open, closed) = (app.with(&set[..1]), app.with(&set));
    for app in [&open, &closed] {
        assert_eq!(
            ask(app, json!({ "documentId": "who" })).await["viewer"]["subject"],
            "office@example.se"
        );
        assert_eq!(
            app.office().get("/graphql?documentId=who").await["viewer"]["subject"],
            "office@example.se"
        );
        for id in [digest(node), format!("sha256:{}", digest(node))] {
            let answer = ask(app, json!({ "documentId": id, "operationName": "Who" })).await;
            assert_eq!(answer["viewer"]["roles"], json!(["OFFICE"]));
        }
        // As Apollo's clients name them.
        let answer = ask(app, json!({ "extensions": persisted(&digest(node)), "operationName": "Node", "variables": { "id": "member_00000000000000000000000000000000" } })).await;
        assert_eq!(answer["node"], Value::Null);
        let unknown = ask(app, json!({ "documentId": "what" })).await;
        assert_eq!(
            (unknown.code(), &unknown.error()["message"]),
            ("NOT_FOUND", &"there is no document what".into())
        );
        assert_eq!(
            ask(app, json!({ "documentId": "who", "query": QUESTION })).await.bad_fields(),
            ["documentId"]
        );
    }
    ask(&open, json!({ "query": QUESTION })).await.data();
    assert_eq!(ask(&closed, json!({ "query": QUESTION })).await.code(), "FORBIDDEN");
    let other =
        ask(&closed, json!({ "query": QUESTION, "extensions": persisted(&digest(QUESTION)) }))
            .await;
    assert_eq!(
        (other.code(), &other.error()["message"]),
        ("FORBIDDEN", &"PersistedQueryNotSupported".into())
    );
}

#[test]
fn a_bad_file_of_documents_stops_the_start_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Documents::load(Some(&file), false, &Limits::default()).unwrap_err().to_string()
    };
    assert!(load("[]").contains("is not a JSON object of texts by their ids"));
    assert!(load("{\"a\": 1}").contains("is not a JSON object of texts by their ids"));
    let several = load(
        &json!({ "good": QUESTION, "broken": "{ a", "deep": "{a".repeat(40) + &"}".repeat(40) })
            .to_string(),
    );
    assert!(
        several.contains("broken is refused: has a syntax error")
            && several.contains("documents.json"),
        "{several}"
    );
    let missing = Documents::load(Some(Path::new("no-such.json")), false, &Limits::default());
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .starts_with("SAMREGISTER_DOCUMENTS names no-such.json, which can't be read")
    );
}

#[tokio::test]
async fn trusted_documents_change_with_their_file_unless_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    std::fs::write(&file, json!({ "who": QUESTION }).to_string()).unwrap();
    let app = App::sqlite().await.with(&[
        ("SAMREGISTER_DOCUMENTS", file.to_str().unwrap()),
        ("SAMREGISTER_DOCUMENTS_ONLY", "true"),
    ]);
    let (server, settings) = app.server();
    let server = server.with_documents(&settings).unwrap();
    let (documents, limits) = (server.documents.clone(), server.limits.clone());
    let served = HttpServer::of(server, settings).await;
    let knows = async |id: &str| {
        let answer =
            get(served.address, &format!("/graphql?documentId={id}"), app.office().authorization())
                .await;
        assert!(
            answer.contains("office@example.se") != answer.contains("there is no document"),
            "{answer}"
        );
        answer.contains("office@example.se")
    };
    assert!(knows("who").await && !knows("whom").await);
    for bad in [r#"{"who": "#, r#"{"whom": "{ a"}"#] {
        std::fs::write(&file, bad).unwrap();
        let refused = documents.refresh(&limits).await.unwrap_err();
        assert!(refused.to_string().starts_with("SAMREGISTER_DOCUMENTS names "), "{refused}");
        assert!(knows("who").await && !knows("whom").await, "{bad}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(documents.refresh(&limits).await.is_err() && knows("who").await);
    // A good one is found by the server itself.
    std::fs::write(&file, json!({ "whom": QUESTION }).to_string()).unwrap();
    let found = async {
        while !knows("whom").await {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), found).await.unwrap();
    assert!(!knows("who").await);
    documents.refresh(&limits).await.unwrap();
    assert!(knows("whom").await);
}
