//! Costs of requests: the cost when it is asked for, the budget of a minute, the size of an answer,
//! and lists of documents.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    fixtures::Samples,
};

const QUESTION: &str = "{ viewer { subject } }";

async fn ask(caller: &Caller<'_>, query: &str) -> Answer {
    caller.post(json!({ "query": query, "extensions": { "cost": true } }).to_string()).await
}

fn admission(name: &str, selection: &str) -> String {
    format!(
        "mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ {selection} }} }} }}"
    )
}

on_both!(a_request_says_what_it_costs_when_it_is_asked, |app| async move {
    Samples::fill(&app).await;
    let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "10000")]);
    let document = "{ members(first: 3) { totalCount nodes { name } } }";
    let cost =
        async |caller: &Caller<'_>| ask(caller, document).await.json["extensions"]["cost"].clone();
    let first = cost(&app.office()).await;
    let requested = first["requested"].as_u64().unwrap();
    assert!(requested > 6, "{first}");
    assert_eq!(
        first,
        json!({ "requested": requested, "limit": 50_000, "budgetPerMinute": 10_000, "budgetRemaining": 10_000 - requested })
    );
    let second = cost(&app.office()).await;
    assert!(
        second["budgetRemaining"].as_u64().unwrap() < first["budgetRemaining"].as_u64().unwrap(),
        "{second}"
    );
    // A viewer who sees nothing pays the same, so that the cost reveals nothing of the register.
    for caller in [
        app.board(),
        app.service("audit:read"),
        app.member("member_00000000000000000000000000000000"),
    ] {
        assert_eq!(cost(&caller).await["requested"], requested);
    }
    assert!(app.office().query(document).await.json.get("extensions").is_none());
    let address = "/graphql?query=%7Bviewer%7Bsubject%7D%7D&extensions=%7B%22cost%22:true%7D";
    assert!(app.office().get(address).await.json["extensions"]["cost"]["requested"].is_u64());
});

on_both!(a_budget_is_spent_by_one_subject_alone, |app| async move {
    let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")]);
    app.office().query(&admission("Ale", "id")).await.data();
    let refused = loop {
        let answer =
            app.office().query("{ members(first: 100) { totalCount nodes { id } } }").await;
        if !answer.errors().is_empty() {
            break answer;
        }
    };
    assert_eq!((refused.status, refused.reason()), (StatusCode::TOO_MANY_REQUESTS, "COST_BUDGET"));
    let seconds = refused.error()["extensions"]["retryAfterSeconds"].as_u64().unwrap();
    assert!(
        (1..=60).contains(&seconds) && refused.header("retry-after") == seconds.to_string(),
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("your budget of 1000 points a minute"), "{}", refused.text());
    // Nothing is done of what is refused, and others have their own budget.
    let revision = app.revision().await;
    let ids: String = (0..190).map(|position| format!("a{position}: id ")).collect();
    let refused = app.office().query(&admission("Åre", &ids)).await;
    assert_eq!((refused.status, app.revision().await), (StatusCode::TOO_MANY_REQUESTS, revision));
    app.board().query("{ members(first: 100) { totalCount nodes { id } } }").await.data();
});

on_both!(an_answer_that_is_too_large_is_not_made, |app| async move {
    app.office().query(&admission("Ale", "id")).await.data();
    let app = app.with(&[("SAMREGISTER_MAX_ANSWER_BYTES", "2000")]);
    let names =
        |count: usize| (0..count).map(|position| format!("a{position}: name ")).collect::<String>();
    let refused =
        app.office().query(&format!("{{ members {{ nodes {{ {} }} }} }}", names(190))).await;
    assert_eq!(
        (refused.code(), &refused.error()["extensions"]["reason"]),
        ("INVALID", &json!("ANSWER_TOO_LARGE")),
        "{}",
        refused.text()
    );
    assert!(refused.json.get("data").is_none() && refused.bytes.len() < 1_000);
    app.office().query(&format!("{{ members {{ nodes {{ {} }} }} }}", names(90))).await.data();
    // A long text counts before it is made part of the answer.
    let purpose = "x".repeat(1_500);
    let long = json!({ "slug": "ny", "name": "Ny", "funding": ["VOLUNTEER"], "startsOn": "2027-01-01", "purpose": purpose });
    app.office().does("activityStart", "id", long).await.data();
    let purposes = |count: usize| {
        (0..count).map(|position| format!("a{position}: purpose ")).collect::<String>()
    };
    app.office().query(&format!("{{ activities {{ nodes {{ {} }} }} }}", purposes(1))).await.data();
    let refused =
        app.office().query(&format!("{{ activities {{ nodes {{ {} }} }} }}", purposes(150))).await;
    assert_eq!(refused.error()["extensions"]["reason"], "ANSWER_TOO_LARGE", "{}", refused.text());
    // What was done is done, and said.
    let revision = app.revision().await;
    let done = app.office().query(&admission("Åre", &format!("id {}", names(190)))).await;
    let committed = &done.error()["extensions"]["committed"]["memberAdmit"][0];
    assert_eq!(
        (&done.error()["extensions"]["reason"], app.revision().await),
        (&json!("ANSWER_TOO_LARGE"), revision + 1),
        "{}",
        done.text()
    );
    let found = app
        .office()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on Member { name } } }",
            json!({ "id": committed }),
        )
        .await;
    assert_eq!(found["node"]["name"], "Åre", "{}", done.text());
});

