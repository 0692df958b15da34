//! GraphiQL with its files bundled, so that it loads nothing from another host.

use axum::{
    Json,
    extract::{Path, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{App, execution::Caller};
use domain::error::Error;

/// Initial settings of GraphiQL. Contains tokens only under `serve --demo`, where they are public.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// Initial token.
    pub token: Option<String>,
    /// Token of each role to choose from.
    pub tokens: std::collections::BTreeMap<String, String>,
}

/// Content security policy: only our own scripts and styles, and no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files with their media types.
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

/// Returns the page.
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

/// Returns a file of the page.
pub async fn file(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    if name == "settings.json" {
        return Json(&*app.explorer).into_response();
    }
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, kind, bytes)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "max-age=3600")], *bytes)
                .into_response()
        }
        None => {
            let error = Error::NotFound("no such file; the explorer is at /graphiql".into());
            Caller::of(&request).refuse(error)
        }
    }
}
