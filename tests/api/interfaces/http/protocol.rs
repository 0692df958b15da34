//! GraphQL over HTTP to the letter: media types, statuses, every part of a request by its name,
//! lists of requests, compression, and what keeps web pages from asking in someone's name.

use axum::{
    body::Body,
    http::{HeaderName, Method, StatusCode, header},
};
use serde_json::{Value, json};

use crate::support::{app::App, caller::Answer};

const QUESTION: &str = "{ viewer { subject } }";
const NEWER: &str = "application/graphql-response+json";
const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

/// Sends this as the office.
async fn send(
    app: &App,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    body: impl Into<Body>,
) -> Answer {
    let request = app.office().request(method, path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    app.send(request.body(body.into()).unwrap()).await
}

async fn post(app: &App, headers: &[(HeaderName, &str)], body: &Value) -> Answer {
    send(app, Method::POST, "/graphql", &[headers, &[JSON]].concat(), body.to_string()).await
}

/// A GET of this question with these other parameters, as they stand in an address.
async fn get(app: &App, more: &str) -> Answer {
    app.office().get(&format!("/graphql?query=%7Bviewer%7Bsubject%7D%7D{more}")).await
}

#[track_caller]
fn is_refused(answer: &Answer, status: StatusCode) {
    assert_eq!((answer.status, answer.code()), (status, "INVALID"), "{}", answer.text());
    assert!(
        answer.json.get("data").is_none(),
        "nothing was executed, so there is no data: {}",
        answer.text()
    );
    assert_eq!(answer.error()["extensions"]["requestId"], answer.header("x-request-id"));
}

#[tokio::test]
async fn what_the_client_does_not_take_is_not_sent() {
    let app = App::sqlite().await;
    for accept in [
        "text/html",
        "image/*",
        "application/json;q=0",
        "application/json; charset=iso-8859-1",
        "application/xml, text/*;q=0.5",
    ] {
        let refused = post(&app, &[(header::ACCEPT, accept)], &json!({ "query": QUESTION })).await;
        is_refused(&refused, StatusCode::NOT_ACCEPTABLE);
        assert_eq!(
            (refused.bad_fields(), refused.header("content-type")),
            (vec!["accept"], "application/json; charset=utf-8")
        );
        let refused = send(
            &app,
            Method::GET,
            "/graphql?query=%7Bviewer%7Bsubject%7D%7D",
            &[(header::ACCEPT, accept)],
            "",
        )
        .await;
        is_refused(&refused, StatusCode::NOT_ACCEPTABLE);
    }
    for (accept, kind) in [
        (
            "application/graphql-response+json;q=0.1, application/json;q=0.2",
            "application/json; charset=utf-8",
        ),
        (
            "application/graphql-response+json, application/json",
            "application/graphql-response+json; charset=utf-8",
        ),
        ("application/json;q=0, */*", "application/graphql-response+json; charset=utf-8"),
        ("application/*;q=0.3", "application/json; charset=utf-8"),
    ] {
        let answer = post(&app, &[(header::ACCEPT, accept)], &json!({ "query": QUESTION })).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, kind),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn bodies_are_json_in_utf_8_as_they_stand() {
    let app = App::sqlite().await;
    let body = json!({ "query": QUESTION }).to_string();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=iso-8859-1"),
        (header::CONTENT_TYPE, "application/json; charset=utf-16"),
        (header::CONTENT_TYPE, "text/plain"),
        (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (header::CONTENT_TYPE, "multipart/form-data; boundary=x"),
    ] {
        let refused = send(&app, Method::POST, "/graphql", &[(name, value)], body.clone()).await;
        is_refused(&refused, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(refused.bad_fields(), ["content-type"], "{value}");
    }
    let refused = send(
        &app,
        Method::POST,
        "/graphql",
        &[JSON, (header::CONTENT_ENCODING, "gzip")],
        body.clone(),
    )
    .await;
    is_refused(&refused, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(refused.bad_fields(), ["content-encoding"]);
    for kind in ["application/json; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        send(&app, Method::POST, "/graphql", &[(header::CONTENT_TYPE, kind)], body.clone())
            .await
            .data();
    }
    let latin = b"{\"query\": \"{ node(id: \\\"\xe5\\\") { id } }\"}".to_vec();
    let refused = send(&app, Method::POST, "/graphql", &[JSON], latin).await;
    is_refused(&refused, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error()["message"], "body is not UTF-8");
    let named = post(&app, &[], &json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": "å🙂" } })).await;
    assert!(named.json["data"].is_object(), "{}", named.text());
}

#[tokio::test]
async fn every_part_that_is_wrong_is_named() {
    let app = App::sqlite().await;
    for (query, operation_name, variables, extensions) in [
        (json!(1), json!([]), json!("x"), json!(0)),
        (json!({}), json!(false), json!([]), json!([])),
        (json!([QUESTION]), json!({}), json!(true), json!("{}")),
    ] {
        let body = json!({ "query": query, "operationName": operation_name, "variables": variables, "extensions": extensions });
        for accept in ["application/json", NEWER] {
            let refused = post(&app, &[(header::ACCEPT, accept)], &body).await;
            is_refused(&refused, StatusCode::BAD_REQUEST);
            assert_eq!(refused.bad_fields(), ["extensions", "operationName", "query", "variables"]);
        }
    }
    for body in [json!({}), json!({ "query": null }), json!({ "qeury": QUESTION })] {
        for accept in ["application/json", NEWER] {
            let refused = post(&app, &[(header::ACCEPT, accept)], &body).await;
            is_refused(&refused, StatusCode::BAD_REQUEST);
            assert_eq!(refused.error()["message"], "query is missing");
        }
    }
    let nulls = json!({ "query": QUESTION, "operationName": null, "variables": null, "extensions": null, "documentId": null, "more": 1 });
    post(&app, &[], &nulls).await.data();
    post(&app, &[], &json!({ "query": QUESTION, "extensions": { "any": ["thing"] } })).await.data();
    let twice = send(
        &app,
        Method::POST,
        "/graphql",
        &[JSON],
        "{\"query\": \"{ a }\", \"query\": \"{ viewer { subject } }\"}",
    )
    .await;
    is_refused(&twice, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn parameters_in_the_address_are_read_alike() {
    let app = App::sqlite().await;
    for more in [
        "&operationName=",
        "&variables=",
        "&variables=null",
        "&extensions=null",
        "&extensions=%7B%7D",
        "&other=1",
        "&variables=%7B%7D",
    ] {
        get(&app, more).await.data();
    }
    for (more, part) in [
        ("&variables=1", "variables"),
        ("&variables=%5B%5D", "variables"),
        ("&variables=%22x%22", "variables"),
        ("&extensions=1", "extensions"),
        ("&extensions=%5B%5D", "extensions"),
        ("&extensions=%7B", "extensions"),
        ("&variables=%7B%7D&variables=%7B%7D", "address"),
        ("&query=%7Ba%7D", "address"),
    ] {
        let refused = get(&app, more).await;
        is_refused(&refused, StatusCode::BAD_REQUEST);
        assert_eq!(refused.bad_fields(), [part], "{more}");
    }
    is_refused(&app.office().get("/graphql?query=").await, StatusCode::BAD_REQUEST);
    is_refused(
        &app.office().get("/graphql?query=%7Bviewer%7Bsubject%7D%7D&operationName=Other").await,
        StatusCode::OK,
    );
}

#[tokio::test]
async fn variables_that_are_missing_are_request_errors() {
    let app = App::sqlite().await;
    let query = "query($id: ID!, $more: [ID!]!, $with: Int! = 1, $any: Int) {
        node(id: $id) { id } nodes(ids: $more) { id } members(first: $with) { nodes { id } } activities(first: $any) { nodes { id } } }";
    for (variables, missing) in [
        (json!({}), vec!["variables.id", "variables.more"]),
        (json!({ "id": null, "more": [] }), vec!["variables.id"]),
        (json!({ "id": "x", "more": [], "with": null }), vec!["variables.with"]),
    ] {
        let body = json!({ "query": query, "variables": variables });
        let newer = post(&app, &[(header::ACCEPT, NEWER)], &body).await;
        is_refused(&newer, StatusCode::BAD_REQUEST);
        assert_eq!(newer.bad_fields(), missing);
        is_refused(&post(&app, &[], &body).await, StatusCode::OK);
    }
    for wrong in [
        json!({ "id": [], "more": [] }),
        json!({ "id": "x", "more": [null] }),
        json!({ "id": "x", "more": [], "any": "one" }),
    ] {
        let refused =
            post(&app, &[(header::ACCEPT, NEWER)], &json!({ "query": query, "variables": wrong }))
                .await;
        is_refused(&refused, StatusCode::BAD_REQUEST);
    }
    post(
        &app,
        &[],
        &json!({ "query": "query($n: Int! = 1) { members(first: $n) { totalCount } }" }),
    )
    .await
    .data();
}

#[tokio::test]
async fn every_error_of_the_api_is_json() {
    let app = App::sqlite().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let refused = send(&app, method.clone(), "/graphql", &[(header::ACCEPT, NEWER)], "").await;
        is_refused(&refused, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(
            (refused.header("allow"), refused.header("content-type").starts_with(NEWER)),
            ("GET, HEAD, POST", true),
            "{method}"
        );
    }
    for path in ["/graphql/", "/graphql/v1"] {
        let refused = app.office().get(path).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::NOT_FOUND, "NOT_FOUND"));
    }
    let subscription = post(
        &app,
        &[(header::ACCEPT, NEWER)],
        &json!({ "query": "subscription { changes { revision } }" }),
    )
    .await;
    is_refused(&subscription, StatusCode::BAD_REQUEST);
    assert_eq!(
        subscription.error()["message"],
        "query is a subscription; send it to /graphql/ws, or accept text/event-stream"
    );
    let head = send(&app, Method::HEAD, "/graphql?query=%7Bviewer%7Bsubject%7D%7D", &[], "").await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn several_documents_in_a_list_are_answered_where_they_may_come() {
    let app = App::sqlite().await;
    let ask = |query: &str| json!({ "query": query });
    let two = json!([ask(QUESTION), ask("{ viewer { roles } }")]);
    let refused = post(&app, &[], &two).await;
    is_refused(&refused, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error()["extensions"]["reason"], "LIMIT_BATCH");
    // A sentence, and no list of limits where nothing was counted.
    assert_eq!(
        refused.error()["message"],
        "The body is a batch of documents, and batches are off on this server. Send each document in a separate request."
    );
    assert!(refused.error()["extensions"].get("limits").is_none(), "{}", refused.text());

    let app = app.with(&[("SAMREGISTER_MAX_BATCH", "3"), ("SAMREGISTER_MAX_COMPLEXITY", "300")]);
    let answered = post(&app, &[], &two).await;
    assert_eq!(
        answered.json,
        json!([{ "data": { "viewer": { "subject": "office@example.se" } } }, { "data": { "viewer": { "roles": ["OFFICE"] } } }])
    );
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }";
    let answered = post(
        &app,
        &[(header::ACCEPT, NEWER)],
        &json!([ask(admission), ask("{ nothing }"), ask("{ members { totalCount } }")]),
    )
    .await;
    assert_eq!(
        (answered.status, answered.header("content-type")),
        (StatusCode::OK, "application/graphql-response+json; charset=utf-8")
    );
    assert_eq!(answered.json[0]["data"]["memberAdmit"]["member"]["name"], "Nya");
    assert!(
        answered.json[1].get("data").is_none()
            && answered.json[1]["errors"][0]["extensions"]["code"] == "INVALID"
    );
    assert_eq!(answered.json[2]["data"]["members"]["totalCount"], 1);

    for wrong in [json!([]), json!([ask(QUESTION), ask(QUESTION), ask(QUESTION), ask(QUESTION)])] {
        let refused = post(&app, &[], &wrong).await;
        is_refused(&refused, StatusCode::BAD_REQUEST);
        assert_eq!(refused.error()["extensions"]["reason"], "LIMIT_BATCH");
    }
    let refused =
        post(&app, &[], &json!([ask(QUESTION), [QUESTION], { "query": 1, "variables": 1 }])).await;
    assert_eq!(refused.bad_fields(), ["1", "2.query", "2.variables"]);
    // Together they may cost what one may.
    let members = ask("{ members(first: 130) { nodes { name } } }");
    assert_eq!(post(&app, &[], &json!([members])).await.status, StatusCode::OK);
    let refused = post(&app, &[], &json!([members, members])).await;
    is_refused(&refused, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error()["extensions"]["reason"], "LIMIT_COMPLEXITY");
}

#[tokio::test]
async fn long_texts_come_compressed_to_those_who_take_it() {
    let app = App::sqlite().await;
    let gzip = (header::ACCEPT_ENCODING, "gzip");
    let introspection = json!({ "query": "{ __schema { types { name description } } }" });
    let (plain, compressed) = (
        post(&app, &[], &introspection).await,
        post(&app, std::slice::from_ref(&gzip), &introspection).await,
    );
    assert_eq!(
        (plain.header("content-encoding"), compressed.header("content-encoding")),
        ("", "gzip")
    );
    assert!(
        compressed.bytes.starts_with(b"\x1f\x8b") && compressed.bytes.len() < plain.bytes.len() / 2,
        "{}",
        compressed.bytes.len()
    );
    assert!(
        compressed
            .headers
            .get_all("vary")
            .iter()
            .any(|value| value.to_str().unwrap().contains("accept-encoding"))
    );
    let short = post(&app, std::slice::from_ref(&gzip), &json!({ "query": QUESTION })).await;
    assert_eq!(short.header("content-encoding"), "");
    for path in ["/schema.graphql", "/graphiql/react-dom.production.min.js", "/metrics"] {
        let answer = send(&app, Method::GET, path, std::slice::from_ref(&gzip), "").await;
        assert_eq!(answer.header("content-encoding"), "gzip", "{path}");
    }
}

#[tokio::test]
async fn no_web_page_can_send_requests_in_a_users_name() {
    let app = App::sqlite().await;
    let token = app.office().request(Method::GET, "/").body(()).unwrap().headers()
        [header::AUTHORIZATION]
        .to_str()
        .unwrap()
        .to_owned();
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }";
    // What a form or an image sends without asking: no header of one's own, cookies, and these
    // types.
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let request = app
            .no_one()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, kind)
            .header(header::COOKIE, format!("authorization={token}"));
        let answer =
            app.send(request.body(json!({ "query": admission }).to_string().into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let bare = token.trim_start_matches("Bearer ");
    for path in [
        format!("/graphql?query=%7Bviewer%7Bsubject%7D%7D&access_token={bare}"),
        "/graphql?query=%7Bviewer%7Bsubject%7D%7D".into(),
    ] {
        let request = app
            .no_one()
            .request(Method::GET, &path)
            .header(header::COOKIE, format!("token={bare}"));
        assert_eq!(
            app.send(request.body(Body::empty()).unwrap()).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(app.revision().await, 0);
    // A page of another host may not send more.
    let request = app
        .no_one()
        .request(Method::OPTIONS, "/graphql")
        .header(header::ORIGIN, "https://evil.example");
    let request = request
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let app = app.with(&[("SAMREGISTER_CORS_ORIGINS", "https://register.example.se")]);
    let request = app
        .no_one()
        .request(Method::OPTIONS, "/graphql")
        .header(header::ORIGIN, "https://register.example.se");
    let wanted = "authorization,content-type,idempotency-key,if-none-match,apollo-require-preflight,x-apollo-operation-name,x-any-other";
    let request = request
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, wanted);
    let allowed = app.send(request.body(Body::empty()).unwrap()).await;
    for name in wanted.split(',') {
        assert!(
            allowed
                .header("access-control-allow-headers")
                .split(',')
                .any(|allowed| allowed == name),
            "{name}"
        );
    }
    let own = [(header::ORIGIN, "https://register.example.se")];
    let answer = post(&app, &own, &json!({ "query": QUESTION })).await;
    for name in [
        "content-disposition",
        "etag",
        "idempotency-replayed",
        "link",
        "retry-after",
        "x-request-id",
        "x-samregister-revision",
    ] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{name}");
    }
}

#[tokio::test]
async fn a_revision_that_is_no_number_is_refused_whatever_is_sent() {
    let app = App::sqlite().await;
    let seen = HeaderName::from_static("x-samregister-revision");
    let admission = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }";
    for body in [
        json!({ "query": QUESTION }),
        json!({ "query": admission }),
        json!([{ "query": admission }]),
        json!({ "query": "{" }),
    ] {
        let answer = post(&app, &[(seen.clone(), "later")], &body).await;
        is_refused(&answer, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains("\"x-samregister-revision\""), "{body}: {}", answer.text());
        let events = (header::ACCEPT, "text/event-stream");
        let answer = post(&app, &[(seen.clone(), "-1"), events], &body).await;
        is_refused(&answer, StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.revision().await, 0, "a refused mutation was done");
    let answer = post(&app, &[(seen, "0")], &json!({ "query": admission })).await;
    assert_eq!(answer.header("x-samregister-revision"), "1", "{}", answer.text());
}

#[tokio::test]
async fn every_refusal_is_json() {
    let app = App::sqlite().await;
    for (method, path, status, allow) in [
        (Method::PUT, "/graphql", 405, "GET, HEAD, POST"),
        (Method::GET, "/files", 405, "POST"),
        (Method::DELETE, "/files/invoices/x.pdf", 405, "GET,HEAD"),
        (Method::POST, "/files/stored/x", 405, "GET,HEAD"),
        (Method::POST, "/healthz", 405, "GET,HEAD"),
        (Method::GET, "/nothing", 404, ""),
        (Method::GET, "/graphql/nothing", 404, ""),
        (Method::GET, "/files/nothing", 404, ""),
        (Method::GET, "/docs/nothing.md", 404, ""),
        (Method::GET, "/files/templates/x.pdf?parameters=a&parameters=b", 400, ""),
    ] {
        let answer = send(&app, method.clone(), path, &[], "").await;
        let code = if status == 404 { "NOT_FOUND" } else { "INVALID" };
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{method} {path}");
        assert_eq!(answer.error()["extensions"]["requestId"], answer.header("x-request-id"));
        if status == 405 {
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_header_host_names_a_host() {
    let app = App::sqlite().await;
    for host in ["evil.example/x?", "a b", "a@b", "", "å.se"] {
        let value = axum::http::HeaderValue::from_bytes(host.as_bytes()).unwrap();
        let request = app
            .office()
            .request(Method::GET, "/graphql?query=%7Bviewer%7Bsubject%7D%7D")
            .header(header::HOST, value);
        let refused = app.send(request.body(Body::empty()).unwrap()).await;
        is_refused(&refused, StatusCode::BAD_REQUEST);
        assert_eq!(refused.bad_fields(), ["host"], "{host}");
    }
    for host in ["register.example.se", "127.0.0.1:8080", "[::1]:8080", "my_host"] {
        let path = "/graphql?query=%7Bviewer%7Bsubject%7D%7D";
        let answer = send(&app, Method::GET, path, &[(header::HOST, host)], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
}
