//! GraphQL over Server-Sent Events (graphql-sse, distinct connections mode).

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    http_server::HttpServer,
};

/// The answer to this document as events.
async fn post(app: &App, caller: &Caller<'_>, body: Value) -> Answer {
    let request = caller
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "text/event-stream");
    app.send(request.body(body.to_string().into()).unwrap()).await
}

/// The events of a whole answer: their names and data.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && *block != ":");
    let event = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let data = data.strip_prefix("data:").unwrap().trim();
        (
            name.strip_prefix("event: ").unwrap().to_owned(),
            serde_json::from_str(data).unwrap_or_default(),
        )
    };
    blocks.map(event).collect()
}

on_both!(queries_and_mutations_are_answered_by_one_event, |app| async move {
    let asked = post(&app, &app.office(), json!({ "query": "{ viewer { roles } }" })).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(asked.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(
        events(&asked),
        [
            ("next".to_owned(), json!({ "data": { "viewer": { "roles": ["OFFICE"] } } })),
            ("complete".to_owned(), Value::Null)
        ]
    );
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }";
    let admitted = post(&app, &app.office(), json!({ "query": admission })).await;
    let found = events(&admitted);
    let event = &found[0].1;
    assert_eq!(event["data"]["memberAdmit"]["member"]["name"], "Nya");
    assert_eq!(event["extensions"], json!({ "revision": app.revision().await.to_string() }));
    let count = app.office().query("{ members { totalCount } }").await;
    assert_eq!(count["members"]["totalCount"], 1);
});

on_both!(errors_of_the_document_are_events_and_others_are_not, |app| async move {
    let bad = post(&app, &app.office(), json!({ "query": "{ memberz { id } }" })).await;
    assert_eq!(bad.status, StatusCode::OK);
    let found = events(&bad);
    assert_eq!(
        found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["next", "complete"]
    );
    assert!(found[0].1["errors"][0]["message"].as_str().unwrap().contains("memberz"));
    let refused = post(&app, &app.no_one(), json!({ "query": "{ viewer { roles } }" })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (401, "UNAUTHENTICATED"));
    let batch = post(&app, &app.office(), json!([{ "query": "{ viewer { roles } }" }])).await;
    assert_eq!(batch.code(), "INVALID");
    let request = app
        .office()
        .request(Method::GET, "/graphql?query=mutation%7Bx%7D")
        .header(header::ACCEPT, "text/event-stream");
    let mutation = app.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert!(events(&mutation)[0].1["errors"][0]["message"].is_string(), "{}", mutation.text());
});

/// A stream as a command-line client reads it, line by line.
struct Stream {
    lines: BufReader<OwnedReadHalf>,
    _write: tokio::net::tcp::OwnedWriteHalf,
}

impl Stream {
    async fn open(server: &HttpServer, caller: &Caller<'_>, document: &str) -> Self {
        let body = json!({ "query": document }).to_string();
        let authorization = caller.authorization().unwrap();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\naccept: text/event-stream\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (read, mut write) = stream.into_split();
        write.write_all(request.as_bytes()).await.unwrap();
        Self { lines: BufReader::new(read), _write: write }
    }

    /// The next line that is not a comment, an event's end, or the size of a chunk.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
        (read.unwrap().unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The data of the next event of this name.
    async fn event(&mut self, name: &str) -> Value {
        loop {
            let line = self.line().await.unwrap();
            if let Some(found) = line.strip_prefix("event: ") {
                assert_eq!(found, name);
                let data = self.line().await.unwrap();
                return serde_json::from_str(data.strip_prefix("data:").unwrap().trim())
                    .unwrap_or_default();
            }
        }
    }
}

const CHANGES: &str = "subscription { changes { revision } }";

async fn admit(app: &App, name: &str) {
    app.office()
        .query(&format!(
            "mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ id }} }} }}"
        ))
        .await
        .data();
}

on_both!(a_subscription_continues_after_its_last_revision, |app| async move {
    let server = HttpServer::start(&app).await;
    let office = app.office();
    let mut stream = Stream::open(&server, &office, CHANGES).await;
    // The head of the answer arrives when the subscription has begun or soon after.
    assert!(stream.line().await.unwrap().starts_with("HTTP/1.1 200"));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    admit(&app, "Ett").await;
    let first = stream.event("next").await["data"]["changes"]["revision"].clone();
    drop(stream);
    admit(&app, "Två").await;
    let again = format!("subscription {{ changes(after: {first}) {{ revision }} }}");
    let mut stream = Stream::open(&server, &office, &again).await;
    let second = stream.event("next").await["data"]["changes"]["revision"].clone();
    let number = |revision: &Value| revision.as_str().unwrap().parse::<i64>().unwrap();
    assert!(number(&second) > number(&first), "{second} after {first}");
    // A server that stops ends the stream without the last event.
    let stopped = server.stop();
    while let Some(line) = stream.line().await {
        assert_ne!(line, "event: complete");
    }
    stopped.await;
});

on_both!(streams_count_among_the_sockets_of_their_subject, |app| async move {
    let app = app.with(&[("SAMREGISTER_SOCKETS_PER_SUBJECT", "2")]);
    let server = HttpServer::start(&app).await;
    let office = app.office();
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = Stream::open(&server, &office, CHANGES).await;
        assert!(stream.line().await.unwrap().starts_with("HTTP/1.1 200"));
        open.push(stream);
    }
    let mut refused = Stream::open(&server, &office, CHANGES).await;
    assert!(refused.line().await.unwrap().starts_with("HTTP/1.1 429"));
    // Another subject has its own.
    let mut other = Stream::open(&server, &app.board(), CHANGES).await;
    assert!(other.line().await.unwrap().starts_with("HTTP/1.1 200"));
    drop((open, refused, other));
    server.stop().await;
});

on_both!(a_stream_is_over_when_its_client_disconnects, |app| async move {
    let app = app.with(&[("SAMREGISTER_SOCKETS_PER_SUBJECT", "1")]);
    let server = HttpServer::start(&app).await;
    let office = app.office();
    let mut stream = Stream::open(&server, &office, CHANGES).await;
    assert!(stream.line().await.unwrap().starts_with("HTTP/1.1 200"));
    drop(stream);
    // Long before the next comment would find out.
    let mut status = String::new();
    for _ in 0..50 {
        let mut again = Stream::open(&server, &office, CHANGES).await;
        status = again.line().await.unwrap();
        if status.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    server.stop().await;
});

on_both!(errors_on_a_stream_have_the_id_and_the_language_of_the_request, |app| async move {
    for query in ["{ node(id: \"x\") { id } }", "{ memberz { id } }", "{", "subscription { x }"] {
        let request = app
            .office()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream")
            .header(header::ACCEPT_LANGUAGE, "sv");
        let body = json!({ "query": query }).to_string();
        let answer = app.send(request.body(body.into()).unwrap()).await;
        let error = &events(&answer)[0].1["errors"][0];
        assert_eq!(
            error["extensions"]["requestId"],
            answer.header("x-request-id"),
            "{query}: {error}"
        );
        assert_eq!(answer.header("content-language"), "sv");
        let vary = answer.header("vary").to_ascii_lowercase();
        assert!(vary.contains("accept-language"), "{vary}");
    }
});
