//! Uploads: `POST /files` stores a file, which a mutation then takes by its id; and the files that
//! were uploaded.

use std::convert::Infallible;

use ::entity::id::StoredFileId;
use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use multer::{Constraints, Multipart, SizeLimit};
use serde::Deserialize;

use super::{
    App,
    execution::{self, Caller, status_of},
    files::{self, points},
    headers::IDEMPOTENCY_KEY,
};
use crate::graphql::scalars::node_id;
use domain::{
    error::{Error, FieldErrorCode, LimitReason, Result},
    file_access,
    stored_files::uploads::{self, NewFile},
};

/// Bytes of an upload that cost one point, in addition to those of a stored file.
const BYTES_PER_POINT: usize = 4 << 10;
/// Bytes that the headers and boundaries of a form may have in addition to its file.
const FORM_BYTES: usize = 64 << 10;
/// Name of a file that is uploaded without one.
const UNNAMED: &str = "fil";

/// Parameters of an upload.
#[derive(Debug, Deserialize)]
struct Parameters {
    name: Option<String>,
}

/// Stores the file of a request: of a form (`multipart/form-data`) with one file, or the body
/// itself, whose name is the query parameter `name`. Answers 201 with its id, SHA-256, media type,
/// size and name.
pub async fn upload(State(app): State<App>, request: Request) -> Response {
    let caller = Caller::of(&request);
    match store(&app, &caller, request).await {
        Ok(response) => response,
        Err((status, error)) => {
            let mut refused = caller.refuse(error);
            *refused.status_mut() = status;
            refused
        }
    }
}

async fn store(
    app: &App,
    caller: &Caller,
    request: Request,
) -> Result<Response, (StatusCode, Error)> {
    let refuse = |error: Error| (status_of(&error), error);
    let viewer = caller.admit(app).await.map_err(refuse)?;
    uploads::require(app.context(&viewer)).map_err(refuse)?;
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(IDEMPOTENCY_KEY) {
        let words =
            "has no effect on an upload; leave it out: a file that is uploaded twice does no harm";
        let problem = FieldErrorCode::NotAllowed.problem(words);
        return Err(refuse(Error::invalid(IDEMPOTENCY_KEY.as_str(), problem)));
    }
    let Query(parameters) = Query::<Parameters>::try_from_uri(&parts.uri).map_err(|_| {
        refuse(Error::invalid("address", FieldErrorCode::Unreadable.problem("can't be read")))
    })?;
    let name = parameters.name;
    if declared_bytes(&parts.headers).is_some_and(|bytes| bytes > max_bytes(app)) {
        return Err(too_large(app));
    }
    let bytes = read(app, body).await?;
    let cost = points::STORED + (bytes.len() / BYTES_PER_POINT) as u64;
    Caller::charge(app, &viewer.subject, cost, false).map_err(refuse)?;
    let new = new_file(app, &parts.headers, name, bytes).await?;
    let row = uploads::upload(app.context(&viewer), new).await.map_err(refuse)?;
    let json = serde_json::json!({
        "id": node_id(row.id).as_str(),
        "sha256": row.sha256,
        "mediaType": row.media_type,
        "size": row.size,
        "name": row.name,
    });
    let kind = (header::CONTENT_TYPE, "application/json; charset=utf-8");
    Ok((StatusCode::CREATED, [kind], json.to_string()).into_response())
}

/// Returns the number of bytes of a body, as the header Content-Length says.
fn declared_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the maximum size of a body: that of a file, and of the form around it.
fn max_bytes(app: &App) -> usize {
    app.upload_bytes + FORM_BYTES
}

/// Reads the whole body within its maximum size, and within the time of a request.
async fn read(app: &App, body: Body) -> Result<Bytes, (StatusCode, Error)> {
    let arriving =
        tokio::time::timeout(app.request_time, axum::body::to_bytes(body, max_bytes(app)));
    let arrived = tokio::select! {
        arrived = arriving => arrived,
        () = execution::cut_off(app) => {
            let words = "The upload was aborted because the server is stopping. Send it again.";
            let error = Error::limit(LimitReason::LimitTime, "body", words);
            return Err((StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    match arrived {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large(app)),
        Err(_) => {
            let seconds = app.request_time.as_secs();
            let words = format!("The file took longer than {seconds} s to arrive. Send it again.");
            let error = Error::limit(LimitReason::LimitTime, "body", words);
            Err((StatusCode::REQUEST_TIMEOUT, error))
        }
    }
}

fn too_large(app: &App) -> (StatusCode, Error) {
    let words = format!(
        "The file is larger than {} bytes, the maximum of this server, or was not sent completely.",
        app.upload_bytes
    );
    (StatusCode::PAYLOAD_TOO_LARGE, Error::limit(LimitReason::LimitBody, "body", words))
}

/// Returns the file of a form, or the body itself as a file.
async fn new_file(
    app: &App,
    headers: &HeaderMap,
    name: Option<String>,
    bytes: Bytes,
) -> Result<NewFile, (StatusCode, Error)> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
    let file = match boundary {
        Some(boundary) => of_form(app, boundary, name, bytes).await?,
        None => NewFile {
            name: name.unwrap_or_else(|| UNNAMED.to_owned()),
            media_type: kind.map(str::to_owned),
            bytes: bytes.into(),
        },
    };
    if file.bytes.len() > app.upload_bytes { Err(too_large(app)) } else { Ok(file) }
}

async fn of_form(
    app: &App,
    boundary: String,
    name: Option<String>,
    bytes: Bytes,
) -> Result<NewFile, (StatusCode, Error)> {
    let bad = |words: &'static str| {
        let error = Error::invalid("body", FieldErrorCode::Unreadable.problem(words));
        (StatusCode::BAD_REQUEST, error)
    };
    let unreadable = |_| bad("is not a form with one file (multipart/form-data)");
    let limit = SizeLimit::new().whole_stream(max_bytes(app) as u64);
    let body = stream::iter([Ok::<Bytes, Infallible>(bytes)]);
    let constraints = Constraints::new().size_limit(limit);
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    let mut found = None;
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        // Other fields of a form are no files.
        let Some(file_name) = field.file_name().map(str::to_owned) else { continue };
        if found.is_some() {
            return Err(bad("must have one file"));
        }
        let media_type = field.content_type().map(ToString::to_string);
        let bytes = field.bytes().await.map_err(unreadable)?;
        let name = name.clone().unwrap_or(file_name);
        found = Some(NewFile { name, media_type, bytes: bytes.into() });
    }
    found.ok_or_else(|| bad("must have one file"))
}

/// Returns an uploaded file, `/files/stored/{id}`, to save: a browser shows it in no page.
pub async fn stored(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let found = files::make(&app, &caller, points::STORED, move |app, viewer| async move {
        let id = files::node_of::<StoredFileId>(&file)?;
        file_access::read(app.context(&viewer), id).await?.ok_or_else(files::no_such_file)
    });
    match found.await {
        Ok((row, bytes)) => {
            files::download(bytes, &row.media_type, &row.name, &row.sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}
