//! What the server says around GraphQL: routes, media types, tokens, limits, and what happens when
//! the database is away.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    config::Settings,
};
use samregister::{graphql, http::graphiql};
use serde_json::{Value, json};

use crate::app::{Answer, App, NOW, SECRET, instant, on_both};

const QUESTION: &str = "{ viewer { subject roles } }";

fn office() -> Viewer {
    Viewer { subject: "kansli@example.se".into(), roles: vec![Role::Office], ..Viewer::default() }
}

/// Posts a question as the office with these headers, in the place of the usual ones.
async fn post(app: &App, headers: &[(header::HeaderName, &str)], body: impl Into<Body>) -> Answer {
    let request = app.office().request(Method::POST, "/graphql");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    app.send(request.body(body.into()).unwrap()).await
}

fn question() -> String {
    json!({ "query": QUESTION }).to_string()
}

#[track_caller]
fn is_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text());
    assert!(
        answer.json.get("data").is_none(),
        "nothing was executed, so there is no data: {}",
        answer.text()
    );
    assert_eq!(answer.error()["extensions"]["requestId"], answer.header("x-request-id"));
}

on_both!(it_lives_and_is_ready, |app| async move {
    let (alive, ready) = (app.get("/healthz").await, app.get("/readyz").await);
    assert_eq!((alive.status, alive.text().as_str()), (StatusCode::OK, "alive\n"));
    assert_eq!((ready.status, ready.text().as_str()), (StatusCode::OK, "ready\n"));
    for answer in [&alive, &ready] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.header("x-request-id").is_empty());
    }
});

on_both!(a_lost_database_is_said_and_its_cause_is_not, |app| async move {
    app.lose_database().await;
    let (alive, ready) = (app.get("/healthz").await, app.get("/readyz").await);
    assert_eq!(alive.status, StatusCode::OK);
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.text());
    let members = app.office().query("{ members { nodes { id } } }").await;
    assert_eq!(members.code(), "INTERNAL", "{}", members.text());
    assert_eq!(members.error()["extensions"]["requestId"], members.header("x-request-id"));
    assert_eq!(
        members.error()["message"],
        "internal server error; look up the request id in the server log"
    );
    let admission =
        "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { id } }";
    assert_eq!(app.office().query(admission).await.code(), "INTERNAL");
    // What needs no database goes on.
    assert_eq!(app.office().query(QUESTION).await["viewer"]["roles"], json!(["OFFICE"]));
});

