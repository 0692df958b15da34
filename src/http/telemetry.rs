//! OpenTelemetry: spans of requests, documents, groups of resolvers, statements and rendering, sent
//! to a collector by OTLP over HTTP if one is configured, within the caller's W3C Trace Context.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use async_graphql::async_trait::async_trait;
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response},
};
use domain::{
    clock::Clock,
    error::{Error, Origin, Result},
};
use opentelemetry::{
    Context, Key, KeyValue, Value,
    propagation::TextMapPropagator as _,
    trace::{
        Span as _, SpanKind, Status, TraceContextExt as _, TraceFlags, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    resource::{EnvResourceDetector, ResourceDetector as _},
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// Path of a collector for spans.
const TRACES: &str = "/v1/traces";
/// Time limit for sending spans.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum length of the name of an operation in a span, in characters. Clients choose the name.
const MAX_NAME: usize = 100;
/// Crates whose spans are sent.
const TARGETS: [&str; 2] = ["samregister", "domain"];
/// Header with the context of the server's own span (W3C Trace Context, level 2).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The tracer of this process; not set without a collector.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The exporter of spans.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Starts to export spans to the collector at this address.
    ///
    /// # Errors
    /// INVALID if the exporter can't be created for it.
    pub fn start(endpoint: &str) -> Result<Self> {
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(SEND_TIMEOUT))
            .tls_config(tls)
            .build();
        let base = endpoint.trim_end_matches('/');
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(agent.into()))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(SEND_TIMEOUT)
            .with_endpoint(format!("{}{TRACES}", base.trim_end_matches(TRACES)))
            .build()
            .map_err(|cause| {
                let message = format!("is not usable: {cause}");
                Error::invalid_of(Origin::Setting, "SAMREGISTER_OTLP_ENDPOINT", message)
            })?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let name = service_name(
            std::env::var("OTEL_SERVICE_NAME").ok(),
            &EnvResourceDetector::new().detect(),
        );
        let resource = Resource::builder().with_service_name(name).with_attribute(version).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource);
        let provider = provider.build();
        TRACER.get_or_init(|| provider.tracer("samregister"));
        Ok(Self { provider })
    }

    /// Returns the layer that makes spans of the program's own ones. Events are not sent: the log
    /// has them, with personal data.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let is_own = |metadata: &Metadata<'_>| {
            let name = metadata.target().split("::").next().unwrap_or_default();
            metadata.is_span() && TARGETS.contains(&name)
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("samregister"))
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(is_own))
    }
}

/// Returns the name of the service: that of `OTEL_SERVICE_NAME`, or else of the attributes of
/// `OTEL_RESOURCE_ATTRIBUTES`, or else the program's.
fn service_name(stated: Option<String>, attributes: &Resource) -> Value {
    let stated = stated.filter(|name| !name.is_empty()).map(Value::from);
    stated
        .or_else(|| attributes.get(&Key::from_static_str("service.name")))
        .unwrap_or_else(|| "samregister".into())
}

impl Drop for Telemetry {
    /// Sends the last spans.
    fn drop(&mut self) {
        if let Err(cause) = self.provider.shutdown() {
            tracing::warn!(%cause, "the last spans could not be sent");
        }
    }
}

/// Sends spans over HTTP, on the thread of the exporter.
#[derive(Debug)]
struct Sender {
    agent: ureq::Agent,
    /// `true` if the last spans could not be sent.
    is_failing: AtomicBool,
}

impl Sender {
    fn new(agent: ureq::Agent) -> Self {
        Self { agent, is_failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        let answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
    }

    /// Logs the first of several failures, and their end.
    fn note(&self, failure: Option<&str>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Relaxed);
        match failure {
            Some(cause) if !was_failing => {
                tracing::warn!(cause, "spans can't be sent to the collector, and are dropped");
            }
            None if was_failing => tracing::info!("spans are sent to the collector again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        let failure = match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("status {}", answer.status())),
            Err(cause) => Some(cause.to_string()),
        };
        self.note(failure.as_deref());
        sent
    }
}

/// `true` if spans are sent to a collector.
pub(super) fn is_on() -> bool {
    TRACER.get().is_some()
}

/// Continues the trace of a request that has the header `traceparent`.
pub(super) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if is_on() {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        // Fails only for a span that is not recorded.
        span.set_parent(parent).ok();
    }
}

/// Adds the context of the server's span to a response.
pub(super) fn add_context(headers: &mut HeaderMap) {
    if !is_on() {
        return;
    }
    let context = Span::current().context();
    let span = context.span();
    let own = span.span_context();
    if own.is_valid() {
        let flags = own.trace_flags() & TraceFlags::SAMPLED;
        let text = format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id());
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(TRACE_RESPONSE, value);
        }
    }
}

/// Adds the operation of a document to the span of its request: the start of a long name.
pub(super) fn note_operation(name: &str, code: &str) {
    if is_on() {
        let span = Span::current();
        let name: String = name.chars().take(MAX_NAME).collect();
        span.set_attribute("graphql.operation.name", name);
        span.set_attribute("samregister.code", code.to_owned());
    }
}

/// Adds the span of a statement that has ended to the span in which it ran. `text` makes its text
/// without values.
pub(super) fn note_statement(text: &dyn Fn() -> String, elapsed: Duration, failed: bool) {
    let Some(tracer) = TRACER.get() else { return };
    add_statement(tracer, &Span::current().context(), text, elapsed, failed);
}

/// Adds the span of a statement to its parent, unless the trace is not sampled.
fn add_statement(
    tracer: &SdkTracer,
    parent: &Context,
    text: &dyn Fn() -> String,
    elapsed: Duration,
    failed: bool,
) {
    if !parent.span().span_context().is_sampled() {
        return;
    }
    let ended = SystemTime::from(Clock::system().now());
    let builder = tracer
        .span_builder("statement")
        .with_kind(SpanKind::Client)
        .with_start_time(ended - elapsed)
        .with_attributes([KeyValue::new("db.query.text", text())]);
    let mut span = tracer.build_with_context(builder, parent);
    if failed {
        span.set_status(Status::error("the statement failed"));
    }
    span.end_with_timestamp(ended);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use opentelemetry_sdk::trace::Sampler;

    use super::*;

    #[test]
    fn the_name_of_the_service_is_that_of_the_environment() {
        let none = Resource::builder_empty().build();
        let name = KeyValue::new("service.name", "of-attributes");
        let attributes = Resource::builder_empty().with_attribute(name).build();
        let of = |stated: Option<&str>, attributes: &Resource| {
            service_name(stated.map(str::to_owned), attributes).to_string()
        };
        assert_eq!(of(None, &none), "samregister");
        assert_eq!(of(Some(""), &none), "samregister");
        assert_eq!(of(None, &attributes), "of-attributes");
        assert_eq!(of(Some("of-name"), &attributes), "of-name");
    }

    #[test]
    fn the_text_of_a_statement_is_made_for_sampled_traces_only() {
        for (sampler, expected) in [(Sampler::AlwaysOff, 0), (Sampler::AlwaysOn, 1)] {
            let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
            let tracer = provider.tracer("test");
            let made = Cell::new(0);
            let text = || {
                made.set(made.get() + 1);
                "SELECT 1".to_owned()
            };
            add_statement(&tracer, &Context::new(), &text, Duration::ZERO, false);
            assert_eq!(made.get(), 0, "without a request");
            let request = Context::new().with_span(tracer.start("request"));
            add_statement(&tracer, &request, &text, Duration::ZERO, false);
            assert_eq!(made.get(), expected);
        }
    }
}
