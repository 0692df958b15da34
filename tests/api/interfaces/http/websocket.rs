//! The WebSocket of the API: graphql-transport-ws to the letter, and its authentication.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    app::{App, on_both},
    http_server::{HttpServer, PROTOCOL},
};

pub(super) const VIEWER: &str = "{ viewer { subject } }";

pub(super) fn init(app: &App) -> Value {
    json!({ "type": "connection_init", "payload": { "authorization": app.office().authorization() } })
}

#[tokio::test]
async fn each_error_has_its_close_code() {
    let app = App::sqlite().await;
    let server = HttpServer::start(&app).await;
    let init = init(&app);
    let subscribe = |id: &str| json!({ "id": id, "type": "subscribe", "payload": { "query": "subscription { changes { revision } }" } });
    let long = "x".repeat(200);
    for (said, code, reason) in [
        (vec![Message::text("not json")], 4400, "Invalid message"),
        (
            vec![Message::binary(init.to_string().into_bytes())],
            4400,
            "Invalid message: it must be text",
        ),
        (vec![Message::text(json!({ "type": "start" }).to_string())], 4400, "Invalid message"),
        (vec![Message::text("[]")], 4400, "Invalid message"),
        (
            vec![Message::text(json!({ "type": "connection_init", "payload": "x" }).to_string())],
            4400,
            "Invalid message",
        ),
        (
            vec![Message::text("x".repeat((1 << 20) + 1))],
            4400,
            "Invalid message: unreadable, or of more than 1048576 bytes",
        ),
        (
            vec![Message::text(init.to_string()), Message::text(subscribe("").to_string())],
            4400,
            "Invalid message",
        ),
        (
            vec![
                Message::text(init.to_string()),
                Message::text(json!({ "id": "1", "type": "subscribe", "payload": {} }).to_string()),
            ],
            4400,
            "Invalid message: the payload of subscribe must have a query",
        ),
        (vec![Message::text(subscribe("1").to_string())], 4401, "Unauthorized"),
        (
            vec![Message::text(json!({ "type": "connection_init" }).to_string())],
            4403,
            "Forbidden: a token is needed",
        ),
        (
            vec![Message::text(
                json!({ "type": "connection_init", "payload": { "authorization": "Bearer x" } })
                    .to_string(),
            )],
            4403,
            "Forbidden: the token is not a JWT",
        ),
        (
            vec![Message::text(
                json!({ "type": "connection_init", "payload": { "authorization": 1 } }).to_string(),
            )],
            4403,
            "Forbidden",
        ),
        (
            vec![
                Message::text(init.to_string()),
                Message::text(subscribe("1").to_string()),
                Message::text(subscribe("1").to_string()),
            ],
            4409,
            "Subscriber for 1 already exists",
        ),
        // The reason is cut to what a close frame has room for.
        (
            vec![
                Message::text(init.to_string()),
                Message::text(subscribe(&long).to_string()),
                Message::text(subscribe(&long).to_string()),
            ],
            4409,
            "Subscriber for xxx",
        ),
        (
            vec![Message::text(init.to_string()), Message::text(init.to_string())],
            4429,
            "Too many initialisation requests",
        ),
    ] {
        let mut client = server.connect().await;
        for message in said.clone() {
            client.send(message).await;
        }
        let end = client.end().await;
        assert!(
            end.0 == code && end.1.starts_with(reason),
            "{end:?} after {:.200}",
            format!("{said:?}")
        );
    }
    // Anyone who says nothing is not waited for.
    let hasty = HttpServer::start(&app.with(&[("SAMREGISTER_SOCKET_INIT_SECONDS", "1")])).await;
    assert_eq!(
        hasty.connect().await.end().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
    let mut client = hasty.client(&app.office()).await;
    // Anyone who has said who it is stays, until the server stops.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
    let stopped = hasty.stop();
    assert_eq!(client.end().await.0, 1001);
    tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let app = App::sqlite().await;
    let office = app.office();
    // A day after the token was made, and half of the leeway of a minute's clocks.
    let server = HttpServer::start(&app.at("2026-11-22T09:00:29Z")).await;
    let mut client = server.client(&office).await;
    assert_eq!(client.end().await, (4403, "Forbidden: the token has expired".to_owned()));
}

#[tokio::test]
async fn operations_are_answered_as_over_http() {
    let app = App::sqlite().await;
    let server = HttpServer::start(&app.with(&[("SAMREGISTER_SOCKET_OPERATIONS", "2")])).await;
    let mut client = server.client(&app.office()).await;
    client.say(json!({ "type": "ping", "payload": { "a": [1] } })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong", "payload": { "a": [1] } }));
    client.say(json!({ "type": "pong", "payload": null })).await;
    client.say(json!({ "id": "nobody's", "type": "complete" })).await;
    client.subscribe("q", VIEWER).await;
    assert_eq!(client.data("q").await, json!({ "viewer": { "subject": "office@example.se" } }));
    assert_eq!(client.hear().await, json!({ "id": "q", "type": "complete" }));
    // Variables, the operation's name, and an id that is free again.
    let document = "query a($id: ID!) { node(id: $id) { id } } query b { viewer { subject } }";
    let payload = json!({ "query": document, "operationName": "a", "variables": { "id": "member_x" }, "extensions": {} });
    client.say(json!({ "id": "q", "type": "subscribe", "payload": payload })).await;
    let answer = client.hear().await;
    assert_eq!(
        (&answer["type"], &answer["payload"]["errors"][0]["extensions"]["code"]),
        (&json!("next"), &json!("INVALID")),
        "{answer}"
    );
    assert_eq!(client.hear().await["type"], "complete");
    // A mutation is done, and one that is refused is an answer all the same.
    client
        .subscribe(
            "m",
            "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }",
        )
        .await;
    let payload = client.hear().await["payload"].clone();
    assert_eq!(payload["data"]["memberAdmit"]["member"]["name"], "Nya", "{payload}");
    assert_eq!(payload["extensions"], json!({ "revision": app.revision().await.to_string() }));
    assert_eq!(client.hear().await["type"], "complete");
    // What is not executed is an error, and nothing follows it.
    for (document, code, words) in [
        ("{", "INVALID", "syntax error"),
        ("{ nothing }", "INVALID", "nothing"),
        ("subscription { nothing }", "INVALID", "nothing"),
        (
            "subscription { changes { revision } other: changes { revision } }",
            "INVALID",
            "exactly one field",
        ),
        ("subscription { __typename }", "INVALID", "not an introspection field"),
        ("subscription { changes @skip(if: false) { revision } }", "INVALID", "no directive"),
        ("subscription { ...none }", "INVALID", "fragment none"),
        (
            "subscription { ... { ... { changes { revision } } } ...two } fragment two on Subscription { b: changes { revision } }",
            "INVALID",
            "exactly one field",
        ),
        (
            "subscription { changes(after: \"x\") { revision } }",
            "INVALID",
            "after is not a revision",
        ),
        (
            "subscription { changes(after: \"-1\") { revision } }",
            "INVALID",
            "after is not a revision",
        ),
        (
            "subscription { changes(after: \"4711\") { revision } }",
            "INVALID",
            "after must not be after the last revision, 1",
        ),
    ] {
        client.subscribe("e", document).await;
        let answer = client.hear().await;
        let error = &answer["payload"][0];
        let said = error["message"].as_str().unwrap_or_default();
        assert!(answer["type"] == "error" && answer["id"] == "e", "{document}: {answer}");
        assert!(
            error["extensions"]["code"] == code && said.contains(words),
            "{document}: {answer}"
        );
        assert!(
            error["extensions"]["requestId"].as_str().is_some_and(|id| !id.is_empty()),
            "{document}: {answer}"
        );
    }
    // Fragments at the root are looked into, which the library alone does not.
    for (id, document) in [
        (
            "1",
            "subscription { ...a } fragment a on Subscription { ... on Subscription { changes(after: \"0\") { revision } } }",
        ),
        ("2", "subscription named { ... { changes(after: \"0\") { revision } } }"),
    ] {
        client.subscribe(id, document).await;
        assert_eq!(client.data(id).await, json!({ "changes": { "revision": "1" } }), "{document}");
    }
    client.subscribe("3", VIEWER).await;
    let answer = client.hear().await;
    assert_eq!(
        (&answer["type"], &answer["payload"][0]["extensions"]["reason"]),
        (&json!("error"), &json!("LIMIT_OPERATIONS")),
        "{answer}"
    );
    // One that is no longer wanted says nothing more, and makes room.
    client.say(json!({ "id": "1", "type": "complete" })).await;
    client.subscribe("3", VIEWER).await;
    client.data("3").await;
    assert_eq!(client.hear().await["type"], "complete");
    app.office().query("mutation { memberAdmit(input: { name: \"Nästa\", joinedOn: \"2026-01-01\" }) { member { name } } }").await.data();
    assert_eq!(client.data("2").await["changes"]["revision"], "2");
    // Over HTTP, it is said where.
    let refused = app.office().query("subscription { changes { revision } }").await;
    assert!(
        refused.code() == "INVALID" && refused.text().contains("/graphql/ws"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn only_those_who_are_welcome_get_a_socket() {
    let app = App::sqlite().await.with(&[
        ("SAMREGISTER_CORS_ORIGINS", "https://front.example.se"),
        ("SAMREGISTER_MAX_PENDING_SOCKETS", "2"),
    ]);
    let server = HttpServer::start(&app).await;
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        (vec![], 400),
        (vec![("sec-websocket-protocol", "graphql-ws")], 400),
        (vec![PROTOCOL, ("upgrade", "h2c")], 426),
        (vec![PROTOCOL, ("origin", "https://evil.example.se")], 403),
        (vec![PROTOCOL, ("origin", "null")], 403),
    ] {
        let refused = server.upgrade(&headers).await.err().unwrap_or_else(|| panic!("{headers:?}"));
        let said: Value = serde_json::from_slice(refused.body().as_deref().unwrap_or_default())
            .unwrap_or_default();
        assert!(
            refused.status() == status && said["errors"][0]["extensions"]["code"].is_string(),
            "{headers:?}: {refused:?}"
        );
    }
    assert_eq!(app.get("/graphql/ws").await.status, 426);
    let mut open = Vec::new();
    for headers in [
        [PROTOCOL, ("origin", "https://front.example.se")],
        [("sec-websocket-protocol", "a, graphql-transport-ws"), ("origin", &own)],
    ] {
        open.push(server.upgrade(&headers).await.unwrap_or_else(|answer| panic!("{answer:?}")));
    }
    let refused = server.upgrade(&[PROTOCOL]).await.err().unwrap();
    assert!(
        refused.status() == 503 && refused.headers().contains_key("retry-after"),
        "{refused:?}"
    );
    // A client that can set headers says there who it is; when it goes, another may come.
    drop(open.pop());
    let office = app.office();
    let headers = [PROTOCOL, ("authorization", office.authorization().unwrap())];
    let mut client = loop {
        if let Ok(client) = server.upgrade(&headers).await {
            break client;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
}

#[tokio::test]
async fn trusted_documents_are_all_that_a_socket_answers_where_they_are_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    std::fs::write(
        &file,
        json!({ "who": VIEWER, "all": "subscription { changes(after: \"0\") { revision } }" })
            .to_string(),
    )
    .unwrap();
    let set =
        [("SAMREGISTER_DOCUMENTS", file.to_str().unwrap()), ("SAMREGISTER_DOCUMENTS_ONLY", "true")];
    let app = App::sqlite().await;
    app.office()
        .query(
            "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }",
        )
        .await
        .data();
    let (app, settings) = app.with(&set).server();
    let server = HttpServer::of(app.with_documents(&settings).unwrap(), settings).await;
    let register = App::sqlite().await;
    let mut client = server.client(&register.office()).await;
    for document in [
        VIEWER,
        "{ __schema { queryType { name } } }",
        "mutation { memberAdmit(input: { name: \"B\", joinedOn: \"2026-01-01\" }) { member { id } } }",
        "subscription { changes { revision } }",
    ] {
        client.subscribe("free", document).await;
        let answer = client.hear().await;
        assert_eq!(
            (&answer["type"], &answer["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!("FORBIDDEN")),
            "{document}: {answer}"
        );
    }
    client.say(json!({ "id": "1", "type": "subscribe", "payload": { "documentId": "who" } })).await;
    assert_eq!(client.data("1").await["viewer"]["subject"], "office@example.se");
    assert_eq!(client.hear().await, json!({ "id": "1", "type": "complete" }));
    client.say(json!({ "id": "2", "type": "subscribe", "payload": { "documentId": "all" } })).await;
    assert_eq!(client.data("2").await["changes"]["revision"], "1");
    client
        .say(json!({ "id": "3", "type": "subscribe", "payload": { "documentId": "nothing" } }))
        .await;
    let answer = client.hear().await;
    assert_eq!(
        (&answer["type"], &answer["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("NOT_FOUND")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_large_answer_comes_as_over_http() {
    let app = App::sqlite().await;
    let server = HttpServer::start(&app).await;
    let document = format!(
        "{{ {} }}",
        (0..20)
            .map(|position| format!("a{position}: __schema {{ types {{ name description }} }} "))
            .collect::<String>()
    );
    let over_http = app.office().query(&document).await;
    assert!(over_http.bytes.len() > 200_000, "{}", over_http.bytes.len());
    let mut client = server.client(&app.office()).await;
    client.subscribe("\"1\"", &document).await;
    assert_eq!(client.data("\"1\"").await, *over_http.data());
}

on_both!(operations_on_sockets_count_with_requests_over_http, |app| async move {
    let set = [("SAMREGISTER_MAX_CONCURRENT", "2"), ("SAMREGISTER_SUBSCRIPTIONS_PER_SUBJECT", "2")];
    let limited = app.with(&set);
    let (served, settings) = limited.server();
    let server = HttpServer::of(served.clone(), settings.clone()).await;
    let writing = domain::audit::begin(
        app.context(&domain::auth::viewer::Viewer::operator("test")),
        domain::audit::Action::MemberUpdate,
    )
    .await
    .unwrap();
    let mut clients = [server.client(&app.office()).await, server.client(&app.office()).await];
    let admission = |name: &str| {
        format!(
            "mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ id }} }} }}"
        )
    };
    for (position, client) in clients.iter_mut().enumerate() {
        client.subscribe("waits", &admission(&format!("N{position}"))).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    clients[0].subscribe("more", VIEWER).await;
    let refused = clients[0].hear().await;
    assert_eq!(
        (&refused["type"], &refused["payload"][0]["extensions"]["reason"]),
        (&json!("error"), &json!("TOO_MANY_REQUESTS")),
        "{refused}"
    );
    assert_eq!(
        crate::support::http_server::status(
            server.address,
            crate::support::http_server::ASK,
            app.office().authorization()
        )
        .await,
        429
    );
    assert_eq!(
        crate::support::http_server::status(
            server.address,
            crate::support::http_server::ASK,
            app.board().authorization()
        )
        .await,
        200
    );
    writing.undo().await.unwrap();
    for client in &mut clients {
        client.data("waits").await;
        assert_eq!(client.hear().await["type"], "complete");
    }
    // A subscription takes no request's permit, but its number is limited too.
    for (position, client) in clients.iter_mut().enumerate() {
        client.subscribe("s", "subscription { changes(after: \"0\") { revision } }").await;
        assert_eq!(client.data("s").await["changes"]["revision"], "1", "{position}");
        assert_eq!(client.data("s").await["changes"]["revision"], "2", "{position}");
    }
    clients[0].subscribe("third", "subscription { changes { revision } }").await;
    let refused = clients[0].hear().await;
    assert_eq!(refused["payload"][0]["extensions"]["reason"], "LIMIT_SUBSCRIPTIONS", "{refused}");
    clients[1].say(json!({ "id": "s", "type": "complete" })).await;
    clients[1].subscribe("q", VIEWER).await;
    clients[1].data("q").await;
    clients[0].subscribe("third", "subscription { changes(after: \"1\") { revision } }").await;
    assert_eq!(clients[0].data("third").await["changes"]["revision"], "2");
});
