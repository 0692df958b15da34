//! Spans that the server sends to a collector of OpenTelemetry, and the context of their trace.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio_rustls::rustls;

use crate::support::{
    app::App,
    http_server::{get_with, tls_config},
    logged_server::{Logged, token},
};

/// A collector that keeps what it gets.
struct Collector {
    address: SocketAddr,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    spans: Mutex<Vec<Span>>,
    /// Names of the services that sent them.
    services: Mutex<BTreeSet<String>>,
    /// Number of the next requests that are refused.
    refusals: AtomicUsize,
}

impl Collector {
    fn start() -> Self {
        Self::serve(0, None)
    }

    /// A collector that refuses so many requests first, and talks TLS if it has a configuration.
    fn serve(refusals: usize, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Received { refusals: refusals.into(), ..Received::default() });
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tls, shared) = (stream.unwrap(), tls.clone(), Arc::clone(&shared));
                std::thread::spawn(move || match tls {
                    None => answer(stream, &shared),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        let stream = rustls::StreamOwned::new(connection, stream);
                        answer(stream, &shared);
                    }
                });
            }
        });
        Self { address, received }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of a trace, when there is one with this name among them.
    fn trace(&self, id: &str, name: &str) -> Vec<Span> {
        for _ in 0..200 {
            let spans = self.received.spans.lock().unwrap().clone();
            let own: Vec<_> =
                spans.into_iter().filter(|span| hex::encode(&span.trace_id) == id).collect();
            if own.iter().any(|span| span.name == name) {
                return own;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no {name} of {id}: {:#?}", self.received.spans.lock().unwrap());
    }
}

/// Answers the requests of a connection.
fn answer(stream: impl Read + Write, received: &Received) {
    let mut stream = BufReader::new(stream);
    while let Some(body) = request(&mut stream) {
        let one_less = |left: usize| left.checked_sub(1);
        let is_refused = received.refusals.fetch_update(SeqCst, SeqCst, one_less).is_ok();
        let status = if is_refused { "503 Service Unavailable" } else { "200 OK" };
        let found = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        for found in found.resource_spans.into_iter().filter(|_| !is_refused) {
            let resource = found.resource.unwrap();
            let service = text(&resource.attributes, "service.name");
            received.services.lock().unwrap().insert(service);
            let spans = found.scope_spans.into_iter().flat_map(|found| found.spans);
            received.spans.lock().unwrap().extend(spans);
        }
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        stream.get_mut().flush().unwrap();
    }
}

/// The body of the next request to the path of spans.
fn request(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut length, mut line) = (0, String::new());
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}

fn attribute(span: &Span, name: &str) -> String {
    text(&span.attributes, name)
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{name} is {other:?} in {attributes:#?}"),
    }
}

/// Traces of callers: the first two are sampled.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER_TRACE: &str = "1af7651916cd43dd8448eb211c80319c";
const UNSAMPLED_TRACE: &str = "2af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const MEMBERS: &str = "/graphql?query=query%20Members%7Bmembers(filter:%7Bsearch:%22Hemliga%22%7D)%7Bnodes%7Bname%20contacts%7Bid%7D%7D%7D%7D";

/// Starts a server that sends spans to this address ten times in a second.
fn start(app: &App, endpoint: &str, settings: &[(&str, &str)]) -> Logged {
    let mut program = app.program();
    program.env_remove("OTEL_SERVICE_NAME").env_remove("OTEL_RESOURCE_ATTRIBUTES");
    program.env("OTEL_BSP_SCHEDULE_DELAY", "100").envs(settings.iter().copied());
    Logged::start(program, &[("SAMREGISTER_OTLP_ENDPOINT", endpoint)])
}

fn office(app: &App) -> String {
    token(app, &["--role", "OFFICE", "--subject", "anna@example.se"])
}

fn traceparent(trace: &str, flags: &str) -> String {
    format!("traceparent: 00-{trace}-{PARENT}-{flags}\r\n")
}

#[tokio::test]
async fn a_request_is_a_trace_with_its_document_loads_and_statements() {
    let app = App::sqlite().await;
    app.office().query("mutation { memberAdmit(input: { name: \"Hemliga förbundet\", joinedOn: \"2026-01-01\" }) { member { id } } }").await.data();
    let collector = Collector::start();
    let server = start(&app, &collector.endpoint(), &[]);
    let office = office(&app);
    let header = traceparent(TRACE, "01");
    let answer = get_with(server.address, MEMBERS, Some(&office), &header).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let spans = collector.trace(TRACE, "request");
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
    };
    let (request, execute) = (named("request"), named("execute"));
    assert_eq!(hex::encode(&request.parent_span_id), PARENT);
    assert_eq!(execute.parent_span_id, request.span_id);
    assert_eq!(attribute(request, "graphql.operation.name"), "Members");
    assert_eq!(attribute(request, "samregister.code"), "OK");
    assert_eq!(attribute(named("resolve"), "field"), "contacts");
    let own = format!("traceresponse: 00-{TRACE}-{}-01", hex::encode(&request.span_id));
    assert!(answer.to_lowercase().contains(&own), "{own} is not in {answer}");
    let statements: Vec<_> = spans.iter().filter(|span| span.name == "statement").collect();
    assert!(statements.len() >= 2, "{spans:#?}");
    let ids: Vec<_> = spans.iter().map(|span| &span.span_id).collect();
    for statement in statements {
        assert!(ids.contains(&&statement.parent_span_id), "{statement:#?}");
        assert!(statement.end_time_unix_nano >= statement.start_time_unix_nano);
        assert!(attribute(statement, "db.query.text").contains("SELECT"), "{statement:#?}");
    }
    // Words of a search are folded to small letters.
    let text = format!("{spans:#?}").to_lowercase();
    assert!(!text.contains("hemliga") && !text.contains("anna@example.se"), "{text}");
    // The log is as without a collector.
    server.line(&["answered", "operation=\"query Members\"", "subject=\"anna@example.se\""]);
}

