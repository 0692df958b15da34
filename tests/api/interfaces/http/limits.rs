//! Limits of hostile requests: their settings and messages, concurrency, features that can be
//! disabled, headers, and a log without secrets.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{HeaderName, Method, StatusCode, header},
};
use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
};
use serde_json::{Value, json};

use crate::support::app::{App, SECRET, on_both};

const QUESTION: &str = "{ viewer { subject } }";

#[tokio::test]
async fn every_limit_is_a_setting_and_says_what_was_found() {
    let sqlite = App::sqlite().await;
    let spread = |count: usize| format!("{{ viewer {{ {} }} }}", "subject ".repeat(count));
    let included = |position: usize| format!("a{position}: subject @include(if: true) ");
    let directives = |count: usize| {
        format!("{{ viewer {{ {} }} }}", (0..count).map(included).collect::<String>())
    };
    let aliases = |count: usize| {
        format!(
            "{{ {} }}",
            (0..count)
                .map(|position| format!("a{position}: viewer {{ subject }} "))
                .collect::<String>()
        )
    };
    let deep = |count: usize| {
        format!(
            "{{ members {{ nodes {{ {} id {} }} }} }}",
            "successor { ".repeat(count - 3),
            "} ".repeat(count - 3)
        )
    };
    let page = |rows: usize| format!("{{ members(first: {rows}) {{ nodes {{ id }} }} }}");
    type Document<'d> = &'d dyn Fn(usize) -> String;
    // A page of members costs two for each row, and twenty.
    let cases: [(&str, &str, usize, u64, u64, Document<'_>); 5] = [
        ("SAMREGISTER_MAX_TOKENS", "LIMIT_TOKENS", 95, 100, 101, &spread),
        ("SAMREGISTER_MAX_DIRECTIVES", "LIMIT_DIRECTIVES", 3, 3, 4, &directives),
        ("SAMREGISTER_MAX_ALIASES", "LIMIT_ALIASES", 3, 3, 4, &aliases),
        ("SAMREGISTER_MAX_DEPTH", "LIMIT_DEPTH", 4, 4, 5, &deep),
        ("SAMREGISTER_MAX_COMPLEXITY", "LIMIT_COMPLEXITY", 10, 40, 42, &page),
    ];
    for (setting, reason, most, set, found, document) in cases {
        // A few fields more than the documents themselves need.
        let app = sqlite.with(&[(setting, &set.to_string())]);
        app.office().query(&document(most)).await.data();
        let refused = app.office().query(&document(most + 1)).await;
        let extensions = &refused.error()["extensions"];
        assert_eq!(
            (refused.code(), &extensions["reason"]),
            ("INVALID", &json!(reason)),
            "{}",
            refused.text()
        );
        assert_eq!(
            extensions["limits"],
            json!([{ "limit": reason, "actual": found, "max": set }]),
            "{}",
            refused.text()
        );
        let message = refused.error()["message"].as_str().unwrap();
        assert!(
            message.starts_with("The document ")
                && message.ends_with("Request less, or send several requests."),
            "{message}"
        );
        assert_eq!(refused.bad_fields(), ["query"]);
    }
    let both = sqlite
        .with(&[("SAMREGISTER_MAX_DEPTH", "3"), ("SAMREGISTER_MAX_ALIASES", "0")])
        .office()
        .query("{ a: members { nodes { successor { id } } } }")
        .await;
    let limits = both.error()["extensions"]["limits"].as_array().unwrap().iter();
    assert_eq!(
        limits.map(|limit| limit["limit"].as_str().unwrap()).collect::<Vec<_>>(),
        ["LIMIT_DEPTH", "LIMIT_ALIASES"]
    );
    let app = sqlite.with(&[("SAMREGISTER_MAX_BODY_BYTES", "1024")]);
    let large = app.office().ask(QUESTION, json!({ "x": "x".repeat(2000) })).await;
    assert_eq!(
        (large.status, &large.error()["extensions"]["reason"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("LIMIT_BODY"))
    );
}

#[tokio::test]
async fn a_document_full_of_errors_gets_a_short_answer() {
    let app = App::sqlite().await;
    let answer = app.office().query(&format!("{{ {} }}", "x ".repeat(15_000))).await;
    assert_eq!((answer.status, answer.errors().len()), (StatusCode::OK, 50));
    assert!(answer.bytes.len() < 30_000, "{}", answer.bytes.len());
}

#[tokio::test]
async fn large_values_are_refused_for_what_they_weigh() {
    let app = App::sqlite().await.with(&[("SAMREGISTER_MAX_BODY_BYTES", "16777216")]);
    let weigh = async |document: &str, variables: Value| {
        let answer = app.office().ask(document, variables).await;
        (answer.code().to_owned(), answer.error()["extensions"]["reason"].clone())
    };
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let ids: Vec<_> = (0..200_000).map(|position| position.to_string()).collect();
    assert_eq!(
        weigh(nodes, json!({ "ids": ids })).await,
        ("INVALID".into(), json!("LIMIT_COMPLEXITY"))
    );
    let text = json!({ "s": "x".repeat(10 << 20) });
    assert_eq!(
        weigh("query($s: String!) { members(filter: { search: $s }) { totalCount } }", text)
            .await
            .1,
        json!("LIMIT_EXPANSION")
    );
    let many = format!("{{ {} }}", "a: viewer { subject } ".repeat(100_000));
    assert_eq!(weigh(&many, json!({})).await.1, json!("LIMIT_TOKENS"));
    let nested = (0..120).fold(json!(1), |value, _| json!([value]));
    app.office()
        .ask("query($j: Int) { members(first: $j) { totalCount } }", json!({ "j": nested }))
        .await
        .error();
    let deep =
        format!("{{\"query\": \"{QUESTION}\", \"variables\": {{\"x\": {}}}}}", "[".repeat(100_000));
    assert_eq!(app.office().post(deep).await.status, StatusCode::BAD_REQUEST);
}

on_both!(no_subject_has_more_permits_than_others, |app| async move {
    let app = app.with(&[("SAMREGISTER_MAX_CONCURRENT", "2")]);
    // Someone writes, so that the mutations of others wait.
    let writing =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    let mutation = |name: &str| {
        format!(
            "mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ id }} }} }}"
        )
    };
    let waiting = ["Ale", "Åre"].map(|name| {
        let (app, mutation) = (app.clone(), mutation(name));
        tokio::spawn(async move { app.office().query(&mutation).await })
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for refused in [
        app.office().query(QUESTION).await,
        app.office().get("/graphql?query=%7Bviewer%7Bsubject%7D%7D").await,
        app.office().get("/files/expiring.ics").await,
    ] {
        assert_eq!(
            (refused.status, refused.reason(), refused.header("retry-after")),
            (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "1")
        );
    }
    app.board().query(QUESTION).await.data();
    writing.undo().await.unwrap();
    for done in waiting {
        done.await.unwrap().data();
    }
    app.office().query(QUESTION).await.data();
    assert_eq!(app.office().get("/files/expiring.ics").await.status, StatusCode::OK);
});

#[tokio::test]
async fn introspection_can_be_disabled() {
    let sqlite = App::sqlite().await;
    let app = sqlite.with(&[("SAMREGISTER_INTROSPECTION", "false")]);
    for document in [
        "{ __schema { types { name } } }",
        "{ viewer { subject } __type(name: \"Member\") { name } }",
        "{ ...F } fragment F on Query { ... { a: __schema { queryType { name } } } }",
    ] {
        let refused = app.office().query(document).await;
        assert_eq!(
            (refused.code(), &refused.error()["extensions"]["reason"]),
            ("INVALID", &json!("INTROSPECTION_OFF")),
            "{document}"
        );
        assert!(refused.json.get("data").is_none());
    }
    app.office().query("{ __typename viewer { __typename } }").await.data();
    assert_eq!(app.get("/schema.graphql").await.status, StatusCode::NOT_FOUND);

    let typing = [
        "{ viewer { subjct } }",
        "{ members(frist: 1) { totalCount } }",
        "{ viewer { subject @include(iff: true) } }",
    ];
    let quiet = sqlite.with(&[("SAMREGISTER_SUGGESTIONS", "false")]);
    assert!(sqlite.office().query(typing[0]).await.text().contains("Did you mean"));
    for document in typing {
        let answer = quiet.office().query(document).await;
        assert!(
            !answer.errors().is_empty() && !answer.text().contains("Did you mean"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_explorer_can_be_turned_off() {
    let app = App::sqlite().await.with(&[("SAMREGISTER_EXPLORER", "false")]);
    for path in ["/graphiql", "/graphiql/explorer.js", "/graphiql/settings.json"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    app.office().query(QUESTION).await.data();
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = App::sqlite().await;
    let strict = app.with(&[("SAMREGISTER_HSTS_SECONDS", "31536000")]);
    for path in [
        "/graphql",
        "/graphql?query=%7Bviewer%7Bsubject%7D%7D",
        "/graphiql",
        "/graphiql/explorer.js",
        "/healthz",
        "/metrics",
        "/nowhere",
        "/files/agreements/x.pdf",
    ] {
        let answer = app.office().get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty());
        assert_eq!(
            strict.office().get(path).await.header("strict-transport-security"),
            "max-age=31536000; includeSubDomains",
            "{path}"
        );
    }
}

/// A log that can be read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// On PostgreSQL alone: SQLite's library takes the span of a request along to a thread of its own,
// which a subscriber of one thread can't bear.
#[tokio::test]
async fn the_log_has_no_secrets() {
    let app = App::postgres().await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let office = app.office();
    let token = office.request(Method::GET, "/").body(()).unwrap().headers()[header::AUTHORIZATION]
        .to_str()
        .unwrap()
        .to_owned();
    let member = office
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2026-01-01" }))
        .await["memberAdmit"]["id"]
        .clone();
    let person = json!({ "memberId": member, "role": "FINANCE", "name": "Hemliga Hanna", "email": "hanna@hemlig.example", "phone": "070-1740605" });
    let added = office.does("contactAdd", "id name email phone", person.clone()).await;
    assert_eq!(added["contactAdd"]["email"], "hanna@hemlig.example");
    office
        .does(
            "contactAdd",
            "id",
            json!({ "memberId": "member_x", "role": "FINANCE", "name": "Hemliga Hanna", "email": "hanna@hemlig.example" }),
        )
        .await
        .error();
    office.query("{ members { nodes { contacts { name email phone } } } }").await.data();
    let mut errors = vec![
        app.bearer(&format!("{}x", token.trim_start_matches("Bearer ")))
            .query(QUESTION)
            .await
            .text(),
    ];
    let request = app.no_one().request(Method::GET, "/graphql?query=%7Bviewer%7Bsubject%7D%7D");
    let request =
        request.header(HeaderName::from_static("x-token"), &token).header(header::COOKIE, &token);
    errors.push(app.send(request.body(Body::empty()).unwrap()).await.text());
    // What fails on the server has a cause, which the log has and the answer does not.
    errors.push(app.with_a_bug().office().query("{ members { nodes { id } } }").await.text());
    app.lose_database().await;
    errors.push(office.query("{ members { nodes { id } } }").await.text());
    let reported = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(reported.contains("answered") && reported.contains("a request failed"), "{reported}");
    let url = app.url();
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split('@').next()?.split_once(':'))
        .map_or("-no-password-", |(_, password)| password);
    let bare = token.trim_start_matches("Bearer ");
    for secret in [
        SECRET,
        bare,
        bare.rsplit('.').next().unwrap(),
        "Hemliga",
        "hemlig.example",
        "070-1740605",
        "1740605",
        password,
    ] {
        assert!(
            !reported.contains(secret),
            "the log has {secret}: {}",
            reported.lines().find(|line| line.contains(secret)).unwrap()
        );
        assert!(errors.iter().all(|error| !error.contains(secret)), "{errors:?}");
    }
}
