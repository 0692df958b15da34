//! A request with an Idempotency-Key is done once, however often, wherever and whenever within a day it comes again.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use axum::http::{Method, StatusCode, header};
use futures_util::future::join_all;
use samregister::clock::Clock;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, Caller, on_both},
    cli::Server,
};

/// Posts this under the key.
async fn post(app: &App, caller: &Caller<'_>, key: &str, body: &Value) -> Answer {
    let request = caller.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json").header("idempotency-key", key);
    app.send(request.body(body.to_string().into()).unwrap()).await
}

fn admission(name: &str) -> Value {
    json!({ "query": format!("mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ id name }} }}") })
}

#[track_caller]
fn is_again(again: &Answer, first: &Answer) {
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
}

#[track_caller]
fn is_for_another(answer: &Answer) {
    assert_eq!((answer.status, answer.bad_fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["idempotency-key"]), "{}", answer.text());
}

/// Runs this on the register's database, past the program.
async fn past_the_program(app: &App, sql: &str) -> u64 {
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    let done = db.execute_raw(Statement::from_string(app.db.backend(), sql)).await.unwrap();
    db.close().await.unwrap();
    done.rows_affected()
}

on_both!(the_same_request_gets_the_first_answer, |app| async move {
    let office = app.office();
    let first = post(&app, &office, "k1", &admission("Ale")).await;
    assert_eq!(first["memberAdmit"]["name"], "Ale");
    let revision = app.revision().await;
    is_again(&post(&app, &office, "k1", &admission("Ale")).await, &first);
    // Also after a restart, in another media type.
    let restarted = app.by(&app.url()).await;
    is_again(&post(&restarted, &restarted.office(), "k1", &admission("Ale")).await, &first);
    let request = office.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json").header("idempotency-key", "k1");
    let newer = app
        .send(request.header(header::ACCEPT, "application/graphql-response+json").body(admission("Ale").to_string().into()).unwrap())
        .await;
    is_again(&newer, &first);
    assert!(newer.header("content-type").starts_with("application/graphql-response+json"));
    assert_eq!(app.revision().await, revision);

    // Another body, and the same sender with other rights, are other requests; another sender has keys of its own.
    is_for_another(&post(&app, &office, "k1", &admission("Åre")).await);
    is_for_another(&post(&app, &office, "k1", &json!({ "query": admission("Ale")["query"], "variables": {} })).await);
    let subject = "office@example.se".to_owned();
    let auditor =
        samregister::auth::viewer::Viewer { subject, roles: vec![samregister::auth::viewer::Role::Auditor], ..Default::default() };
    is_for_another(&post(&app, &app.viewer(auditor), "k1", &admission("Ale")).await);
    assert_eq!(app.revision().await, revision);
    let other = samregister::auth::viewer::Viewer {
        subject: "other@example.se".into(),
        roles: vec![samregister::auth::viewer::Role::Office],
        ..Default::default()
    };
    post(&app, &app.viewer(other), "k1", &admission("Ale")).await.data();
    post(&app, &office, "k2", &admission("Ale")).await.data();
    assert!(app.revision().await > revision);
});

on_both!(those_that_come_at_once_are_done_once, |app| async move {
    // Two servers of one register.
    let other = app.by(&app.url()).await;
    let body = admission("Ale");
    let (one, two) = (app.office(), other.office());
    let asked = (0..20).map(|place| if place % 2 == 0 { post(&app, &one, "k", &body) } else { post(&other, &two, "k", &body) });
    let answers = join_all(asked).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, answers[0].text()));
    }
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count(), 1);
    assert_eq!(app.office().query("{ members { totalCount } }").await["members"]["totalCount"], 1);
    assert_eq!(app.trail(0).await.len(), 1);
});

on_both!(a_document_of_several_deeds_is_one_request, |app| async move {
    let deed = |name: &str| format!("{name}: memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ name }}");
    let body = json!({ "query": format!("mutation {{ {} {} }}", deed("Ale"), deed("Boden")) });
    let first = post(&app, &app.office(), "k", &body).await;
    assert_eq!(first.data(), &json!({ "Ale": { "name": "Ale" }, "Boden": { "name": "Boden" } }));
    let revision = app.revision().await;
    is_again(&post(&app, &app.office(), "k", &body).await, &first);
    assert_eq!(app.revision().await, revision);
});

