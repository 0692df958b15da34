//! Files: documents by their address, with the rights of what they are about.

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{App, execution::Caller};
use crate::{
    agreements::contents,
    auth::viewer::Viewer,
    documents,
    error::{Error, Result},
    graphql::scalars::NodeId,
    templates::preview,
};

/// The PDF of an agreement, `/files/agreements/{id}.pdf`: the bytes that it was offered with, or what a draft would be offered with today.
pub async fn agreement(State(app): State<App>, Path(file): Path<String>, request: Request) -> Response {
    let caller = Caller::of(&request);
    let known = known_tags(request.headers());
    let made = async {
        let viewer = caller.viewer(&app)?;
        let id = id_of(&file, "pdf", "agreement")?;
        let pdf = contents::pdf_of(&app.db, &viewer, &app.network, id.into()).await?;
        pdf.ok_or_else(|| Error::NotFound("there is no such file".into()))
    };
    let pdf = match made.await {
        Ok(pdf) => pdf,
        Err(error) => return caller.refuse(error),
    };
    let tag = format!("\"{}\"", pdf.sha256);
    let mut response = if known.iter().any(|known| *known == tag || known == "*") {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        // Numbers of imported history are any text of one line.
        let plain = |char: char| if char.is_ascii_alphanumeric() || matches!(char, '-' | '.') { char } else { '_' };
        let name: String = pdf.number.as_deref().unwrap_or("UTKAST").chars().map(plain).collect();
        answer(pdf.bytes, "application/pdf", &format!("{name}.pdf"))
    };
    // Its digest names it. It is kept by the one who asked, who asks each time whether it is still the same, and theirs.
    for (name, value) in [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "private, no-cache"), (header::VARY, "Authorization")] {
        response.headers_mut().extend(HeaderValue::try_from(value).map(|value| (name, value)));
    }
    response
}

/// The files that somebody has already.
fn known_tags(headers: &HeaderMap) -> Vec<String> {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/").to_owned()).collect()
}

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
    // The name has nothing but letters, digits and an underscore or the like.
    let shown = HeaderValue::try_from(format!("inline; filename=\"{name}\"")).unwrap_or(HeaderValue::from_static("inline"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, shown),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox")),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}
