//! Uploads of files.

use axum::http::{Method, header};

use crate::support::caller::{Answer, Caller};

/// A small PDF, as far as its type can be told.
pub const PDF: &[u8] = b"%PDF-1.7\nen inskannad sida\n%%EOF\n";

/// The answer to the upload of these bytes as the body.
pub async fn upload(caller: &Caller<'_>, name: &str, kind: &str, bytes: &[u8]) -> Answer {
    let request = caller
        .request(Method::POST, &format!("/files?name={name}"))
        .header(header::CONTENT_TYPE, kind);
    caller.app.send(request.body(bytes.to_vec().into()).unwrap()).await
}

/// Uploads a PDF, and gives its id.
pub async fn uploaded(caller: &Caller<'_>, name: &str) -> String {
    let answer = upload(caller, name, "application/pdf", PDF).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json["id"].as_str().unwrap().to_owned()
}