#[tokio::test]
async fn a_database_that_is_back_is_used_again_by_itself() {
    let app = App::postgres().await;
    app.office().query("{ members { totalCount } }").await.data();
    app.lose_database().await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    app.find_database().await;
    // Connections that broke while nobody looked are replaced before they are used again.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(app.office().query("{ members { totalCount } }").await["members"]["totalCount"], 0);
    app.office()
        .query(
            "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { id } }",
        )
        .await
        .data();
}

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
    // So is one whose data is null, since a mutation was refused: it was executed, too.
    let refused = json!({ "query": "mutation { memberAdmit(input: { name: \"\", joinedOn: \"2026-01-01\" }) { id } }" }).to_string();
    for accept in ["application/json", "application/graphql-response+json"] {
        let answer = post(
            &app,
            &[(header::CONTENT_TYPE, "application/json"), (header::ACCEPT, accept)],
            refused.clone(),
        )
        .await;
        assert_eq!(
            (answer.status, answer.code(), answer.json.get("data")),
            (StatusCode::OK, "INVALID", Some(&Value::Null)),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_failure_before_there_is_any_data_is_a_500_for_clients_that_know_the_newer_type() {
    let app = App::sqlite().await.with_a_bug();
    let admission =
        "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { id } }";
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
async fn a_body_that_is_no_question_is_refused_with_its_place() {
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

#[tokio::test]
async fn other_methods_and_routes_are_told_where_to_go() {
    let app = App::sqlite().await;
    for (method, path) in [
        (Method::PUT, "/graphql"),
        (Method::DELETE, "/graphql"),
        (Method::PATCH, "/graphql"),
        (Method::POST, "/healthz"),
        (Method::POST, "/graphiql"),
        (Method::DELETE, "/schema.graphql"),
    ] {
        let answer =
            app.send(app.office().request(method.clone(), path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(answer.header("allow").contains("GET"), "{method} {path}");
    }
    for path in ["/", "/graphql/", "/admin", "/graphiql/../config.rs", "/..%2f..%2fetc%2fpasswd"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert!(app.get("/").await.text().contains("/graphql"));
}

#[tokio::test]
async fn the_request_id_is_ours_whatever_the_client_calls_it() {
    let app = App::sqlite().await;
    let long = "x".repeat(5_000);
    let ask = |id: &str| {
        let request = app
            .no_one()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json");
        let request = if id.is_empty() { request } else { request.header("x-request-id", id) };
        app.send(request.body(question().into()).unwrap())
    };
    let mut ids = std::collections::BTreeSet::new();
    for id in ["", "", "mine", "mine", &long, "a b"] {
        let answer = ask(id).await;
        let own = answer.header("x-request-id").to_owned();
        assert_eq!(answer.error()["extensions"]["requestId"], own.as_str());
        assert!(own.len() == 36 && ids.insert(own.clone()), "{own} is not ours, or another's too");
    }
}

#[tokio::test]
async fn only_a_good_token_opens() {
    let app = App::sqlite().await;
    let keys = |secret: &str, name: (&str, &str)| {
        let env = [("SAMREGISTER_JWT_SECRET", secret), name]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Keys::from_settings(&Settings::load(env, None).unwrap()).unwrap()
    };
    let now = instant(NOW);
    let good = keys(SECRET, ("SAMREGISTER_LOG", "info"));
    let token = good.mint(&office(), 1, now).unwrap();
    assert_eq!(app.bearer(&token).query(QUESTION).await["viewer"]["subject"], "kansli@example.se");
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    let board = URL_SAFE_NO_PAD.encode(
        String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap())
            .unwrap()
            .replace("OFFICE", "BOARD"),
    );
    for (what, token) in [
        ("nothing", String::new()),
        ("no token", "abc".into()),
        ("three dots", "...".into()),
        ("expired", good.mint(&office(), 1, now - Duration::from_secs(2 * 86_400)).unwrap()),
        (
            "another secret",
            keys("another secret, which is as long as it must be", ("SAMREGISTER_LOG", "info"))
                .mint(&office(), 1, now)
                .unwrap(),
        ),
        (
            "another issuer",
            keys(SECRET, ("SAMREGISTER_JWT_ISSUER", "somebody-else"))
                .mint(&office(), 1, now)
                .unwrap(),
        ),
        (
            "another audience",
            keys(SECRET, ("SAMREGISTER_JWT_AUDIENCE", "something-else"))
                .mint(&office(), 1, now)
                .unwrap(),
        ),
        ("unsigned", format!("{unsigned}.{claims}.")),
        ("unsigned with a signature", format!("{unsigned}.{claims}.{signature}")),
        ("other claims", format!("{head}.{board}.{signature}")),
        ("a long one", "x".repeat(100_000)),
    ] {
        let answer = app.bearer(&token).query(QUESTION).await;
        is_refused(&answer, StatusCode::UNAUTHORIZED, "UNAUTHENTICATED");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{what}");
        assert!(token.len() < 4 || !answer.text().contains(&token), "{what}");
    }
    let later =
        app.at("2026-11-22T09:00:31Z").bearer(&token).query(QUESTION).await.code().to_owned();
    assert_eq!(later, "UNAUTHENTICATED");
    for (scheme, opens) in
        [("bearer ", true), ("BEARER ", true), ("Bearer  ", true), ("Basic ", false), ("", false)]
    {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("{scheme}{token}"));
        let answer = app.send(request.body(question().into()).unwrap()).await;
        assert_eq!(answer.status == StatusCode::OK, opens, "{scheme:?}");
    }
    is_refused(
        &app.no_one().query("{ __schema { types { name } } }").await,
        StatusCode::UNAUTHORIZED,
        "UNAUTHENTICATED",
    );
    // Who asks is known before what is asked is looked at.
    is_refused(&app.no_one().post("{").await, StatusCode::UNAUTHORIZED, "UNAUTHENTICATED");
}

#[tokio::test]
async fn the_explorer_needs_nothing_from_another_host() {
    let app = App::sqlite().await;
    let page = app.get("/graphiql").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    let html = page.text();
    let named: Vec<_> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(named.len() > 5, "{named:?}");
    for path in named.into_iter().filter(|path| !path.starts_with("data:")) {
        assert!(path.starts_with("/graphiql/"), "{path} is not ours");
        let file = app.get(path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        let kind = file.header("content-type");
        assert!(
            path.ends_with(".js") && kind.starts_with("text/javascript")
                || path.ends_with(".css") && kind.starts_with("text/css")
                || kind.starts_with("text/plain"),
            "{path} is {kind}"
        );
        assert!(
            file.bytes.len() > 100 && file.header("x-content-type-options") == "nosniff",
            "{path}"
        );
    }
    assert!(!html.contains("<script>") && !html.contains("onload="), "a script stands in the page");
    assert_eq!(app.get("/graphiql/examples.graphql").await.status, StatusCode::OK);
    for path in
        ["/graphiql/nothing.js", "/graphiql/..%2f..%2fCargo.toml", "/graphiql/%00", "/graphiql/"]
    {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_explorers_examples_are_answered() {
    let app = App::sqlite().await;
    let examples = app.get("/graphiql/examples.graphql").await.text();
    let names: Vec<_> = examples
        .lines()
        .filter_map(|line| line.strip_prefix("query "))
        .map(|rest| rest.split(['(', ' ', '{']).next().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        // As the explorer fills them in.
        let variables =
            json!({ "year": 2026, "next": 2027, "from": "2026-01-01", "to": "2026-12-31" });
        let answer = app
            .office()
            .post(
                json!({ "query": examples, "operationName": name, "variables": variables })
                    .to_string(),
            )
            .await;
        // Things that the demo has may be missing here, but every name must be the schema's.
        assert!(answer.json.get("data").is_some(), "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn tokens_are_told_to_the_explorer_of_the_demo_alone() {
    let app = App::sqlite().await;
    let settings = app.get("/graphiql/settings.json").await;
    assert_eq!(
        (settings.status, &settings.json),
        (StatusCode::OK, &json!({ "token": null, "tokens": {} }))
    );
    assert_eq!(settings.header("cache-control"), "no-store");
    let demo = graphiql::Settings {
        token: Some("a".into()),
        tokens: [("OFFICE".to_owned(), "a".to_owned())].into(),
    };
    let settings = app.with_explorer(demo).get("/graphiql/settings.json").await;
    assert_eq!(settings.json, json!({ "token": "a", "tokens": { "OFFICE": "a" } }));
}

#[tokio::test]
async fn the_schema_can_be_had_without_a_token() {
    let app = App::sqlite().await;
    let schema = app.get("/schema.graphql").await;
    assert_eq!(schema.status, StatusCode::OK);
    assert!(schema.header("content-type").starts_with("application/graphql"));
    assert_eq!(schema.text(), graphql::sdl(&graphql::schema(None)));
}

#[tokio::test]
async fn only_named_web_pages_may_ask() {
    let app =
        App::sqlite().await.with(&[("SAMREGISTER_CORS_ORIGINS", "https://register.example.se")]);
    for (origin, is_named) in [
        ("https://register.example.se", true),
        ("https://example.se", false),
        ("https://register.example.se.evil.example", false),
        ("null", false),
    ] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri("/graphql")
            .header(header::ORIGIN, origin);
        let request = request
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type");
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            if is_named { origin } else { "" }
        );
        assert!(answer.header("access-control-allow-credentials").is_empty());
    }
}

#[tokio::test]
async fn a_document_beyond_a_limit_is_refused_in_words() {
    let app = App::sqlite().await.with(&[
        ("SAMREGISTER_MAX_DEPTH", "6"),
        ("SAMREGISTER_MAX_COMPLEXITY", "2000"),
        ("SAMREGISTER_MAX_ALIASES", "5"),
    ]);
    let nested = |levels: usize| {
        format!(
            "{{ members {{ nodes {{ {} id {} }} }} }}",
            "successor { ".repeat(levels),
            "} ".repeat(levels)
        )
    };
    let aliases = |number: usize| {
        format!(
            "{{ {} }}",
            (0..number)
                .map(|position| format!("a{position}: viewer {{ subject }}"))
                .collect::<String>()
        )
    };
    // Each spreads the one before twice: thirty of them are a thousand million fields in some 640
    // bytes.
    let bomb: String = (1..30)
        .map(|position| {
            format!(
                "fragment f{position} on Viewer {{ ...f{} ...f{} }} ",
                position - 1,
                position - 1
            )
        })
        .collect();
    let bomb = format!("{{ viewer {{ ...f29 }} }} fragment f0 on Viewer {{ subject }} {bomb}");
    let circle = "{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }";
    app.office().query(&nested(3)).await.data();
    app.office().query(&aliases(5)).await.data();
    for (document, words) in [
        (nested(4), "levels deep; at most 6 are allowed"),
        (aliases(6), "6 aliases; at most 5 are allowed"),
        (
            "{ members(first: 200) { nodes { agreements(first: 200) { nodes { id } } } } }".into(),
            "at most 2000 are allowed",
        ),
        (bomb, "at most"),
        (circle.into(), "circle"),
        ("{".repeat(100_000), "brackets"),
        ("[".repeat(100_000), "brackets"),
        (format!("{{ viewer {{ {} }} }}", "subject ".repeat(30_000)), "tokens"),
        (format!("{{ viewer {{ subject {} }} }}", "@include(if: true) ".repeat(51)), "directives"),
        ("{ viewer { subject ".into(), "syntax error"),
        ("{ viewer { subject(x: \"\u{0}\") } }".into(), ""),
    ] {
        let answer = app.office().query(&document).await;
        is_refused(&answer, StatusCode::OK, "INVALID");
        assert!(
            answer.error()["message"].as_str().unwrap().contains(words),
            "{words}: {}",
            answer.text()
        );
    }
    app.office().query(QUESTION).await.data();
}

#[tokio::test]
async fn lists_within_lists_are_weighed_before_they_are_answered() {
    let app = App::sqlite().await;
    let areas = |levels: usize| {
        format!(
            "{{ members(first: 38) {{ nodes {{ {} name {} }} }} }}",
            "contactArea { members { ".repeat(levels),
            "} }".repeat(levels)
        )
    };
    for levels in [2, 4, 6] {
        let answer = app.office().query(&areas(levels)).await;
        is_refused(&answer, StatusCode::OK, "INVALID");
        assert!(
            answer.error()["message"].as_str().unwrap().contains("at most 50000 are allowed"),
            "{}",
            answer.text()
        );
    }
    app.office().query(&areas(1)).await.data();
    app.office().query("{ members(first: 200) { nodes { name contacts { name email } allocations { year amount } contactArea { boardContacts { name } members { name } } } } }").await.data();
    app.office().query("{ invoices(first: 200) { nodes { number lines { description net } payments { receivedOn amount } creditNotes { number lines { net } } } } }").await.data();
}

#[tokio::test]
async fn an_answer_that_grows_beyond_what_was_weighed_is_broken_off() {
    let app = App::sqlite().await;
    let header = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,\
        address_line,postal_code,city,successor,leaving_reason,former_names\n";
    let members = (0..80)
        .map(|number| format!("m{number},Förbundet {number},,,,Södra,2010-01-01,,,,,,,,,,\n"));
    app.import(&[("members.csv", &members.fold(header.to_owned(), |text, member| text + &member))])
        .await;
    let area = "contactArea { members { name contactArea { members { name } } } }";
    let few =
        app.office().query(&format!("{{ members(first: 1) {{ nodes {{ {area} }} }} }}")).await;
    assert_eq!(few["members"]["nodes"][0]["contactArea"]["members"].as_array().unwrap().len(), 80);
    let many =
        app.office().query(&format!("{{ members(first: 18) {{ nodes {{ {area} }} }} }}")).await;
    is_refused(&many, StatusCode::OK, "INVALID");
    assert_eq!(
        many.error()["message"],
        "query returns more than 100000 rows in lists without pagination; request fewer"
    );
}

#[tokio::test]
async fn the_explorers_introspection_is_within_the_limits() {
    let introspection = include_str!("introspection.graphql");
    let answer = App::sqlite().await.office().query(introspection).await;
    assert!(answer["__schema"]["types"].as_array().unwrap().len() > 50);
}
