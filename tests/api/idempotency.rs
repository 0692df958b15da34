//! A request with an Idempotency-Key is done once, however often, wherever and whenever within a
//! day it comes again.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use axum::http::{Method, StatusCode, header};
use domain::{
    audit::{self, Action},
    auth::viewer::{Role, Viewer},
    clock::Clock,
};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::{
    access,
    app::{Answer, App, Caller, on_both, runs},
    cli::Server,
    document::Schema,
    invoicing_samples::{self, NETWORK, violations, with_network},
    life_samples::deed,
    samples::Samples,
};

/// Posts this under the key.
async fn post(app: &App, caller: &Caller<'_>, key: &str, body: &Value) -> Answer {
    let request = caller
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    app.send(request.body(body.to_string().into()).unwrap()).await
}

fn admission(name: &str) -> Value {
    json!({ "query": format!("mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ id name }} }}") })
}

/// Returns a mutation with this input and this selection.
fn mutation(name: &str, selection: &str, input: &Value) -> Value {
    let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query =
        format!("mutation($input: {type_name}!) {{ {name}(input: $input) {{ {selection} }} }}");
    json!({ "query": query, "variables": { "input": input } })
}

#[track_caller]
fn is_rebuilt(again: &Answer, first: &Answer) {
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        ("", "rebuilt")
    );
}

#[track_caller]
fn is_for_another(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.bad_fields()),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["idempotency-key"]),
        "{}",
        answer.text()
    );
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
    is_rebuilt(&post(&app, &office, "k1", &admission("Ale")).await, &first);
    // Also after a restart, in another media type.
    let restarted = app.by(&app.url()).await;
    is_rebuilt(&post(&restarted, &restarted.office(), "k1", &admission("Ale")).await, &first);
    let request = office
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", "k1");
    let newer = app
        .send(
            request
                .header(header::ACCEPT, "application/graphql-response+json")
                .body(admission("Ale").to_string().into())
                .unwrap(),
        )
        .await;
    is_rebuilt(&newer, &first);
    assert!(newer.header("content-type").starts_with("application/graphql-response+json"));
    assert_eq!(app.revision().await, revision);

    // Another body, and the same sender with other rights, are other requests; another sender has
    // keys of its own.
    is_for_another(&post(&app, &office, "k1", &admission("Åre")).await);
    is_for_another(
        &post(&app, &office, "k1", &json!({ "query": admission("Ale")["query"], "variables": {} }))
            .await,
    );
    let subject = "office@example.se".to_owned();
    let auditor = Viewer { subject, roles: vec![Role::Auditor], ..Default::default() };
    is_for_another(&post(&app, &app.viewer(auditor), "k1", &admission("Ale")).await);
    assert_eq!(app.revision().await, revision);
    let other = Viewer {
        subject: "other@example.se".into(),
        roles: vec![Role::Office],
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
    let asked = (0..20).map(|position| {
        if position % 2 == 0 {
            post(&app, &one, "k", &body)
        } else {
            post(&other, &two, "k", &body)
        }
    });
    let answers = join_all(asked).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, answers[0].text()));
    }
    assert_eq!(
        answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count(),
        1
    );
    assert_eq!(app.office().query("{ members { totalCount } }").await["members"]["totalCount"], 1);
    assert_eq!(app.trail(0).await.len(), 1);
});

on_both!(a_document_of_several_deeds_is_one_request, |app| async move {
    let deed = |name: &str| {
        format!(
            "{name}: memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ name }}"
        )
    };
    let body = json!({ "query": format!("mutation {{ {} {} }}", deed("Ale"), deed("Boden")) });
    let first = post(&app, &app.office(), "k", &body).await;
    assert_eq!(first.data(), &json!({ "Ale": { "name": "Ale" }, "Boden": { "name": "Boden" } }));
    let revision = app.revision().await;
    is_rebuilt(&post(&app, &app.office(), "k", &body).await, &first);
    assert_eq!(app.revision().await, revision);
});

