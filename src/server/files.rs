//! Files: the register's documents as they are stored, for those who may see what they are about.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{App, execution::bearer};
use crate::{
    agreements::contents::{self, Pdf},
    auth::viewer::Viewer,
    error::{Error, Result},
    graphql::scalars::NodeId,
};

/// The PDF of an agreement, `…/agreement_0193….pdf`: the bytes that it was offered with, or what a draft would be offered with today.
pub async fn agreement(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let found = async {
        let viewer = viewer(&app, &headers)?;
        let id = file.strip_suffix(".pdf").and_then(|id| id.parse::<NodeId>().ok()).filter(|id| id.noun == "agreement");
        let Some(id) = id else { return Ok(None) };
        contents::pdf_of(&app.db, &viewer, &app.network, id.id.into()).await
    };
    match found.await {
        Ok(Some(pdf)) => document(pdf, &headers),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no such document\n").into_response(),
        Err(error) => refused(&error),
    }
}

/// Who asks.
fn viewer(app: &App, headers: &HeaderMap) -> Result<Viewer> {
    app.keys.verify(&bearer(headers)?, app.db.clock.now())
}

/// A PDF to be looked at. Whoever has it already is told that it is the same, since its digest names it.
fn document(pdf: Pdf, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", pdf.sha256);
    // Numbers of imported history are any text of one line.
    let name: String = pdf.number.as_deref().unwrap_or("UTKAST").chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let about = [
        (header::ETAG, tag.clone()),
        // Kept by the one who asked, who asks each time whether it is still the same, and theirs.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::VARY, "Authorization".to_owned()),
    ];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known =
        known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
    if is_known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let shown =
        [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\""))];
    (about, shown, pdf.bytes).into_response()
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_')
}

/// An error in words, with the status that it has on the web.
fn refused(error: &Error) -> Response {
    let status = match error {
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Internal(cause) => {
            tracing::error!(%cause, "a file could not be made");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = (status, format!("{error}\n")).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}
