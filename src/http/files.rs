//! Files: documents by their URL, with the permissions of the object that they belong to.

use ::entity::{
    id::{AgreementId, Identifier, InvoiceId, ReminderId, RequisitionId, TemplateVersionId},
    kind::FileFormat,
};
use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    App, conditional_requests,
    execution::{self, Caller},
    lanes::EXPENSIVE,
};
use crate::graphql::scalars::NodeId;
use ::documents::agreement::Rendered;
use domain::{
    agreements::documents::{self as agreement_documents, Pdf},
    auth::viewer::Viewer,
    error::{Error, FieldErrorCode, LimitReason, Result},
    invoices::documents::{self, File},
    receivables::reminder_documents,
    requisitions,
    stored_files::file_name,
    templates::{preview_loading, typeset},
};

/// Cost of files in points, as of the schema's fields with the same work.
pub(super) mod points {
    /// A stored file.
    pub(in crate::http) const STORED: u64 = 300;
    /// A file that is typeset on request.
    pub(in crate::http) const SET: u64 = 8_000;
    /// The calendar of deadlines.
    pub(in crate::http) const CALENDAR: u64 = 2_000;
    /// A table of revenue, which may have a hundred thousand rows.
    pub(in crate::http) const TABLE: u64 = 5_000;
}