on_both!(a_refusal_uses_no_key_up, |app| async move {
    let board = app.board();
    let refused = post(&app, &board, "k", &admission("Ale")).await;
    assert_eq!((refused.code(), refused.header("idempotency-replayed")), ("FORBIDDEN", ""));
    let again = post(&app, &board, "k", &admission("Ale")).await;
    assert_eq!((again.code(), again.header("idempotency-replayed")), ("FORBIDDEN", ""));
    // Nothing was executed: the key is free for the document that is meant.
    let wrong = post(
        &app,
        &app.office(),
        "k",
        &json!({ "query": "mutation { memberAdmit(input: {}) { id } }" }),
    )
    .await;
    assert_eq!(wrong.code(), "INVALID");
    post(&app, &app.office(), "k", &admission("Ale")).await.data();
    // What hinders a mutation may go away, and a retry then does it.
    let slug = json!({ "slug": "kurser", "name": "Kurser", "funding": ["VOLUNTEER"], "startsOn": "2026-01-01" });
    let other =
        deed(&app.office(), "activityStart", slug, "id").await["activityStart"]["id"].clone();
    let close =
        mutation("activityClose", "endsOn", &json!({ "activity": other, "endsOn": "2025-12-31" }));
    assert_eq!(post(&app, &app.office(), "close", &close).await.bad_fields(), ["input.endsOn"]);
    deed(
        &app.office(),
        "activityUpdate",
        json!({ "activity": other, "startsOn": "2025-01-01" }),
        "id",
    )
    .await;
    let closed = post(&app, &app.office(), "close", &close).await;
    assert_eq!(
        (&closed["activityClose"]["endsOn"], closed.header("idempotency-replayed")),
        (&json!("2025-12-31"), "")
    );
    is_rebuilt(&post(&app, &app.office(), "close", &close).await, &closed);
});

