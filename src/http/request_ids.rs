//! Request ids: each request gets an id of the server, by which the log finds it; the client's own
//! id is logged next to it.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};

use super::REQUEST_ID;

/// Maximum length of a client's id, in bytes.
const MAX_ID_BYTES: usize = 100;

/// The client's own id of the request.
#[derive(Clone, Debug)]
struct ClientRequestId(String);

/// Moves the client's own id aside, so that the request gets an id that no client can choose: ids
/// are unique, and no client impersonates another's request.
pub async fn take(mut request: Request, next: Next) -> Response {
    let named = name(request.headers(), &REQUEST_ID);
    request.headers_mut().remove(REQUEST_ID);
    if let Some(named) = named {
        request.extensions_mut().insert(ClientRequestId(named));
    }
    next.run(request).await
}

/// Returns the client's own id of the request; `None` if it has none, or one that is not short and
/// plain.
pub(super) fn of_client(request: &Request) -> Option<&str> {
    request.extensions().get::<ClientRequestId>().map(|ClientRequestId(name)| name.as_str())
}

fn name(headers: &HeaderMap, header: &HeaderName) -> Option<String> {
    let text = headers.get(header)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    ((1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_plain))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_name_is_short_and_plain() {
        let named = |text: &str| {
            name(&HeaderMap::from_iter([(REQUEST_ID, text.parse().unwrap())]), &REQUEST_ID)
        };
        for text in ["0190b5a4-1f2e-7c3d-8a9b-0c1d2e3f4a5b", "a", &"x".repeat(MAX_ID_BYTES)] {
            assert_eq!(named(text).as_deref(), Some(text));
        }
        for text in ["", "a b", "a\tb", "<a>", "a\"b", &"x".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(named(text), None, "{text}");
        }
        assert_eq!(name(&HeaderMap::new(), &REQUEST_ID), None);
    }
}