on_both!(a_refused_deed_stays_refused_and_a_bad_document_does_not_use_its_key_up, |app| async move {
    let board = app.board();
    let refused = post(&app, &board, "k", &admission("Ale")).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    is_again(&post(&app, &board, "k", &admission("Ale")).await, &refused);
    is_for_another(&post(&app, &board, "k", &admission("Åre")).await);
    // Nothing was executed: the key is free for the document that is meant.
    let wrong = post(&app, &app.office(), "k", &json!({ "query": "mutation { memberAdmit(input: {}) { id } }" })).await;
    assert_eq!(wrong.code(), "INVALID");
    post(&app, &app.office(), "k", &admission("Ale")).await.data();
    // A deed that has nothing to do leaves no mark, but its answer is kept.
    let contact = app.office().does("contactAdd", "id", json!({ "member": member(&app).await, "role": "FINANCE", "name": "Örjan" })).await;
    let erasure = json!({ "query": "mutation($input: ContactEraseInput!) { contactErase(input: $input) { __typename } }", "variables": { "input": { "contact": contact["contactAdd"]["id"] } } });
    app.office().post(erasure.to_string()).await;
    let revision = app.revision().await;
    let nothing = post(&app, &app.office(), "nothing", &erasure).await;
    is_again(&post(&app, &app.office(), "nothing", &erasure).await, &nothing);
    assert_eq!(app.revision().await, revision);
});

async fn member(app: &App) -> Value {
    app.office().query("{ members { nodes { id } } }").await["members"]["nodes"][0]["id"].clone()
}

on_both!(a_key_is_remembered_for_a_day, |app| async move {
    let first = post(&app, &app.office(), "k", &admission("Ale")).await;
    post(&app, &app.office(), "other", &admission("Boden")).await.data();
    let revision = app.revision().await;
    let almost = app.at("2026-11-22T08:59:59Z");
    is_again(&post(&almost, &almost.office(), "k", &admission("Ale")).await, &first);
    let later = app.at("2026-11-22T09:00:00Z");
    let anew = post(&later, &later.office(), "k", &admission("Cecilia")).await;
    assert_eq!((&anew["memberAdmit"]["name"], anew.header("idempotency-replayed")), (&json!("Cecilia"), ""));
    assert_eq!(app.revision().await, revision + 1);
    // Those whose day is over are gone.
    assert_eq!(past_the_program(&app, "UPDATE idempotent_request SET answer = answer").await, 1);
});

on_both!(a_deed_whose_answer_was_lost_is_not_done_again, |app| async move {
    let app = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    post(&app, &app.office(), "k", &admission("Ale")).await.data();
    let revision = app.revision().await;
    // As when the server ends between the deed and its answer.
    assert_eq!(past_the_program(&app, "UPDATE idempotent_request SET answer = NULL").await, 1);
    let lost = post(&app, &app.office(), "k", &admission("Ale")).await;
    assert_eq!((lost.status, lost.reason()), (StatusCode::CONFLICT, "ANSWER_LOST"), "{}", lost.text());
    assert!(lost.error()["message"].as_str().unwrap().contains(&format!("from revision {revision} on")));
    assert_eq!(app.revision().await, revision);
});

on_both!(an_erased_person_is_forgotten_here_too, |app| async move {
    let app = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    app.office().post(admission("Ale").to_string()).await.data();
    let add = |name: &str, member: &Value| {
        let input = json!({ "member": member, "role": "FINANCE", "name": name, "email": "hanna@hemlig.example" });
        json!({ "query": "mutation($input: ContactAddInput!) { contactAdd(input: $input) { id name } }", "variables": { "input": input } })
    };
    let body = add("Hanna \"H\" Hemlig", &member(&app).await);
    let added = post(&app, &app.office(), "add", &body).await;
    post(&app, &app.office(), "other", &admission("Boden")).await.data();
    // A refusal that tells of the person too.
    post(
        &app,
        &app.board(),
        "ask",
        &json!({ "query": "mutation { contactErase(input: { contact: \"hanna@hemlig.example\" }) { __typename } }" }),
    )
    .await
    .error();
    app.office().does("contactErase", "__typename", json!({ "contact": added["contactAdd"]["id"] })).await.data();
    for text in ["Hanna", "hemlig.example"] {
        assert_eq!(past_the_program(&app, &format!("UPDATE idempotent_request SET answer = answer WHERE answer LIKE '%{text}%'")).await, 0);
    }
    assert_eq!(post(&app, &app.office(), "add", &body).await.reason(), "ANSWER_LOST");
    assert_eq!(post(&app, &app.office(), "other", &admission("Boden")).await.header("idempotency-replayed"), "true");
});