on_both!(an_id_is_loaded_once_and_answers_every_position, |app| async move {
    let samples = Samples::fill(&app).await;
    let ids: Vec<&str> =
        samples.ids().into_iter().filter(|id| id.starts_with("member_")).take(2).collect();
    let asked: Vec<&str> = ids.iter().copied().cycle().take(100).collect();
    let fields: String = (0..40)
        .map(|position| format!("a{position}: nodes(ids: $ids) {{ id ... on Member {{ name }} }} "))
        .collect();
    app.statements();
    let answer = app
        .office()
        .ask(
            &format!("query($ids: [ID!]!) {{ {fields} one: node(id: \"{}\") {{ id }} }}", ids[0]),
            json!({ "ids": asked }),
        )
        .await;
    let statements = app.statements();
    for position in 0..40 {
        let nodes = answer[&format!("a{position}")].as_array().unwrap();
        assert!(
            nodes.len() == 100
                && nodes
                    .iter()
                    .zip(&asked)
                    .all(|(node, id)| node["id"] == *id && node["name"].is_string())
        );
    }
    assert_eq!(answer["one"]["id"], ids[0]);
    assert!(statements.len() <= 3, "{} statements: {:?}", statements.len(), statements.first());
});

#[tokio::test]
async fn documents_of_a_list_share_every_limit() {
    let sqlite = App::sqlite().await;
    let batch = async |app: &App, documents: &[&str]| {
        let documents: Vec<Value> =
            documents.iter().map(|query| json!({ "query": query })).collect();
        app.office().post(json!(documents).to_string()).await
    };
    for (setting, most, reason, document) in [
        ("SAMREGISTER_MAX_ALIASES", "3", "LIMIT_ALIASES", "{ a: viewer { b: subject } }"),
        (
            "SAMREGISTER_MAX_DIRECTIVES",
            "1",
            "LIMIT_DIRECTIVES",
            "{ viewer { subject @include(if: true) } }",
        ),
        (
            "SAMREGISTER_MAX_TOKENS",
            "100",
            "LIMIT_TOKENS",
            &format!("{{ viewer {{ {} }} }}", "subject ".repeat(60)),
        ),
        (
            "SAMREGISTER_MAX_COMPLEXITY",
            "200",
            "LIMIT_COMPLEXITY",
            "{ members(first: 80) { nodes { id } } }",
        ),
    ] {
        let app = sqlite.with(&[("SAMREGISTER_MAX_BATCH", "3"), (setting, most)]);
        let refused = batch(&app, &[document, document]).await;
        assert_eq!(batch(&app, &[document]).await.json[0]["errors"], Value::Null, "{document}");
        assert_eq!(
            (refused.bad_fields(), &refused.error()["extensions"]["reason"]),
            (vec!["body"], &json!(reason)),
            "{}",
            refused.text()
        );
    }
    let app =
        sqlite.with(&[("SAMREGISTER_MAX_BATCH", "3"), ("SAMREGISTER_MAX_ANSWER_BYTES", "1500")]);
    let wide = format!(
        "{{ viewer {{ {} }} }}",
        (0..30).map(|position| format!("a{position}: subject ")).collect::<String>()
    );
    let answers = batch(&app, &[&wide, &wide]).await;
    assert!(answers.json[0]["data"]["viewer"]["a0"].is_string(), "{}", answers.text());
    assert_eq!(answers.json[1]["errors"][0]["extensions"]["reason"], "ANSWER_TOO_LARGE");
}

#[tokio::test]
async fn a_list_says_when_to_retry_what_was_refused_of_it() {
    let app = App::sqlite()
        .await
        .with(&[("SAMREGISTER_MAX_BATCH", "3"), ("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")]);
    let page = |rows: usize| json!({ "query": format!("{{ members(first: {rows}) {{ nodes {{ id }} }} }}") });
    let all = app.office().post(json!([page(100), page(10)]).to_string()).await;
    assert_eq!((all.status, all.header("retry-after")), (StatusCode::OK, ""), "{}", all.text());
    app.office().post(json!([page(200), page(100)]).to_string()).await;
    let some = app.office().post(json!([page(1), page(200), page(100)]).to_string()).await;
    let seconds = |position: usize| {
        some.json[position]["errors"][0]["extensions"]["retryAfterSeconds"].as_u64()
    };
    assert!(seconds(1) > seconds(2) && seconds(1).is_some(), "{}", some.text());
    assert_eq!(Some(some.header("retry-after").parse().unwrap()), seconds(1), "{}", some.text());
}

