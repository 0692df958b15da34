//! Files: documents by their address, with the rights of what they are about.

use ::entity::kind::FileFormat;
use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    App,
    execution::{self, Caller},
    lanes::DEAR,
};
use crate::graphql::scalars::NodeId;
use domain::{
    agreements::documents::{self, Pdf},
    auth::viewer::Viewer,
    documents::agreement::Rendered,
    error::{Error, Result},
    invoices::{
        documents::{self, File},
        requisitions,
    },
    receivables::reminder_documents,
    templates::{layout, preview},
};

/// What files cost, in points: as much as the fields of the schema that are made in the same way.
pub(super) mod points {
    /// One that is stored.
    pub(in crate::http) const STORED: u64 = 300;
    /// One that is set.
    pub(in crate::http) const SET: u64 = 8_000;
    /// The calendar of deadlines.
    pub(in crate::http) const CALENDAR: u64 = 2_000;
    /// A table of revenue, which may have a hundred thousand rows.
    pub(in crate::http) const TABLE: u64 = 5_000;
}

/// The PDF of an agreement, `/files/agreements/{id}.pdf`: the bytes that it was offered with, or
/// what a draft would be offered with today.
pub async fn agreement(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::STORED, move |app, viewer| async move {
        let id = id_of(&file, "pdf", "agreement")?.into();
        if documents::is_draft(&app.db, &viewer, id).await? {
            Caller::charge(&app, &viewer.subject, points::SET, false)?;
        }
        documents::pdf_of(&app.db, &viewer, &app.network, id).await?.ok_or_else(no_such_file)
    });
    match made.await {
        Ok(Pdf { number, sha256, bytes }) => {
            pdf(bytes, number.as_deref().unwrap_or("UTKAST"), &sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// A file of an issued invoice or credit note: `/files/invoices/{id}.pdf`, or
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
            &app.db,
            &viewer,
            id_of(&file, ending, "invoice")?.into(),
            format,
            app.request_time,
        )
        .await?;
        found.ok_or_else(no_such_file)
    });
    match made.await {
        Ok(File { number, sha256, bytes }) => {
            kept(bytes, media_type, &number, ending, &sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// The PDF of a requisition of a grant, `/files/requisitions/{id}.pdf`.
pub async fn requisition(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::SET, move |app, viewer| async move {
        let id = id_of(&file, "pdf", "requisition")?.into();
        requisitions::pdf_of(&app.db, &viewer, id).await?.ok_or_else(no_such_file)
    });
    match made.await {
        Ok((number, made)) => pdf(made.bytes, &number, &made.sha256, request.headers()),
        Err(error) => caller.refuse(error),
    }
}

/// The PDF of a reminder, `/files/reminders/{id}.pdf`.
pub async fn reminder(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = make(&app, &caller, points::SET, move |app, viewer| async move {
        let id = id_of(&file, "pdf", "reminder")?.into();
        reminder_documents::pdf_of(&app.db, &viewer, id).await?.ok_or_else(no_such_file)
    });
    match made.await {
        Ok((number, made)) => {
            pdf(made.bytes, &format!("{number}-paminnelse"), &made.sha256, request.headers())
        }
        Err(error) => caller.refuse(error),
    }
}

/// The parameters of a preview.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    parameters: Option<String>,
}

/// The PDF of a template version's preview, `/files/templates/{id}.pdf?parameters=…`, with the
/// parameters as base64url of a JSON object.
pub async fn template(
    State(app): State<App>,
    Path(file): Path<String>,
    Query(query): Query<Parameters>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
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
    let id = id_of(file, "pdf", "template_version")?;
    let source = preview::source(&app.db, viewer, id.into()).await?;
    let given = if parameters.is_empty() { Some(serde_json::json!({})) } else { read(parameters) };
    let given =
        given.ok_or_else(|| Error::invalid("parameters", "must be a JSON object in base64url"))?;
    layout::render(viewer, source.document(&app.db, viewer, &app.network, given).await?).await
}

/// Makes a file for the sender of a request as an expensive document: it takes so many points from
/// their budget, one of their slots, and connections that no small document waits for. What waits
/// is dropped when the time of a request is over.
///
/// # Errors
/// UNAUTHENTICATED without a good token, CONFLICT when the sender has too many requests or points,
/// INVALID with the reason `LIMIT_TIME` when it takes too long, or the server stops meanwhile.
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
        let (subject, dear) =
            (viewer.subject.clone(), App { db: app.db.for_dear_document(), ..app.clone() });
        app.lanes
            .spawn(&subject, points.max(DEAR), make(dear, viewer))
            .await
            .map_err(Error::internal)?
    };
    let seconds = app.request_time.as_secs();
    let late = |_| {
        Error::limit(
            "LIMIT_TIME",
            "file",
            format!("The file took longer than {seconds} s. Retry when the server has less to do."),
        )
    };
    tokio::select! {
        made = tokio::time::timeout(app.request_time, made) => made.map_err(late)?,
        () = execution::cut_off(app) => Err(Error::limit("LIMIT_TIME", "file", "The file was cut off because the server is stopping. Retry when it has started again.")),
    }
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
    id.map(|id| id.id).ok_or_else(no_such_file)
}

fn no_such_file() -> Error {
    Error::NotFound("there is no such file".into())
}

/// A PDF to be looked at.
fn pdf(bytes: Vec<u8>, name: &str, sha256: &str, headers: &HeaderMap) -> Response {
    kept(bytes, "application/pdf", name, "pdf", sha256, headers)
}

/// A file to be looked at. Whoever has it already is told that it is the same, since its digest
/// names it.
fn kept(
    bytes: Vec<u8>,
    media_type: &str,
    name: &str,
    ending: &str,
    sha256: &str,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("\"{sha256}\"");
    // Numbers of imported history are any text of one line.
    let name: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let about = [
        (header::ETAG, tag.clone()),
        // Kept by the one who asked, who asks each time whether it is still the same, and theirs.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::VARY, "Authorization".to_owned()),
    ];
    let known =
        headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
    if is_known {
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
