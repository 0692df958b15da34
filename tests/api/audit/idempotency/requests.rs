//! A request with an Idempotency-Key is applied once, however often it is repeated within a day.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode, header};
use domain::{
    audit::{self, Action},
    auth::viewer::{Role, Viewer},
};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    lifecycle_fixtures::mutate,
};

/// Posts this under the key.
pub(super) async fn post(app: &App, caller: &Caller<'_>, key: &str, body: &Value) -> Answer {
    let request = caller
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    app.send(request.body(body.to_string().into()).unwrap()).await
}

pub(super) fn admission(name: &str) -> Value {
    json!({ "query": format!("mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ id name }} }} }}") })
}

/// Returns a mutation with this input and this selection.
pub(super) fn mutation(name: &str, selection: &str, input: &Value) -> Value {
    let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query =
        format!("mutation($input: {type_name}!) {{ {name}(input: $input) {{ {selection} }} }}");
    json!({ "query": query, "variables": { "input": input } })
}

pub(super) async fn member(app: &App) -> Value {
    app.office().query("{ members { nodes { id } } }").await["members"]["nodes"][0]["id"].clone()
}

#[track_caller]
pub(super) fn is_rebuilt(again: &Answer, first: &Answer) {
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
pub(super) async fn past_the_program(app: &App, sql: &str) -> u64 {
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    let done = db.execute_raw(Statement::from_string(app.db.backend(), sql)).await.unwrap();
    db.close().await.unwrap();
    done.rows_affected()
}

on_both!(the_same_request_gets_the_first_answer, |app| async move {
    let office = app.office();
    let first = post(&app, &office, "k1", &admission("Ale")).await;
    assert_eq!(first["memberAdmit"]["member"]["name"], "Ale");
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

on_both!(concurrent_requests_with_one_key_are_applied_once, |app| async move {
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

on_both!(a_document_of_several_mutations_is_one_request, |app| async move {
    let admission = |name: &str| {
        format!(
            "{name}: memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ name }} }}"
        )
    };
    let body =
        json!({ "query": format!("mutation {{ {} {} }}", admission("Ale"), admission("Boden")) });
    let first = post(&app, &app.office(), "k", &body).await;
    assert_eq!(
        first.data(),
        &json!({ "Ale": { "member": { "name": "Ale" } }, "Boden": { "member": { "name": "Boden" } } })
    );
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
        &json!({ "query": "mutation { memberAdmit(input: {}) { member { id } } }" }),
    )
    .await;
    assert_eq!(wrong.code(), "INVALID");
    post(&app, &app.office(), "k", &admission("Ale")).await.data();
    // What hinders a mutation may go away, and a retry then does it.
    let slug = json!({ "slug": "kurser", "name": "Kurser", "funding": ["VOLUNTEER"], "startsOn": "2026-01-01" });
    let other =
        mutate(&app.office(), "activityStart", slug, "id").await["activityStart"]["id"].clone();
    let close = mutation(
        "activityClose",
        "activity { endsOn }",
        &json!({ "activityId": other, "endsOn": "2025-12-31" }),
    );
    assert_eq!(post(&app, &app.office(), "close", &close).await.bad_fields(), ["input.endsOn"]);
    mutate(
        &app.office(),
        "activityUpdate",
        json!({ "activityId": other, "startsOn": "2025-01-01" }),
        "id",
    )
    .await;
    let closed = post(&app, &app.office(), "close", &close).await;
    assert_eq!(
        (&closed["activityClose"]["activity"]["endsOn"], closed.header("idempotency-replayed")),
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
        format!("{alias}: activityStart(input: {input}) {directive} {{ activity {{ id slug }} }}")
    };
    let query = format!(
        "mutation($no: Boolean!) {{ {} ...More {} }} fragment More on Mutation {{ ... @include(if: true) {{ {} }} {} }}",
        start("first", "a", ""),
        start("left", "d", "@skip(if: true)"),
        start("second", "b", ""),
        start("third", "c", "@skip(if: $no)"),
    );
    let body = json!({ "query": query, "variables": { "no": false } });
    mutate(
        &office,
        "activityStart",
        json!({ "slug": "b", "name": "N", "funding": ["VOLUNTEER"], "startsOn": "2026-01-01" }),
        "id",
    )
    .await;
    let before = app.revision().await;
    let refused = post(&app, &office, "k", &body).await;
    // The refused one is null, and the others are done.
    let slugs = ["first", "second", "third"]
        .map(|key| refused.json["data"][key]["activity"]["slug"].clone());
    assert_eq!(
        (refused.reason(), &refused.error()["path"], slugs),
        ("SLUG_TAKEN", &json!(["second"]), [json!("a"), Value::Null, json!("c")]),
        "{}",
        refused.text()
    );
    assert_eq!(
        (&refused.error()["extensions"]["done"], &refused.json["extensions"]["done"]),
        (&json!(["first", "third"]), &json!(["first", "third"]))
    );
    assert_eq!(app.revision().await, before + 2);
    // Again, the others are not done again and the second is refused again.
    let again = post(&app, &office, "k", &body).await;
    assert_eq!(
        (again.reason(), &again.error()["extensions"]["done"]),
        ("SLUG_TAKEN", &json!(["first", "third"]))
    );
    assert_eq!(app.revision().await, before + 2);
    // As when the other activity no longer conflicts.
    past_the_program(&app, "UPDATE activity SET slug = 'another' WHERE slug = 'b'").await;
    let done = post(&app, &office, "k", &body).await;
    assert_eq!(done.header("idempotency-replayed"), "rebuilt");
    let slugs: Vec<_> = ["first", "second", "third"]
        .iter()
        .map(|key| done[key]["activity"]["slug"].as_str().unwrap().to_owned())
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
    let query = "mutation { memberAdmit(input: { name: \"Ale\", joinedOn: \"2026-01-01\" }) { member { name } }
                 ... on Mutation { memberAdmit(input: { name: \"Ale\", joinedOn: \"2026-01-01\" }) { member { joinedOn } } } }";
    let answer = app.office().query(query).await;
    assert_eq!(
        answer["memberAdmit"],
        json!({ "member": { "name": "Ale", "joinedOn": "2026-01-01" } })
    );
    assert_eq!(app.revision().await, 1);
    // No one waits for a key here, but a client learns all the same what was done.
    let query =
        "mutation { one: memberAdmit(input: { name: \"Boden\", joinedOn: \"2026-01-01\" }) { member { name } }
                 two: memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { member { name } } }";
    let refused = app.office().query(query).await;
    assert_eq!(
        (refused.bad_fields(), &refused.error()["extensions"]["done"]),
        (vec!["input.name"], &json!(["one"]))
    );
    let refused = app
        .office()
        .query("mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { member { name } } }")
        .await;
    assert_eq!(
        (&refused.error()["extensions"]["done"], &refused.json["extensions"]),
        (&Value::Null, &Value::Null)
    );
});

on_both!(a_mutation_that_changes_nothing_is_applied_once_too, |app| async move {
    post(&app, &app.office(), "admit", &admission("Ale")).await.data();
    let member = member(&app).await;
    let set = |amount: &str| {
        mutation(
            "allocationSet",
            "member { allocations { amount } }",
            &json!({ "memberId": member, "year": 2026, "amount": amount }),
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
    let allocations = &again["allocationSet"]["member"]["allocations"];
    assert_eq!(
        (&allocations[0]["amount"], again.header("idempotency-replayed")),
        (&json!("200.00"), "rebuilt")
    );
    assert_eq!(app.revision().await, revision + 1);
});

on_both!(a_key_is_remembered_for_a_day, |app| async move {
    let first = post(&app, &app.office(), "k", &admission("Ale")).await;
    post(&app, &app.office(), "other", &admission("Boden")).await.data();
    let revision = app.revision().await;
    let almost = app.at("2026-11-22T08:59:59Z");
    is_rebuilt(&post(&almost, &almost.office(), "k", &admission("Ale")).await, &first);
    let later = app.at("2026-11-22T09:00:00Z");
    let again = post(&later, &later.office(), "k", &admission("Cecilia")).await;
    assert_eq!(
        (&again["memberAdmit"]["member"]["name"], again.header("idempotency-replayed")),
        (&json!("Cecilia"), "")
    );
    assert_eq!(app.revision().await, revision + 1);
    // Those whose day is over are gone.
    assert_eq!(past_the_program(&app, "UPDATE idempotent_request SET digest = digest").await, 1);
});

on_both!(a_mutation_that_outlasts_its_request_is_waited_for_and_done_once, |app| async move {
    let app = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    let other = app.by(&app.url()).await;
    let import =
        audit::begin(other.context(&Viewer::operator("import")), Action::Import).await.unwrap();
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
    let refused = json!({ "query": "mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { member { id } } }" });
    assert_eq!(post(&app, &app.office(), "other", &refused).await.bad_fields(), ["input.name"]);
    assert_eq!(post(&app, &app.board(), "k", &admission("Ale")).await.code(), "FORBIDDEN");
    import.undo().await.unwrap();
    let mut third = post(&app, &app.office(), "k", &admission("Ale")).await;
    while third.json["data"].is_null() && began.elapsed() < Duration::from_secs(20) {
        third = post(&app, &app.office(), "k", &admission("Ale")).await;
    }
    assert_eq!(third["memberAdmit"]["member"]["name"], "Ale");
    assert_eq!(app.revision().await, 1);
});

#[tokio::test]
async fn a_key_is_a_short_word_of_a_mutation() {
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
