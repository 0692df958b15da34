//! The header X-Samregister-Revision: of an answer, the revision of the state that it shows; of a
//! request, the revision that its client has seen. A query never reads an older state than that.
//! The answer to a mutation on a WebSocket or event stream has `extensions.revision` instead.

use async_graphql::Response as Answer;
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};

use domain::error::{Error, FieldErrorCode, Result};

/// The header.
pub const REVISION: HeaderName = HeaderName::from_static("x-samregister-revision");

/// Returns the revision that a client states to have seen; `None` if it states none.
///
/// # Errors
/// INVALID unless it is a whole number.
pub(super) fn seen_by_client(headers: &HeaderMap) -> Result<Option<i64>> {
    let mut stated = headers.get_all(REVISION).iter();
    let Some(first) = stated.next() else { return Ok(None) };
    let number = first.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok()).filter(|_| stated.next().is_none());
    let words = "must be the header of an earlier answer, a whole number";
    number
        .map(Some)
        .ok_or_else(|| Error::invalid(REVISION.as_str(), FieldErrorCode::Unreadable.problem(words)))
}

/// Adds the revision of an answer's state; nothing if it is not known.
pub(super) fn with_revision(mut response: Response, revision: i64) -> Response {
    if revision > 0 {
        response.headers_mut().insert(REVISION, HeaderValue::from(revision));
    }
    response
}

/// Adds the revision of a mutation to its answer, for a protocol that has no headers; nothing if it
/// is not known.
pub(super) fn set_revision(answer: &mut Answer, revision: i64) {
    if revision > 0 {
        // As the scalar `Revision`.
        answer.extensions.insert("revision".to_owned(), revision.to_string().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_states_one_whole_number_or_none() {
        let seen = |values: &[&'static str]| {
            let headers = values.iter().map(|value| (REVISION, HeaderValue::from_static(value)));
            seen_by_client(&headers.fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            }))
        };
        assert!(matches!(seen(&[]), Ok(None)));
        assert!(matches!(seen(&["0"]), Ok(Some(0))));
        assert!(matches!(seen(&["9223372036854775807"]), Ok(Some(i64::MAX))));
        for bad in [&[""][..], &["-1"], &["1.0"], &["+1"], &["9223372036854775808"], &["1", "2"]] {
            assert!(seen(bad).is_err(), "{bad:?}");
        }
    }
}