on_both!(a_request_is_answered_in_time_under_any_load, |app| async move {
    let app = app
        .with(&[("SAMREGISTER_MAX_BATCH", "3"), ("SAMREGISTER_REQUEST_SECONDS", "1")])
        .with_lanes();
    // Another transaction writes, so that mutations wait.
    let writing =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    let began = Instant::now();
    let late = app.office().query(&admission("Ale", "id")).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(
        (late.code(), &late.error()["extensions"]["reason"]),
        ("INVALID", &json!("LIMIT_TIME"))
    );
    assert!(late.text().contains("its changes may yet be committed"), "{}", late.text());
    // Those of a list have one request's time together.
    let documents = json!([{ "query": admission("Åre", "id") }, { "query": QUESTION }]);
    let answers = app.office().post(documents.to_string()).await;
    assert_eq!(
        answers.json[0]["errors"][0]["extensions"]["reason"],
        "LIMIT_TIME",
        "{}",
        answers.text()
    );
    assert!(
        answers.json[1]["errors"][0]["message"].as_str().unwrap().contains("was not executed"),
        "{}",
        answers.text()
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    writing.undo().await.unwrap();
    // No client's impatience decides what is done.
    let done = async {
        while app.office().query("{ members { totalCount } }").await["members"]["totalCount"] != 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
});

#[tokio::test]
async fn a_persisted_document_is_known_to_the_subject_that_sent_it() {
    let app = App::sqlite().await;
    let hash = hex::encode(Sha256::digest(QUESTION));
    let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    app.office()
        .post(json!({ "query": QUESTION, "extensions": persisted }).to_string())
        .await
        .data();
    let named = json!({ "extensions": persisted }).to_string();
    assert_eq!(app.office().post(named.clone()).await["viewer"]["subject"], "office@example.se");
    // Another subject can't find out that it was asked before.
    assert_eq!(app.board().post(named).await.code(), "NOT_FOUND");
}

on_both!(a_pdf_uses_as_much_of_the_budget_as_it_takes_to_set, |app| async move {
    let parameters = json!([{ "name": "text", "label": "Text", "type": "TEXT", "required": true }]);
    let new = json!({ "slug": "prov", "title": "Prov", "kind": "PARTICIPATION", "body": "{{ text }}", "parameters": parameters });
    let created = app.office().does("templateCreate", "versions { id }", new).await;
    let version = created["templateCreate"]["versions"][0]["id"].clone();
    let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "100000")]);
    // Long words take 0.6 ms each, which are 60 points: 300 of them take 18 000, and some for their
    // bytes.
    let text = |words: usize| "samordningsförbund ".repeat(words);
    let of = |words: usize| {
        let document = "query($id: ID!, $p: JSON!) { node(id: $id) { ... on AgreementTemplateVersion { preview(parameters: $p) { sha256 } } } }";
        json!({ "query": document, "variables": { "id": version, "p": { "text": text(words).trim() } } }).to_string()
    };
    let preview = async |words: usize| app.office().post(of(words)).await;
    let left = async || {
        ask(&app.office(), QUESTION).await.json["extensions"]["cost"]["budgetRemaining"]
            .as_u64()
            .unwrap()
    };
    // Points come back meanwhile, a minute's in a minute.
    let used = async |words: usize| {
        let (before, began) = (left().await, Instant::now());
        preview(words).await.data();
        let used = before - left().await;
        (used, used + 1 + 100_000 * u64::try_from(began.elapsed().as_millis()).unwrap() / 60_000)
    };
    let (least, most) = used(1).await;
    assert!(least < 8_500 && most >= 8_000, "{least} to {most}");
    let (least, most) = used(300).await;
    assert!(least < 25_000 && most >= 18_000, "{least} to {most}");
    // What would take more than is left is not set.
    let began = Instant::now();
    let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "40000")]);
    let refused = app.office().post(of(1_000)).await;
    assert_eq!(
        (refused.code(), &refused.error()["extensions"]["reason"]),
        ("CONFLICT", &json!("COST_BUDGET")),
        "{}",
        refused.text()
    );
    assert!(
        refused.error()["extensions"]["retryAfterSeconds"].is_u64()
            && began.elapsed() < Duration::from_secs(5)
    );
});
