//! What every answer says to browsers: who may read it, what it may do there, and whether it comes
//! compressed.

use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{And, Predicate, SizeAbove},
    },
    cors::{AllowOrigin, CorsLayer},
};

use super::REQUEST_ID;

/// Names the request that is to be done once, however often it comes.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is the first one, given again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Lets these web pages ask.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    // What Apollo's clients send with each GET, to tell other servers that no simple form sent it.
    let of_apollo =
        ["apollo-require-preflight", "x-apollo-operation-name"].map(HeaderName::from_static);
    let own = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::IF_NONE_MATCH,
        IDEMPOTENCY_KEY,
        REQUEST_ID,
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(own.into_iter().chain(of_apollo).collect::<Vec<_>>())
        .expose_headers([REQUEST_ID, header::ETAG, header::RETRY_AFTER, REPLAYED])
}

/// Which answers are worth compressing.
type Worth = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// Compresses texts. That their length tells of what is in them helps nobody: an answer needs a
/// token, and no web page can make a browser send one.
pub fn compression() -> CompressionLayer<Worth> {
    let worth: fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool = |_, _, headers, _| {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
                .unwrap_or_default()
        };
        let kinds =
            ["text/", "application/json", "application/graphql", "application/openmetrics-text"];
        // A strong validator promises the same bytes.
        let is_strong = text(header::ETAG).starts_with('"');
        !is_strong && kinds.iter().any(|kind| text(header::CONTENT_TYPE).starts_with(kind))
    };
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(1024).and(worth))
}

/// What no answer goes without; `hsts` is for how many seconds browsers are to come by https alone.
pub async fn harden(State(hsts): State<u64>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    if hsts > 0
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={hsts}; includeSubDomains"))
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
