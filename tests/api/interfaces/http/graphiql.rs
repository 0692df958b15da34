//! GraphiQL: its page, its examples and its tokens.

use axum::http::StatusCode;
use samregister::http::graphiql;
use serde_json::json;

use crate::support::app::App;

#[tokio::test]
async fn graphiql_needs_nothing_from_another_host() {
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
async fn the_examples_of_graphiql_are_answered() {
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
async fn only_the_demo_shows_tokens_in_graphiql() {
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
async fn the_introspection_of_graphiql_is_within_the_limits() {
    let introspection = include_str!("introspection.graphql");
    let answer = App::sqlite().await.office().query(introspection).await;
    assert!(answer["__schema"]["types"].as_array().unwrap().len() > 50);
}
