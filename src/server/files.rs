//! Files: documents by their address, with the rights of what they are about.

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{App, execution::Caller};
use crate::{
    auth::viewer::Viewer,
    documents,
    error::{Error, Result},
    graphql::scalars::NodeId,
    templates::preview,
};

/// The parameters of a preview.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    parameters: Option<String>,
}

/// The PDF of a template version's preview, `/files/templates/{id}.pdf?parameters=…`, with the parameters as base64url of a JSON object.
pub async fn template(State(app): State<App>, Path(file): Path<String>, Query(query): Query<Parameters>, request: Request) -> Response {
    let caller = Caller::of(&request);
    let made = async {
        let viewer = caller.viewer(&app)?;
        template_pdf(&app, &viewer, &file, query.parameters.as_deref().unwrap_or_default()).await
    };
    match made.await {
        Ok(pdf) => answer(pdf, "application/pdf", &file),
        Err(error) => caller.refuse(error),
    }
}

async fn template_pdf(app: &App, viewer: &Viewer, file: &str, parameters: &str) -> Result<Vec<u8>> {
    let id = id_of(file, "pdf", "template_version")?;
    let source = preview::source(&app.db, viewer, id.into()).await?;
    let given = if parameters.is_empty() { Some(serde_json::json!({})) } else { read(parameters) };
    let given = given.ok_or_else(|| Error::invalid("parameters", "must be a JSON object in base64url"))?;
    let document = source.document(&app.db, &app.network, &given)?;
    Ok(documents::agreement::render(document).await?.pdf)
}

fn read(parameters: &str) -> Option<serde_json::Value> {
    let bytes = URL_SAFE_NO_PAD.decode(parameters.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The id that a file's name is made of, with this ending and of this noun.
///
/// # Errors
/// NOT_FOUND when it is none.
pub(super) fn id_of(file: &str, ending: &str, noun: &str) -> Result<uuid::Uuid> {
    let name = file.strip_suffix(ending).and_then(|name| name.strip_suffix('.'));
    let id = name.and_then(|name| name.parse::<NodeId>().ok()).filter(|id| id.noun == noun);
    id.map(|id| id.id).ok_or_else(|| Error::NotFound("there is no such file".into()))
}

/// A file's bytes, to be shown and not run.
pub(super) fn answer(bytes: Vec<u8>, kind: &'static str, name: &str) -> Response {
    // The name was read as an id, which has nothing but letters, digits and an underscore.
    let shown = HeaderValue::try_from(format!("inline; filename=\"{name}\"")).unwrap_or(HeaderValue::from_static("inline"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, shown),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox")),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}
