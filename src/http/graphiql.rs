//! The explorer: GraphiQL with its files built in, so that nothing is asked of another host.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;

use super::App;

/// What the explorer is told at its start. Holds tokens under `serve --demo` alone, where everybody
/// may have them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// The token to begin with.
    pub token: Option<String>,
    /// A token for each role to choose from.
    pub tokens: std::collections::BTreeMap<String, String>,
}

/// No script and no style but ours and no other host: what the page says it needs is proved by what
/// it may.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files with their media types.
const FILES: &[(&str, &str, &[u8])] = &[
    (
        "explorer.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/explorer/explorer.js"),
    ),
    (
        "explorer.css",
        "text/css; charset=utf-8",
        include_bytes!("../../assets/explorer/explorer.css"),
    ),
    (
        "examples.graphql",
        "application/graphql; charset=utf-8",
        include_bytes!("../../assets/explorer/examples.graphql"),
    ),
    (
        "graphiql.min.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/explorer/graphiql.min.js"),
    ),
    (
        "graphiql.min.css",
        "text/css; charset=utf-8",
        include_bytes!("../../assets/explorer/graphiql.min.css"),
    ),
    (
        "react.production.min.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/explorer/react.production.min.js"),
    ),
    (
        "react-dom.production.min.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/explorer/react-dom.production.min.js"),
    ),
    (
        "LICENSES.txt",
        "text/plain; charset=utf-8",
        include_bytes!("../../assets/explorer/LICENSES.txt"),
    ),
];

/// The page.
pub async fn page() -> Response {
    let page = include_str!("../../assets/explorer/index.html");
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ],
        page,
    )
        .into_response()
}

/// A file of the page.
pub async fn file(State(app): State<App>, Path(name): Path<String>) -> Response {
    if name == "settings.json" {
        return Json(&*app.explorer).into_response();
    }
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, kind, bytes)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "max-age=3600")], *bytes)
                .into_response()
        }
        None => (StatusCode::NOT_FOUND, Redirect::to("/graphiql")).into_response(),
    }
}