/// Returns the PDF of an agreement, `/files/agreements/{id}.pdf`: the bytes that it was offered
/// with, or the preview of a draft.
pub async fn agreement(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::STORED, move |app, viewer| async move {
        let id = id_of::<AgreementId>(&file, "pdf")?;
        if agreement_documents::is_draft(app.context(&viewer), id).await? {
            Caller::charge(&app, &viewer.subject, points::SET, false)?;
        }
        agreement_documents::pdf_of(app.context(&viewer), &app.network, id)
            .await?
            .ok_or_else(no_such_file)
    });
    match made.await {
        Ok(Pdf { number, sha256, bytes }) => {
            pdf(bytes, number.as_deref().unwrap_or("UTKAST"), &sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// Returns a file of an issued invoice or credit note: `/files/invoices/{id}.pdf`, or
/// `/files/invoices/{id}.xml` for its e-invoice.
pub async fn invoice(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let (ending, format, media_type) = match file.rsplit_once('.') {
        Some((_, "xml")) => ("xml", FileFormat::Xml, "application/xml"),
        _ => ("pdf", FileFormat::Pdf, "application/pdf"),
    };
    let made = make(&app, &caller, points::STORED, move |app, viewer| async move {
        let found = documents::file(
            app.context(&viewer),
            id_of::<InvoiceId>(&file, ending)?,
            format,
            app.request_time,
        )
        .await?;
        found.ok_or_else(no_such_file)
    });
    match made.await {
        Ok(File { number, sha256, bytes }) => {
            cached(bytes, media_type, &number, ending, &sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// Returns the PDF of a requisition of a grant, `/files/requisitions/{id}.pdf`.
pub async fn requisition(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::SET, move |app, viewer| async move {
        let id = id_of::<RequisitionId>(&file, "pdf")?;
        requisitions::pdf_of(app.context(&viewer), id).await?.ok_or_else(no_such_file)
    });
    match made.await {
        Ok((number, made)) => pdf(made.bytes, &number, &made.sha256, request.headers()),
        Err(error) => caller.refuse(error),
    }
}

/// Returns the PDF of a reminder, `/files/reminders/{id}.pdf`.
pub async fn reminder(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::SET, move |app, viewer| async move {
        let id = id_of::<ReminderId>(&file, "pdf")?;
        reminder_documents::pdf_of(app.context(&viewer), id).await?.ok_or_else(no_such_file)
    });
    match made.await {
        Ok((number, made)) => {
            pdf(made.bytes, &format!("{number}-paminnelse"), &made.sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// Query parameters of a preview.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    parameters: Option<String>,
}

/// Returns the PDF of a template version's preview, `/files/templates/{id}.pdf?parameters=…`, with
/// the parameters as base64url of a JSON object.
pub async fn template(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let Ok(Query(query)) = Query::<Parameters>::try_from_uri(request.uri()) else {
        let problem = FieldErrorCode::Unreadable.problem("can't be read");
        return caller.refuse(Error::invalid("address", problem));
    };
    let made = make(&app, &caller, points::SET, move |app, viewer| async move {
        template_pdf(&app, &viewer, &file, query.parameters.as_deref().unwrap_or_default()).await
    });
    match made.await {
        Ok(rendered) => pdf(rendered.pdf, "UTKAST", &rendered.sha256, request.headers()),
        Err(error) => caller.refuse(error),
    }
}

async fn template_pdf(
    app: &App,
    viewer: &Viewer,
    file: &str,
    parameters: &str,
) -> Result<Rendered> {
    let id = id_of::<TemplateVersionId>(file, "pdf")?;
    let source = preview_loading::source(app.context(viewer), id).await?;
    let given = if parameters.is_empty() { Some(serde_json::json!({})) } else { read(parameters) };
    let given = given.ok_or_else(|| {
        Error::invalid(
            "parameters",
            FieldErrorCode::WrongType.problem("must be a JSON object in base64url"),
        )
    })?;
    let document =
        preview_loading::document(app.context(viewer), &source, &app.network, given).await?;
    typeset::render(app.context(viewer), document).await
}

/// Creates a file for the caller as an expensive document: it takes points from the caller's
/// budget, one of the caller's slots, and connections that no small document waits for. Waiting
/// work is dropped when the time of a request is over.
///
/// # Errors
/// UNAUTHENTICATED without a valid token, CONFLICT when the caller has too many requests or too few
/// points, INVALID with the reason `LIMIT_TIME` when it takes too long, or the server stops.
pub(super) async fn make<T, F>(
    app: &App,
    caller: &Caller,
    points: u64,
    make: impl FnOnce(App, Viewer) -> F,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let made = async {
        let viewer = caller.admit(app).await?;
        Caller::charge(app, &viewer.subject, points, false)?;
        let (subject, db) = (viewer.subject.clone(), app.db.for_costly_document());
        let expensive = app.clone().with(|state| state.db = db);
        app.lanes
            .spawn(&subject, points.max(EXPENSIVE), make(expensive, viewer))
            .await
            .map_err(Error::internal)?
    };
    let seconds = app.request_time.as_secs();
    let late = |_| {
        Error::limit(
            LimitReason::LimitTime,
            "file",
            format!("The file took longer than {seconds} s. Retry when the server is less busy."),
        )
    };
    tokio::select! {
        made = tokio::time::timeout(app.request_time, made) => made.map_err(late)?,
        () = execution::cut_off(app) => Err(Error::limit(LimitReason::LimitTime, "file", "The file was aborted because the server is stopping. Retry when it has started again.")),
    }
}

fn read(parameters: &str) -> Option<serde_json::Value> {
    let bytes = URL_SAFE_NO_PAD.decode(parameters.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Returns the id in the name of a file with this ending. Fails with NOT_FOUND unless it is the
/// global id of an object of this type.
pub(super) fn id_of<T: Identifier>(file: &str, ending: &str) -> Result<T> {
    let name = file.strip_suffix(ending).and_then(|name| name.strip_suffix('.'));
    let id = name.and_then(|name| name.parse::<NodeId>().ok());
    let id = id.filter(|id| id.node_type == T::NODE_TYPE);
    id.map(|id| T::from(id.id)).ok_or_else(no_such_file)
}

/// Returns the id in the name of a file without an ending. Fails like [`id_of`].
pub(super) fn node_of<T: Identifier>(file: &str) -> Result<T> {
    let id = file.parse::<NodeId>().ok().filter(|id| id.node_type == T::NODE_TYPE);
    id.map(|id| T::from(id.id)).ok_or_else(no_such_file)
}

pub(super) fn no_such_file() -> Error {
    Error::NotFound("there is no such file".into())
}

/// Returns a file to save under its own name, or 304 if the client has it, by its digest as ETag.
pub(super) fn download(
    bytes: Vec<u8>,
    media_type: &str,
    name: &str,
    sha256: &str,
    headers: &HeaderMap,
) -> Response {
    // A name of before the check of names may have another ending.
    let name = file_name::to_save(name, media_type);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, "bin"));
    let mut response = cached(bytes, media_type, stem, ending, sha256, headers);
    if let Some(shown) = response.headers_mut().get_mut(header::CONTENT_DISPOSITION) {
        // RFC 6266: the second name has all characters.
        let plain = shown.to_str().unwrap_or_default().replacen("inline", "attachment", 1);
        let text = format!("{plain}; filename*=UTF-8''{}", percent_encoded(&name));
        *shown = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"));
    }
    response
}

/// Encodes all bytes but those of plain characters (RFC 5987, 3.2.1).
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match char::from(byte) {
        char if is_plain(char) => char.to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Returns a PDF for display.
fn pdf(bytes: Vec<u8>, name: &str, sha256: &str, headers: &HeaderMap) -> Response {
    cached(bytes, "application/pdf", name, "pdf", sha256, headers)
}

/// Returns a file for display, or 304 if the client has it, by its digest as ETag.
fn cached(
    bytes: Vec<u8>,
    media_type: &str,
    name: &str,
    ending: &str,
    sha256: &str,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("\"{sha256}\"");
    // Numbers of imported history may be any text of one line.
    let name: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let about = [
        (header::ETAG, tag.clone()),
        // Private to the caller, who must revalidate it on each use.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::VARY, "Authorization".to_owned()),
    ];
    if conditional_requests::is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let shown = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.{ending}\"")),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned(),
        ),
    ];
    (about, shown, bytes).into_response()
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_')
}