#[tokio::test]
async fn a_caller_that_does_not_sample_its_trace_is_followed_in_that() {
    let (app, collector) = (App::sqlite().await, Collector::start());
    let server = start(&app, &collector.endpoint(), &[]);
    let office = office(&app);
    let mut contexts = Vec::new();
    for (trace, flags) in [(TRACE, "01"), (UNSAMPLED_TRACE, "00"), (OTHER_TRACE, "01")] {
        let header = traceparent(trace, flags);
        let answer = get_with(server.address, MEMBERS, Some(&office), &header).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer = answer.to_lowercase();
        let context = answer.lines().find_map(|line| line.strip_prefix("traceresponse: "));
        contexts.push(context.unwrap().to_owned());
    }
    let own = format!("00-{UNSAMPLED_TRACE}-");
    assert!(contexts[1].starts_with(&own) && contexts[1].ends_with("-00"), "{contexts:?}");
    assert!(contexts[0].ends_with("-01") && contexts[2].ends_with("-01"), "{contexts:?}");
    // Spans are sent in the order of their ends. The last answer is a stored one.
    let spans = collector.trace(TRACE, "request");
    assert!(spans.iter().any(|span| span.name == "statement"), "{spans:#?}");
    collector.trace(OTHER_TRACE, "request");
    let spans = collector.received.spans.lock().unwrap().clone();
    let is_of = |span: &Span| hex::encode(&span.trace_id) == UNSAMPLED_TRACE;
    assert!(!spans.iter().any(is_of), "{spans:#?}");
}

#[tokio::test]
async fn the_name_of_an_operation_is_cut() {
    let (app, collector) = (App::sqlite().await, Collector::start());
    let server = start(&app, &collector.endpoint(), &[]);
    let path = format!("/graphql?query=query%20{}%7Brevision%7D", "N".repeat(2_000));
    let header = traceparent(TRACE, "01");
    let answer = get_with(server.address, &path, Some(&office(&app)), &header).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let spans = collector.trace(TRACE, "request");
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    assert_eq!(attribute(request, "graphql.operation.name"), "N".repeat(100));
}

#[tokio::test]
async fn spans_are_those_of_the_service_that_the_environment_names() {
    let app = App::sqlite().await;
    for expected in ["register-1", "samregister"] {
        let named = [("OTEL_SERVICE_NAME", "register-1"), ("OTEL_RESOURCE_ATTRIBUTES", "a=b")];
        let settings = if expected == "samregister" { &named[1..] } else { &named[..] };
        let collector = Collector::start();
        let server = start(&app, &collector.endpoint(), settings);
        let header = traceparent(TRACE, "01");
        let answer = get_with(server.address, MEMBERS, Some(&office(&app)), &header).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        collector.trace(TRACE, "request");
        let services = collector.received.services.lock().unwrap().clone();
        assert_eq!(services, BTreeSet::from([expected.to_owned()]));
    }
}

#[tokio::test]
async fn failures_of_a_collector_are_logged_once() {
    let (app, collector) = (App::sqlite().await, Collector::serve(3, None));
    let began = Instant::now();
    let server = start(&app, &collector.endpoint(), &[]);
    let office = office(&app);
    // Refused spans may be sent again, or the next ones.
    while !server.said().contains("spans are sent to the collector again") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", server.said());
        let answer = get_with(server.address, MEMBERS, Some(&office), "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.line(&["WARN", "spans can't be sent to the collector", "status 503"]);
    assert_eq!(server.said().matches("spans can't be sent").count(), 1, "{}", server.said());
}

#[tokio::test]
async fn a_collector_has_a_certificate_that_the_machine_trusts() {
    let (app, folder) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, certified.cert.pem()).unwrap();
    let collector = Collector::serve(0, Some(tls_config(&certified)));
    let endpoint = format!("https://localhost:{}", collector.address.port());
    let settings = [("NO_PROXY", "localhost"), ("SSL_CERT_FILE", trusted.to_str().unwrap())];
    let server = start(&app, &endpoint, &settings);
    let header = traceparent(TRACE, "01");
    let answer = get_with(server.address, MEMBERS, Some(&office(&app)), &header).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!collector.trace(TRACE, "request").is_empty());
}

#[tokio::test]
async fn without_a_collector_no_context_is_returned() {
    let app = App::sqlite().await;
    let server = Logged::start(app.program(), &[]);
    let header = traceparent(TRACE, "01");
    let answer = get_with(server.address, "/healthz", None, &header).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("traceresponse"), "{answer}");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_delays_no_request() {
    let app = App::sqlite().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "4"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")];
    let server = start(&app, &endpoint, &small);
    let office = office(&app);
    let ask = async || {
        let answer = get_with(server.address, MEMBERS, Some(&office), "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    ask().await;
    // It waits for the answer to the first spans for as long as it may, which is five seconds.
    let connected = tokio::time::timeout(Duration::from_secs(20), silent.accept()).await;
    let (_silent, _) = connected.unwrap().unwrap();
    let began = Instant::now();
    // Each has several spans, so that the queue is full soon.
    for _ in 0..20 {
        ask().await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