on_both!(of_a_document_only_what_is_not_done_yet_is_done, |app| async move {
    let office = app.office();
    let start = |alias: &str, slug: &str, directive: &str| {
        let input = format!(
            "{{ slug: \"{slug}\", name: \"N\", funding: [VOLUNTEER], startsOn: \"2026-01-01\" }}"
        );
        format!("{alias}: activityStart(input: {input}) {directive} {{ id slug }}")
    };
    let query = format!(
        "mutation($no: Boolean!) {{ {} ...More {} }} fragment More on Mutation {{ ... @include(if: true) {{ {} }} {} }}",
        start("first", "a", ""),
        start("left", "d", "@skip(if: true)"),
        start("second", "b", ""),
        start("third", "c", "@skip(if: $no)"),
    );
    let body = json!({ "query": query, "variables": { "no": false } });
    deed(
        &office,
        "activityStart",
        json!({ "slug": "b", "name": "N", "funding": ["VOLUNTEER"], "startsOn": "2026-01-01" }),
        "id",
    )
    .await;
    let before = app.revision().await;
    let refused = post(&app, &office, "k", &body).await;
    assert_eq!(
        (refused.reason(), &refused.json["data"]),
        ("SLUG_TAKEN", &Value::Null),
        "{}",
        refused.text()
    );
    assert_eq!(
        (&refused.error()["extensions"]["done"], &refused.json["extensions"]["done"]),
        (&json!(["first"]), &json!(["first"]))
    );
    assert_eq!(app.revision().await, before + 1);
    // Again, the first is not done again and the second is refused again.
    let again = post(&app, &office, "k", &body).await;
    assert_eq!(
        (again.reason(), &again.error()["extensions"]["done"]),
        ("SLUG_TAKEN", &json!(["first"]))
    );
    assert_eq!(app.revision().await, before + 1);
    // As when the other activity gets out of the way.
    past_the_program(&app, "UPDATE activity SET slug = 'another' WHERE slug = 'b'").await;
    let done = post(&app, &office, "k", &body).await;
    assert_eq!(done.header("idempotency-replayed"), "rebuilt");
    let slugs: Vec<_> = ["first", "second", "third"]
        .iter()
        .map(|key| done[key]["slug"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        (slugs, done.data().as_object().unwrap().len()),
        (vec!["a".to_owned(), "b".into(), "c".into()], 3)
    );
    assert_eq!(app.revision().await, before + 3);
    is_same(&post(&app, &office, "k", &body).await, &done);
    assert_eq!(app.revision().await, before + 3);
});

#[track_caller]
fn is_same(again: &Answer, before: &Answer) {
    assert_eq!(
        (again.status, again.text(), again.header("idempotency-replayed")),
        (before.status, before.text(), "rebuilt")
    );
}

on_both!(fields_that_are_merged_are_one_mutation, |app| async move {
    let query = "mutation { memberAdmit(input: { name: \"Ale\", joinedOn: \"2026-01-01\" }) { name }
                 ... on Mutation { memberAdmit(input: { name: \"Ale\", joinedOn: \"2026-01-01\" }) { joinedOn } } }";
    let answer = app.office().query(query).await;
    assert_eq!(answer["memberAdmit"], json!({ "name": "Ale", "joinedOn": "2026-01-01" }));
    assert_eq!(app.revision().await, 1);
    // No one waits for a key here, but a client learns all the same what was done.
    let query =
        "mutation { one: memberAdmit(input: { name: \"Boden\", joinedOn: \"2026-01-01\" }) { name }
                 two: memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { name } }";
    let refused = app.office().query(query).await;
    assert_eq!(
        (refused.bad_fields(), &refused.error()["extensions"]["done"]),
        (vec!["input.name"], &json!(["one"]))
    );
    let refused = app
        .office()
        .query("mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { name } }")
        .await;
    assert_eq!(
        (&refused.error()["extensions"]["done"], &refused.json["extensions"]),
        (&Value::Null, &Value::Null)
    );
});

on_both!(a_mutation_that_changes_nothing_is_done_once_too, |app| async move {
    post(&app, &app.office(), "admit", &admission("Ale")).await.data();
    let member = member(&app).await;
    let set = |amount: &str| {
        mutation(
            "allocationSet",
            "allocations { amount }",
            &json!({ "member": member, "year": 2026, "amount": amount }),
        )
    };
    app.office().post(set("100.00").to_string()).await.data();
    let revision = app.revision().await;
    let first = post(&app, &app.office(), "k", &set("100.00")).await;
    assert_eq!((first.header("idempotency-replayed"), app.revision().await), ("", revision));
    is_rebuilt(&post(&app, &app.office(), "k", &set("100.00")).await, &first);
    // It would change something now, and must not.
    app.office().post(set("200.00").to_string()).await.data();
    let again = post(&app, &app.office(), "k", &set("100.00")).await;
    assert_eq!(
        (&again["allocationSet"]["allocations"][0]["amount"], again.header("idempotency-replayed")),
        (&json!("200.00"), "rebuilt")
    );
    assert_eq!(app.revision().await, revision + 1);
});

on_both!(every_mutation_is_rebuilt_from_its_outcome, |app| async move {
    let (app, _folder) = with_network(&app, NETWORK);
    let samples = Samples::fill(&app).await;
    let other = app.by(&app.url()).await;
    let schema = Schema::of_program().await;
    let names = schema.field_names("Mutation");
    let mut wrong = Vec::new();
    for name in &names {
        let input = access::input(&app, &samples, name, 1).await;
        let widest = schema.widest("Mutation", name, "(input: $input)", 0);
        let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let body = json!({ "query": format!("mutation($input: {type_name}!) {{ {widest} }}"), "variables": { "input": input } });
        let before = app.revision().await;
        let first = post(&app, &app.office(), name, &body).await;
        let done = app.revision().await;
        // Its answer was thrown away; the retry goes to another server.
        let again = post(&other, &other.office(), name, &body).await;
        let is_complete =
            first.errors().is_empty() && first.json["data"][name].is_object() && done > before;
        let is_same =
            (first.text(), "rebuilt") == (again.text(), again.header("idempotency-replayed"));
        if !is_complete || !is_same || app.revision().await != done {
            wrong.push(format!(
                "{name}: {} | {} {}",
                first.text(),
                again.header("idempotency-replayed"),
                again.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} mutations are not rebuilt:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(
        past_the_program(&app, "UPDATE idempotent_outcome SET outcome = outcome").await,
        names.len() as u64
    );
});

on_both!(an_invoice_run_is_rebuilt_with_its_problems, |app| async move {
    let (app, _folder) = invoicing_samples::fill(&app, 12).await;
    let activity = invoicing_samples::activity(&app, "indikatorer").await;
    let body = |skip: bool| {
        let selection = "count net total alreadyInvoiced invoicedByHand invoices { id number total } problems { counterparty { __typename } reason }";
        mutation(
            "invoiceRun",
            selection,
            &json!({ "activity": activity, "year": 2026, "skipProblems": skip }),
        )
    };
    // Nothing was issued: that is a refusal, and not stored.
    let held = post(&app, &app.finance(), "run", &body(false)).await;
    assert_eq!(held["invoiceRun"]["count"], 0);
    assert!(!held["invoiceRun"]["problems"].as_array().unwrap().is_empty());
    assert_eq!(
        post(&app, &app.finance(), "run", &body(false)).await.header("idempotency-replayed"),
        ""
    );
    let first = post(&app, &app.finance(), "run-all", &body(true)).await;
    assert!(
        first["invoiceRun"]["count"].as_i64().unwrap() > 1
            && !first["invoiceRun"]["problems"].as_array().unwrap().is_empty()
    );
    let revision = app.revision().await;
    is_rebuilt(&post(&app, &app.finance(), "run-all", &body(true)).await, &first);
    assert_eq!(app.revision().await, revision);
    assert_eq!(violations(&app).await, Vec::<String>::new());
});

async fn member(app: &App) -> Value {
    app.office().query("{ members { nodes { id } } }").await["members"]["nodes"][0]["id"].clone()
}

on_both!(a_key_is_remembered_for_a_day, |app| async move {
    let first = post(&app, &app.office(), "k", &admission("Ale")).await;
    post(&app, &app.office(), "other", &admission("Boden")).await.data();
    let revision = app.revision().await;
    let almost = app.at("2026-11-22T08:59:59Z");
    is_rebuilt(&post(&almost, &almost.office(), "k", &admission("Ale")).await, &first);
    let later = app.at("2026-11-22T09:00:00Z");
    let again = post(&later, &later.office(), "k", &admission("Cecilia")).await;
    assert_eq!(
        (&again["memberAdmit"]["name"], again.header("idempotency-replayed")),
        (&json!("Cecilia"), "")
    );
    assert_eq!(app.revision().await, revision + 1);
    // Those whose day is over are gone.
    assert_eq!(past_the_program(&app, "UPDATE idempotent_request SET digest = digest").await, 1);
});

on_both!(
    an_answer_is_lost_when_what_it_shows_is_gone_and_nothing_is_done_again,
    |app| async move {
        post(&app, &app.office(), "admit", &admission("Ale")).await.data();
        let draft = mutation(
            "invoiceDraft",
            "id",
            &invoicing_samples::course(member(&app).await.as_str().unwrap(), "100.00"),
        );
        let drafted = post(&app, &app.office(), "k", &draft).await;
        let revision = app.revision().await;
        deed(
            &app.office(),
            "invoiceDraftDiscard",
            json!({ "invoice": drafted["invoiceDraft"]["id"] }),
            "id",
        )
        .await
        .data();
        let lost = post(&app, &app.office(), "k", &draft).await;
        assert_eq!(
            (lost.status, lost.reason()),
            (StatusCode::OK, "ANSWER_LOST"),
            "{}",
            lost.text()
        );
        assert!(
            lost.error()["message"]
                .as_str()
                .unwrap()
                .contains(&format!("with revision {revision} ")),
            "{}",
            lost.text()
        );
        assert_eq!(lost.error()["extensions"]["done"], json!(["invoiceDraft"]));
        assert_eq!(app.revision().await, revision + 1);
        // What a version from before outcomes did is not done again either, and no one waits for
        // its answer.
        past_the_program(&app, "DELETE FROM idempotent_outcome").await;
        past_the_program(&app, "UPDATE idempotent_request SET revision = 1").await;
        let began = Instant::now();
        let lost = post(&app, &app.office(), "admit", &admission("Ale")).await;
        assert_eq!(
            (lost.status, lost.reason()),
            (StatusCode::OK, "ANSWER_LOST"),
            "{}",
            lost.text()
        );
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(app.revision().await, revision + 1);
    }
);

on_both!(an_erased_person_is_not_in_what_is_stored, |app| async move {
    app.office().post(admission("Ale").to_string()).await.data();
    let input = json!({ "member": member(&app).await, "role": "FINANCE", "name": "Hanna \"H\" Hemlig", "email": "hanna@hemlig.example" });
    let body = mutation("contactAdd", "id name email", &input);
    let added = post(&app, &app.office(), "add", &body).await;
    for text in ["Hanna", "hemlig.example"] {
        let sql = format!(
            "UPDATE idempotent_outcome SET outcome = outcome WHERE outcome LIKE '%{text}%'"
        );
        assert_eq!(past_the_program(&app, &sql).await, 0);
    }
    deed(
        &app.office(),
        "contactErase",
        json!({ "contact": added["contactAdd"]["id"] }),
        "__typename",
    )
    .await
    .data();
    let revision = app.revision().await;
    let again = post(&app, &app.office(), "add", &body).await;
    let contact = &again["contactAdd"];
    assert_eq!((&contact["id"], &contact["email"]), (&added["contactAdd"]["id"], &Value::Null));
    assert!(contact["name"].as_str().unwrap().starts_with("Raderad kontakt"), "{}", again.text());
    assert_eq!((again.header("idempotency-replayed"), app.revision().await), ("rebuilt", revision));
});

on_both!(a_mutation_that_outlasts_its_request_is_waited_for_and_done_once, |app| async move {
    let app = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    let other = app.by(&app.url()).await;
    let import =
        audit::begin(&other.db, &Viewer::operator("import"), Action::Import).await.unwrap();
    // It continues although no one waits for it any more, and so its key is in use.
    let late = post(&app, &app.office(), "k", &admission("Ale")).await;
    assert_eq!(late.error()["extensions"]["reason"], "LIMIT_TIME", "{}", late.text());
    let began = Instant::now();
    let second = post(&app, &app.office(), "k", &admission("Ale")).await;
    assert_eq!(
        (second.reason(), &second.error()["extensions"]["retryAfterSeconds"]),
        ("BUSY", &json!(5))
    );
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Another key, and another subject's, wait for nothing here.
    let refused = json!({ "query": "mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { id } }" });
    assert_eq!(post(&app, &app.office(), "other", &refused).await.bad_fields(), ["input.name"]);
    assert_eq!(post(&app, &app.board(), "k", &admission("Ale")).await.code(), "FORBIDDEN");
    import.undo().await.unwrap();
    let mut third = post(&app, &app.office(), "k", &admission("Ale")).await;
    while third.json["data"].is_null() && began.elapsed() < Duration::from_secs(20) {
        third = post(&app, &app.office(), "k", &admission("Ale")).await;
    }
    assert_eq!(third["memberAdmit"]["name"], "Ale");
    assert_eq!(app.revision().await, 1);
});

#[tokio::test]
async fn a_key_is_a_short_word_of_a_deed() {
    let app = App::sqlite().await;
    let long = "x".repeat(256);
    for key in ["", "a b", "å", &long] {
        let refused = post(&app, &app.office(), key, &admission("Ale")).await;
        assert_eq!(
            (refused.status, refused.bad_fields()),
            (StatusCode::BAD_REQUEST, vec!["idempotency-key"]),
            "{key}"
        );
    }
    let twice = app
        .office()
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json");
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(
        app.send(twice.body(admission("Ale").to_string().into()).unwrap()).await.bad_fields(),
        ["idempotency-key"]
    );
    assert_eq!(app.revision().await, 0);
    // A question may come as often as it likes.
    let question = json!({ "query": "{ members { totalCount } }" });
    assert_eq!(post(&app, &app.office(), "k", &question).await["members"]["totalCount"], 0);
    post(&app, &app.office(), &long[1..], &admission("Ale")).await.data();
    let again = post(&app, &app.office(), "k", &question).await;
    assert_eq!(
        (&again["members"]["totalCount"], again.header("idempotency-replayed")),
        (&json!(1), "")
    );
    let several = app.with(&[("SAMREGISTER_MAX_BATCH", "2")]);
    let refused = post(&several, &several.office(), "k", &json!([admission("Åre")])).await;
    assert_eq!(
        (refused.status, refused.bad_fields()),
        (StatusCode::BAD_REQUEST, vec!["idempotency-key"])
    );
    assert_eq!(app.revision().await, 1);
}

/// Sends this under the key to a server that may be killed before it answers.
fn send(server: &Server, authorization: &str, key: &str) -> TcpStream {
    let body = admission(key).to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {authorization}\r\nidempotency-key: {key}"
    );
    write!(
        stream,
        "{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

/// The head of the answer, and its body.
fn answer(mut stream: TcpStream) -> (String, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

/// Kills a server, again and again, while it does what was asked under keys, and asks for all of it
/// again.
async fn kill_and_ask_again(app: &App, kills: usize) {
    const AT_ONCE: usize = 4;
    let now = app.at(&Clock::system().now().to_rfc3339());
    let office = now.office();
    let authorization = office.authorization().unwrap();
    let start = || Server::start(app.program(), "serve --bind 127.0.0.1:0");
    let count = async || {
        now.office().query("{ members { totalCount } }").await["members"]["totalCount"]
            .as_u64()
            .unwrap()
    };
    let mut server = start();
    let asks = |server: &Server, key: &str| {
        let began = Instant::now();
        assert_eq!(answer(send(server, authorization, key)).1["data"]["memberAdmit"]["name"], key);
        began.elapsed()
    };
    // The first that a server does is slow, so that each does one before.
    asks(&server, "first");
    let (mut aggregate, mut moment, mut done_before) = (asks(&server, "second"), 0_u32, 0_usize);
    let keys: Vec<_> = (0..AT_ONCE * kills).map(|position| format!("killed-{position}")).collect();
    for together in keys.chunks(AT_ONCE) {
        let before = count().await;
        // Without a pattern, from a fixed beginning; how long it takes depends on what else the
        // machine does, so each corrects it.
        moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let asked: Vec<_> = together.iter().map(|key| send(&server, authorization, key)).collect();
        tokio::time::sleep(aggregate.mul_f64(2.0 * f64::from(moment) / f64::from(u32::MAX))).await;
        drop((server, asked));
        let done = usize::try_from(count().await - before).unwrap();
        done_before += done;
        aggregate = aggregate.mul_f64([2.0, 1.3, 1.0, 0.8, 0.6][done]);
        server = start();
        asks(&server, &format!("after-{}", together[0]));
    }
    assert!(
        (1..keys.len()).contains(&done_before),
        "{done_before} mutations were done when the server was killed"
    );
    // Those that were done and those that were not, all at once; then all again.
    for is_again in [false, true] {
        let (mut rebuilt, began) = (0, Instant::now());
        for together in keys.chunks(20) {
            let asked: Vec<_> =
                together.iter().map(|key| send(&server, authorization, key)).collect();
            for (key, stream) in together.iter().zip(asked) {
                let (head, body) = answer(stream);
                assert_eq!(body["data"]["memberAdmit"]["name"], **key, "{head} {body}");
                rebuilt += usize::from(head.contains("idempotency-replayed: rebuilt"));
            }
        }
        assert_eq!(rebuilt, if is_again { keys.len() } else { done_before });
        // No one waits for what a killed server cannot give: a retry of those that were done once
        // took 20 seconds each.
        let most = Duration::from_secs(10)
            + Duration::from_millis(500) * u32::try_from(keys.len()).unwrap();
        assert!(began.elapsed() < most, "{} retries took {:?}", keys.len(), began.elapsed());
    }
    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = "query($after: String) { members(first: 100, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }";
        let page = now.office().ask(page, json!({ "after": after })).await["members"].clone();
        names.extend(
            page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["name"].as_str().unwrap().to_owned()),
        );
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    names.sort_unstable();
    let others = keys
        .iter()
        .step_by(AT_ONCE)
        .map(|key| format!("after-{key}"))
        .chain(["first".to_owned(), "second".to_owned()]);
    let mut expected: Vec<_> = keys.iter().cloned().chain(others).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    drop(server);
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
}

on_both!(what_a_killed_server_was_asked_is_done_once_and_answered, |app| async move {
    kill_and_ask_again(&app, runs(8, 100)).await;
});

on_both!(
    a_mutation_that_changed_nothing_stores_its_outcome_in_its_own_transaction,
    |app| async move {
        let added =
            deed(&app.office(), "contactAdd", json!({ "role": "OTHER", "name": "Anna" }), "id")
                .await;
        let input = json!({ "contact": added["contactAdd"]["id"], "name": "Anna" });
        let update = mutation("contactUpdate", "id name", &input);
        app.statements();
        let (revision, first) =
            (app.revision().await, post(&app, &app.office(), "k1", &update).await);
        let statements = app.statements();
        let of = |part: &str| statements.iter().filter(|sql| sql.contains(part)).count();
        assert_eq!(
            (of("oldest_program FROM migration_requirement"), of("idempotent_outcome\" (")),
            (1, 1),
            "{statements:#?}"
        );
        assert_eq!(app.revision().await, revision);
        // Another changes it meanwhile; the retry does not change it back.
        deed(
            &app.office(),
            "contactUpdate",
            json!({ "contact": input["contact"], "name": "Berit" }),
            "id",
        )
        .await
        .data();
        let again = post(&app, &app.office(), "k1", &update).await;
        assert_eq!(
            (first["contactUpdate"]["name"].as_str(), again["contactUpdate"]["name"].as_str()),
            (Some("Anna"), Some("Berit"))
        );
        assert_eq!(again.header("idempotency-replayed"), "rebuilt");
        assert_eq!(app.revision().await, revision + 1);
    }
);

on_both!(the_order_of_rights_in_a_token_does_not_matter, |app| async move {
    let caller = |roles: &[Role]| {
        app.viewer(Viewer {
            subject: "ada@example.se".into(),
            roles: roles.to_vec(),
            ..Viewer::default()
        })
    };
    let first = post(&app, &caller(&[Role::Office, Role::Auditor]), "k1", &admission("Ale")).await;
    is_rebuilt(
        &post(&app, &caller(&[Role::Auditor, Role::Office]), "k1", &admission("Ale")).await,
        &first,
    );
    is_for_another(&post(&app, &caller(&[Role::Office]), "k1", &admission("Ale")).await);
});