#[tokio::test]
async fn a_key_is_a_short_word_of_a_deed() {
    let app = App::sqlite().await;
    let long = "x".repeat(256);
    for key in ["", "a b", "å", &long] {
        let refused = post(&app, &app.office(), key, &admission("Ale")).await;
        assert_eq!((refused.status, refused.bad_fields()), (StatusCode::BAD_REQUEST, vec!["idempotency-key"]), "{key}");
    }
    let twice = app.office().request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json");
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(app.send(twice.body(admission("Ale").to_string().into()).unwrap()).await.bad_fields(), ["idempotency-key"]);
    assert_eq!(app.revision().await, 0);
    // A question may come as often as it likes.
    let question = json!({ "query": "{ members { totalCount } }" });
    assert_eq!(post(&app, &app.office(), "k", &question).await["members"]["totalCount"], 0);
    post(&app, &app.office(), &long[1..], &admission("Ale")).await.data();
    let again = post(&app, &app.office(), "k", &question).await;
    assert_eq!((&again["members"]["totalCount"], again.header("idempotency-replayed")), (&json!(1), ""));
    let several = app.with(&[("SAMREGISTER_MAX_BATCH", "2")]);
    let refused = post(&several, &several.office(), "k", &json!([admission("Åre")])).await;
    assert_eq!((refused.status, refused.bad_fields()), (StatusCode::BAD_REQUEST, vec!["idempotency-key"]));
    assert_eq!(app.revision().await, 1);
}

/// Sends this under the key to a server that may be killed before it answers.
fn send(server: &Server, authorization: &str, key: &str) -> TcpStream {
    let body = admission(key).to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head =
        format!("POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {authorization}\r\nidempotency-key: {key}");
    write!(stream, "{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

/// The head of the answer, and its body.
fn answer(mut stream: TcpStream) -> (String, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

// Twenty deeds, of which two are under way each time, at moments spread over their own work and a little more.
on_both!(what_a_killed_server_was_asked_is_done_once, |app| async move {
    const KILLS: u64 = 10;
    let now = app.at(&format!("{}T12:00:00Z", Clock::system().today()));
    let office = now.office();
    let authorization = office.authorization().unwrap();
    let start = || {
        let mut program = app.program();
        program.env("SAMREGISTER_REQUEST_SECONDS", "1");
        Server::start(program, "serve --bind 127.0.0.1:0")
    };
    let done = async || now.office().query("{ members { totalCount } }").await["members"]["totalCount"].as_u64().unwrap();
    let mut server = start();
    let asks = |server: &Server, key: &str| {
        let began = Instant::now();
        assert_eq!(answer(send(server, authorization, key)).1["data"]["memberAdmit"]["name"], key);
        began.elapsed()
    };
    // The first that a server does is slow, so that each does one before.
    asks(&server, "first");
    let (mut whole, mut moment, mut done_before) = (asks(&server, "second"), 0_u32, 0_u64);
    let keys: Vec<_> = (0..2 * KILLS).map(|deed| format!("killed-{deed}")).collect();
    for pair in keys.chunks(2) {
        let count = done().await;
        // Without a pattern, from a fixed beginning; how long it takes depends on what else the machine does, so each corrects it.
        moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let asked: Vec<_> = pair.iter().map(|key| send(&server, authorization, key)).collect();
        tokio::time::sleep(whole.mul_f64(2.0 * f64::from(moment) / f64::from(u32::MAX))).await;
        drop((server, asked));
        let done = done().await - count;
        done_before += done;
        whole = whole.mul_f64([1.25, 1.0, 0.8][done as usize]);
        server = start();
        asks(&server, &format!("after-{}", pair[0]));
    }
    assert!((1..2 * KILLS).contains(&done_before), "{done_before} deeds were done when the server was killed");
    // Those that were done and those that were not; all at once, since one whose answer was lost is waited for.
    for is_again in [false, true] {
        let asked: Vec<_> = keys.iter().map(|key| send(&server, authorization, key)).collect();
        for (key, stream) in keys.iter().zip(asked) {
            let (head, body) = answer(stream);
            let is_lost = body["errors"][0]["extensions"]["reason"] == "ANSWER_LOST" && head.starts_with("http/1.1 409");
            assert!(is_lost || body["data"]["memberAdmit"]["name"] == **key, "{key}: {head} {body}");
            assert!(is_lost || !is_again || head.contains("idempotency-replayed: true"), "{key}: {head}");
        }
        let members = now.office().query("{ members(first: 50) { nodes { name } } }").await;
        let mut names: Vec<_> = members["members"]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        let others = keys.iter().step_by(2).map(|key| format!("after-{key}")).chain(["first".to_owned(), "second".to_owned()]);
        let mut expected: Vec<_> = keys.iter().cloned().chain(others).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
    drop(server);
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});
