//! The server apart from GraphQL: health, lost databases, methods, request ids, tokens and CORS.

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
use samregister::graphql;
use serde_json::json;

use crate::support::{
    app::{App, NOW, SECRET, instant, on_both},
    caller::Answer,
};

pub(super) const QUESTION: &str = "{ viewer { subject roles } }";

fn office() -> Viewer {
    Viewer { subject: "kansli@example.se".into(), roles: vec![Role::Office], ..Viewer::default() }
}

/// Posts a question as the office with these headers instead of the usual ones.
pub(super) async fn post(
    app: &App,
    headers: &[(header::HeaderName, &str)],
    body: impl Into<Body>,
) -> Answer {
    let request = app.office().request(Method::POST, "/graphql");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    app.send(request.body(body.into()).unwrap()).await
}

pub(super) fn question() -> String {
    json!({ "query": QUESTION }).to_string()
}

#[track_caller]
pub(super) fn is_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text());
    assert!(
        answer.json.get("data").is_none(),
        "nothing was executed, so there is no data: {}",
        answer.text()
    );
    assert_eq!(answer.error()["extensions"]["requestId"], answer.header("x-request-id"));
}

on_both!(the_server_is_alive_and_ready, |app| async move {
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
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }";
    assert_eq!(app.office().query(admission).await.code(), "INTERNAL");
    // What needs no database continues.
    assert_eq!(app.office().query(QUESTION).await["viewer"]["roles"], json!(["OFFICE"]));
});

#[tokio::test]
async fn a_database_that_is_back_is_used_again_without_a_restart() {
    let app = App::postgres().await;
    app.office().query("{ members { totalCount } }").await.data();
    app.lose_database().await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    app.find_database().await;
    // Connections that broke while no one looked are replaced before they are used again.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(app.office().query("{ members { totalCount } }").await["members"]["totalCount"], 0);
    app.office()
        .query(
            "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }",
        )
        .await
        .data();
}

#[tokio::test]
async fn other_methods_and_routes_get_a_hint() {
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
    for path in ["/graphql/", "/admin", "/graphiql/../config.rs", "/..%2f..%2fetc%2fpasswd"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert!(app.get("/admin").await.text().contains("/graphql"));
}

#[tokio::test]
async fn the_start_page_links_to_what_the_server_has() {
    let app = App::sqlite().await;
    let page = app.get("/").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let html = page.text();
    let paths: Vec<_> =
        html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(
        paths,
        ["/favicon.ico", "/graphiql", "/schema.graphql", "/docs/README.md", "/healthz"]
    );
    for path in paths {
        assert_eq!(app.get(path).await.status, StatusCode::OK, "{path}");
    }
    let icon = app.get("/favicon.ico").await;
    assert_eq!(icon.header("content-type"), "image/x-icon");
    assert!(icon.bytes.starts_with(&[0, 0, 1, 0]), "is no icon");
    let closed =
        app.with(&[("SAMREGISTER_EXPLORER", "false"), ("SAMREGISTER_INTROSPECTION", "false")]);
    let html = closed.get("/").await.text();
    assert!(!html.contains("graphiql") && !html.contains("schema.graphql"), "{html}");
}

/// A page that is added to the documentation is served, too.
#[tokio::test]
async fn every_page_of_the_documentation_is_served() {
    let app = App::sqlite().await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["docs", "docs/operations"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let path = format!("/{folder}/{}", entry.file_name().to_string_lossy());
                let page = app.get(&path).await;
                assert_eq!(page.status, StatusCode::OK, "{path}");
                assert_eq!(page.text(), std::fs::read_to_string(entry.path()).unwrap(), "{path}");
            }
        }
    }
    assert_eq!(app.get("/docs/nothing.md").await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/docs/..%2fCargo.toml").await.status, StatusCode::NOT_FOUND);
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
