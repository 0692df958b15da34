//! Signed links to files: opened before the route, which then answers as for the caller who
//! requested the link.
//!
//! The signature is removed from the request's address before anything else reads it, so that no
//! log contains it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::Response,
};

use super::{App, execution::Caller};
use domain::{
    auth::token::Verified,
    error::{Error, Result},
};

/// Name of the query parameter with the signature.
const PARAMETER: &str = "signature=";

/// The caller who requested a signed link, in the extensions of its request.
#[derive(Clone, Debug)]
pub(super) struct SignedFor(pub(super) Arc<Verified>);

/// Opens a signed link. A header Authorization takes precedence over the signature.
///
/// Answers UNAUTHENTICATED if the link has expired, was changed, or its token was revoked, and
/// FORBIDDEN if the file has another content than when the link was made.
pub(super) async fn open(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Some((bare, signature)) = without_signature(request.uri()) else {
        return next.run(request).await;
    };
    *request.uri_mut() = bare;
    if request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    let opened = verify(&app, request.uri(), &signature).await;
    let caller = Caller::of(&request);
    let sha256 = match opened {
        Ok((verified, sha256)) => {
            request.extensions_mut().insert(SignedFor(Arc::new(verified)));
            sha256
        }
        Err(error) => return caller.refuse(error),
    };
    let mut response = next.run(request).await;
    let is_file = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    if is_file && sha256.is_some_and(|sha256| tag != Some(format!("\"{sha256}\"").as_str())) {
        return caller.refuse(Error::Forbidden(
            "the file has changed since the link was made; request a new link".into(),
        ));
    }
    // The address is a secret, and stays one in no cache.
    let private = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, private);
    response
}

/// Opens the signature of a link, and checks its token for revocations.
async fn verify(app: &App, bare: &Uri, signature: &str) -> Result<(Verified, Option<String>)> {
    let now = app.clock.now();
    let address = bare.path_and_query().map_or("", PathAndQuery::as_str);
    let link = app.keys.get().links().open(address, signature, now)?;
    Ok((app.check(&link.verified).await?, link.sha256))
}

/// Returns the address without its signature, and the signature; `None` if it has none.
fn without_signature(uri: &Uri) -> Option<(Uri, String)> {
    let is_signature = |part: &&str| part.starts_with(PARAMETER);
    let (signatures, rest): (Vec<&str>, Vec<&str>) =
        uri.query()?.split('&').partition(is_signature);
    let signature = signatures.first()?.strip_prefix(PARAMETER)?.to_owned();
    let bare = match rest.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), rest.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(bare.parse().ok()?);
    Some((Uri::from_parts(parts).ok()?, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_taken_from_the_address() {
        for (address, bare) in [
            ("/files/a.pdf?signature=x", Some("/files/a.pdf")),
            ("/files/a.csv?from=1&signature=x&to=2", Some("/files/a.csv?from=1&to=2")),
            ("/files/a.csv?signature=x&signature=y", Some("/files/a.csv")),
            ("http://h/files/a.pdf?signature=x", Some("http://h/files/a.pdf")),
            ("/files/a.csv?from=1", None),
            ("/files/a.csv", None),
            ("/files/a.csv?Signature=x", None),
        ] {
            let found = without_signature(&address.parse().unwrap());
            assert_eq!(
                found.map(|(uri, signature)| (uri.to_string(), signature)),
                bare.map(|bare| (bare.to_owned(), "x".to_owned())),
                "{address}"
            );
        }
    }
}
