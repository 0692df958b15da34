//! Start page: links to what the server has, its icon, and the documentation in the program.

use axum::{
    extract::{Path, Request},
    http::header,
    response::{Html, IntoResponse, Response},
};

use super::execution::Caller;
use domain::{config::Exposure, error::Error};

/// Pages of the documentation.
macro_rules! pages {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../docs/", $name)))),*]
    };
}

/// Pages of the documentation with their texts.
const PAGES: &[(&str, &str)] = pages![
    "README.md",
    "access.txt",
    "agreements.md",
    "api.md",
    "archive.md",
    "architecture.md",
    "audit-trail.md",
    "changes.md",
    "command-line.md",
    "configuration.md",
    "csv-files.md",
    "deadlines.md",
    "errors.md",
    "failures.md",
    "files.md",
    "glossary.md",
    "graphql-over-http.md",
    "invoices.md",
    "laws.md",
    "member-view.md",
    "operations/backup.md",
    "operations/doctor.md",
    "operations/incidents.md",
    "operations/monitoring.md",
    "operations/postgresql.md",
    "operations/production.md",
    "operations/README.md",
    "operations/scale.md",
    "operations/several-servers.md",
    "operations/upgrade.md",
    "payments.md",
    "performance.md",
    "personal-data.md",
    "revenue.md",
    "roles.md",
    "tokens.md",
    "upgrading.md",
    "verify.md",
];

/// Content security policy: our own style and icon, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Time for which a browser may store the icon and the documentation.
const STORED: &str = "max-age=3600";

/// The icon, with 16 and 32 pixels.
const ICON: &[u8] = include_bytes!("../../assets/favicon.ico");

/// Links of the start page that depend on the settings.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    has_explorer: bool,
    has_schema: bool,
}

impl Links {
    /// Returns the links of a server with these settings.
    #[must_use]
    pub fn new(exposure: &Exposure) -> Self {
        Self { has_explorer: exposure.explorer, has_schema: exposure.introspection }
    }

    /// Returns the page, in Swedish.
    pub async fn page(self) -> Response {
        let explorer = ("/graphiql", "Utforska API:t", "skriv frågor i webbläsaren");
        let schema = ("/schema.graphql", "Schemat", "alla typer och fält, med beskrivningar");
        let always = [
            ("/docs/README.md", "Dokumentation", "på engelska; glossary.md förklarar orden"),
            ("/healthz", "Drift", "svarar ok när servern är i gång; /readyz när databasen nås"),
        ];
        let set = [(self.has_explorer, explorer), (self.has_schema, schema)];
        let set = set.into_iter().filter(|(is_there, _)| *is_there).map(|(_, link)| link);
        let links: String = set
            .chain(always)
            .map(|(path, name, what)| format!("<li><a href=\"{path}\">{name}</a> – {what}</li>\n"))
            .collect();
        let headers = [(header::CONTENT_SECURITY_POLICY, POLICY)];
        (headers, Html(PAGE.replace("{links}", &links))).into_response()
    }
}

const PAGE: &str = "<!doctype html>
<html lang=\"sv\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Samregister</title>
<link rel=\"icon\" href=\"/favicon.ico\">
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
:root { color-scheme: light dark; }
li { margin: .4rem 0; }
</style>
</head>
<body>
<main>
<h1>Samregister</h1>
<p>Registret över medlemmar, avtal och fakturor hos ett nätverk av samordningsförbund.
API:t (GraphQL) finns på <code>/graphql</code> och kräver en token.</p>
<ul>
{links}</ul>
</main>
</body>
</html>
";

/// Returns the icon.
pub async fn icon() -> Response {
    let headers = [(header::CONTENT_TYPE, "image/x-icon"), (header::CACHE_CONTROL, STORED)];
    (headers, ICON).into_response()
}

/// Returns a page of the documentation as text.
pub async fn documentation(Path(name): Path<String>, request: Request) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, STORED)];
    match PAGES.iter().find(|(file, _)| *file == name) {
        Some((_, text)) => (headers, *text).into_response(),
        None => {
            let error = Error::NotFound("no such page; /docs/README.md lists them".into());
            Caller::of(&request).refuse(error)
        }
    }
}
