//! Response headers for browsers: CORS, security policies and compression.

use std::time::Duration;

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
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
};

use super::{REQUEST_ID, revision::REVISION};

/// Header of an idempotent request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Header that marks a replayed answer.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Time for which a browser may reuse the answer to a preflight, the most that any browser allows.
const PREFLIGHT_TIME: Duration = Duration::from_secs(7_200);

/// Allows requests from these origins, with all headers that their pages send. Without credentials:
/// tokens are in the header Authorization, and there are no cookies.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        // Clients of GraphQL send headers of their own; only listed origins get an answer.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LINK,
            header::RETRY_AFTER,
            REPLAYED,
            REQUEST_ID,
            REVISION,
        ])
        .max_age(PREFLIGHT_TIME)
}

/// Predicate of answers worth compressing.
type Worth = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// Compresses texts. Attacks on compressed secrets by their length don't apply: an answer
/// needs a token, and no web page can make a browser send one.
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
        // A strong validator promises identical bytes.
        let is_strong = text(header::ETAG).starts_with('"');
        // Events are sent one by one, and a compressor would hold them back.
        let is_stream = text(header::CONTENT_TYPE).starts_with("text/event-stream");
        !is_strong
            && !is_stream
            && kinds.iter().any(|kind| text(header::CONTENT_TYPE).starts_with(kind))
    };
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(1024).and(worth))
}

/// Security headers of every answer.
const SECURITY: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Returns the header by which browsers use only HTTPS for this number of seconds; `None` for zero.
pub fn https_only(seconds: u64) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(&format!("max-age={seconds}; includeSubDomains")).ok();
    value.filter(|_| seconds > 0)
}

/// Adds the security headers of every answer, with the one of [`https_only`].
pub async fn harden(
    State(https_only): State<Option<HeaderValue>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    if let Some(value) = https_only {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
