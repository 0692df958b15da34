//! Requests to `/graphql`: bodies, query strings, media types and statuses.

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    interfaces::http::server::{QUESTION, is_refused, post, question},
    support::app::App,
};

#[tokio::test]
async fn answers_come_in_the_media_type_that_was_asked_for() {
    let app = App::sqlite().await;
    let json = (header::CONTENT_TYPE, "application/json");
    for (accept, kind) in [
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        (
            "text/html, application/graphql-response+json;q=0.9, application/json;q=0.8",
            "application/graphql-response+json; charset=utf-8",
        ),
    ] {
        let answer = post(&app, &[json.clone(), (header::ACCEPT, accept)], question()).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, kind),
            "{accept}"
        );
    }
    // A document that is not executed is a 400 for clients that know the newer type, and a 200 with
    // errors for the others.
    let wrong = json!({ "query": "{ nothing }" }).to_string();
    let newer = post(
        &app,
        &[json.clone(), (header::ACCEPT, "application/graphql-response+json")],
        wrong.clone(),
    )
    .await;
    is_refused(&newer, StatusCode::BAD_REQUEST, "INVALID");
    is_refused(&post(&app, std::slice::from_ref(&json), wrong).await, StatusCode::OK, "INVALID");
    // An executed one is a 200 also when a field failed.
    let failed = json!({ "query": "{ node(id: \"x\") { id } viewer { subject } }" }).to_string();
    let newer =
        post(&app, &[json, (header::ACCEPT, "application/graphql-response+json")], failed).await;
    assert_eq!(
        (newer.status, newer.code(), &newer.json["data"]["node"]),
        (StatusCode::OK, "INVALID", &Value::Null)
    );
    // So is one whose mutation was refused: it was executed, too, and its payload is null.
    let refused = json!({ "query": "mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { member { id } } }" }).to_string();
    for accept in ["application/json", "application/graphql-response+json"] {
        let answer = post(
            &app,
            &[(header::CONTENT_TYPE, "application/json"), (header::ACCEPT, accept)],
            refused.clone(),
        )
        .await;
        assert_eq!(
            (answer.status, answer.code(), &answer.json["data"]),
            (StatusCode::OK, "INVALID", &json!({ "memberAdmit": null })),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_failure_before_there_is_any_data_is_a_500_for_clients_that_know_the_newer_type() {
    let app = App::sqlite().await.with_a_bug();
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }";
    for document in ["{ members { nodes { id } } }", admission] {
        for (accept, status) in [
            ("application/json", StatusCode::OK),
            ("application/graphql-response+json", StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::ACCEPT, accept)];
            let answer = post(&app, &headers, json!({ "query": document }).to_string()).await;
            is_refused(&answer, status, "INTERNAL");
            assert!(answer.header("content-type").starts_with(accept));
        }
    }
    app.office().query(QUESTION).await.data();
}

#[tokio::test]
async fn questions_come_as_json() {
    let app = App::sqlite().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonx",
    ] {
        is_refused(
            &post(&app, &[(header::CONTENT_TYPE, kind)], question()).await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "INVALID",
        );
    }
    is_refused(&post(&app, &[], question()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID");
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        post(&app, &[(header::CONTENT_TYPE, kind)], question()).await.data();
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_with_its_position() {
    let app = App::sqlite().await;
    let json = [(header::CONTENT_TYPE, "application/json")];
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"x\"",
        b"{\"query\": 1}",
        b"{\"query\": \"{ viewer { subject } }\", \"variables\": []}",
        b"\xff\xfe",
        b"{}",
    ];
    for body in bodies {
        let answer = post(&app, &json, body.to_vec()).await;
        assert_eq!(
            answer.code(),
            "INVALID",
            "{}: {}",
            String::from_utf8_lossy(body),
            answer.text()
        );
        assert!(answer.json.get("data").is_none(), "{}", answer.text());
        assert!(
            answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::OK,
            "{}",
            answer.text()
        );
    }
    let answer = post(&app, &json, "{\"query\": \"{ viewer }\"").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    assert_eq!(answer.bad_fields(), ["body"]);
    assert!(answer.error()["message"].as_str().unwrap().contains("line 1"), "{}", answer.text());
    post(&app, &json, question()).await.data();
}

#[tokio::test]
async fn a_large_body_is_refused_with_or_without_its_length() {
    let app = App::sqlite().await.with(&[("SAMREGISTER_MAX_BODY_BYTES", "2000")]);
    let large = json!({ "query": QUESTION, "variables": { "x": "x".repeat(3000) } }).to_string();
    let json = (header::CONTENT_TYPE, "application/json");
    let length = large.len().to_string();
    is_refused(
        &post(&app, &[json.clone(), (header::CONTENT_LENGTH, &length)], large.clone()).await,
        StatusCode::PAYLOAD_TOO_LARGE,
        "INVALID",
    );
    let parts = large
        .as_bytes()
        .chunks(500)
        .map(|part| Ok::<_, std::io::Error>(part.to_vec()))
        .collect::<Vec<_>>();
    let streamed = Body::from_stream(futures_util::stream::iter(parts));
    is_refused(&post(&app, &[json], streamed).await, StatusCode::PAYLOAD_TOO_LARGE, "INVALID");
    app.office().query(QUESTION).await.data();
}

#[tokio::test]
async fn queries_may_stand_in_the_address_and_mutations_may_not() {
    let app = App::sqlite().await;
    let office = app.office();
    let answer = office.get("/graphql?query=%7B%20viewer%20%7B%20roles%20%7D%20%7D").await;
    assert_eq!(answer["viewer"]["roles"], json!(["OFFICE"]));
    let answer = office.get("/graphql?query=query%20A%7Bviewer%7Broles%7D%7Dquery%20B%28%24n%3AID%21%29%7Bnode%28id%3A%24n%29%7Bid%7D%7D&operationName=B&variables=%7B%22n%22%3A%22member_00000000000000000000000000000000%22%7D").await;
    assert_eq!(answer["node"], Value::Null);
    let admission = "/graphql?query=mutation%7BmemberAdmit%28input%3A%7Bname%3A%22X%22%2CjoinedOn%3A%222026-01-01%22%7D%29%7Bid%7D%7D";
    let answer = office.get(admission).await;
    is_refused(&answer, StatusCode::METHOD_NOT_ALLOWED, "INVALID");
    assert_eq!(answer.header("allow"), "POST");
    assert_eq!(app.revision().await, 0);
    assert_eq!(office.get("/graphql").await.bad_fields(), ["query"]);
    let twice =
        office.get("/graphql?query=%7Bviewer%7Broles%7D%7D&query=%7Bviewer%7Bsubject%7D%7D").await;
    is_refused(&twice, StatusCode::BAD_REQUEST, "INVALID");
    assert_eq!(twice.bad_fields(), ["address"]);
    assert_eq!(
        office.get("/graphql?query=%7Bviewer%7Broles%7D%7D&variables=%7B").await.bad_fields(),
        ["variables"]
    );
    assert_eq!(
        office.get("/graphql?query=%7Bviewer%7Broles%7D%7D&variables=%5B1%5D").await.bad_fields(),
        ["variables"]
    );
    is_refused(
        &app.get("/graphql?query=%7Bviewer%7Broles%7D%7D").await,
        StatusCode::UNAUTHORIZED,
        "UNAUTHENTICATED",
    );
}
