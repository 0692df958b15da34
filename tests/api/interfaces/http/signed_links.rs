//! Signed links to files: they open one file for some minutes with the permissions of the caller
//! who requested them, without a token.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use domain::auth::{
    revocations::{RevocationTarget, revoke},
    viewer::{Role, Viewer},
};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    http_server::HttpServer,
    invoicing_fixtures::{course, drafted, fill, issue, member},
};

/// Issues an invoice of the first member, and returns its id.
async fn issued(app: &App) -> String {
    let buyer = member(app, 1).await;
    let id = drafted(&app.finance(), course(&buyer, "1000.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    id
}

/// The link to the invoice's PDF, as finance gets it.
async fn link(app: &App, id: &str, arguments: &str) -> String {
    let document =
        format!("query($id: ID!) {{ invoice(by: {{ id: $id }}) {{ pdfUrl{arguments} }} }}");
    let answer = app.finance().ask(&document, json!({ "id": id })).await;
    answer["invoice"]["pdfUrl"].as_str().unwrap().to_owned()
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "UNAUTHENTICATED"));
    let message = answer.error()["message"].as_str().unwrap();
    assert!(message.contains("the link has expired or was changed"), "{message}");
}

on_both!(a_link_opens_its_file_without_a_token, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let id = issued(&app).await;
    let url = link(&app, &id, "").await;
    let (path, _) = url.split_once("?signature=").unwrap();
    assert_eq!(path, format!("/files/invoices/{id}.pdf"));
    assert!(!url.contains("finance"), "the link does not name its caller: {url}");
    let opened = app.get(&url).await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    assert!(opened.bytes.starts_with(b"%PDF-"));
    assert_eq!(opened.header("cache-control"), "private, no-store");
    let etag = opened.header("etag").to_owned();
    let request = Request::builder().uri(&url).header(header::IF_NONE_MATCH, &etag);
    let again = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    // The header opens the same address, with the caller's own permissions.
    assert_eq!(app.finance().get(path).await.bytes, opened.bytes);
    assert_eq!(app.finance().get(&url).await.bytes, opened.bytes);
    assert_eq!(app.member(&member(&app, 3).await).get(&url).await.status, 404);
    // A link to a rendered file is bound to its digest.
    assert_ne!(link(&app, &id, "").await, url);
    assert_eq!(app.get(&link(&app, &id, "").await).await.bytes, opened.bytes);
});

on_both!(a_changed_or_expired_link_opens_nothing, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let (id, other) = (issued(&app).await, issued(&app).await);
    let url = link(&app, &id, "").await;
    let (path, signature) = url.split_once("?signature=").unwrap();
    is_refused(&app.get(&format!("/files/invoices/{other}.pdf?signature={signature}")).await);
    is_refused(&app.get(&format!("/files/invoices/{id}.xml?signature={signature}")).await);
    is_refused(&app.get(&format!("{path}?x=1&signature={signature}")).await);
    is_refused(&app.get(&format!("{path}?signature={}", &signature[1..])).await);
    is_refused(&app.get(&format!("{path}?signature=")).await);
    assert_eq!(app.get(path).await.status, 401);
    assert_eq!(app.at("2026-11-21T09:09:59Z").get(&url).await.status, 200);
    is_refused(&app.at("2026-11-21T09:10:00Z").get(&url).await);
    let short = link(&app, &id, "(validForSeconds: 60)").await;
    assert_eq!(app.at("2026-11-21T09:00:59Z").get(&short).await.status, 200);
    is_refused(&app.at("2026-11-21T09:01:00Z").get(&short).await);
    for seconds in ["0", "-1", "3601"] {
        let document = format!(
            "query($id: ID!) {{ invoice(by: {{ id: $id }}) {{ pdfUrl(validForSeconds: {seconds}) }} }}"
        );
        let refused = app.finance().ask(&document, json!({ "id": id })).await;
        assert_eq!(refused.code(), "INVALID", "{seconds}");
    }
});

on_both!(a_link_ends_with_the_permissions_of_its_caller, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let id = issued(&app).await;
    let (anna, own) = ("anna@example.se", member(&app, 1).await);
    let viewer = Viewer { subject: anna.into(), roles: vec![Role::Finance], ..Viewer::default() };
    let document = "query($id: ID!) { invoice(by: { id: $id }) { pdfUrl } }";
    let answer = app.viewer(viewer).ask(document, json!({ "id": id })).await;
    let url = answer["invoice"]["pdfUrl"].as_str().unwrap().to_owned();
    let of_member = app.member(&own).ask(document, json!({ "id": id })).await;
    let of_member = of_member["invoice"]["pdfUrl"].as_str().unwrap().to_owned();
    assert_eq!(app.get(&url).await.status, 200);
    assert_eq!(app.get(&of_member).await.status, 200);

    let server = HttpServer::start(&app).await;
    let target = RevocationTarget::Subject(anna.to_owned());
    revoke(app.context(&Viewer::operator("revoke")), &target, None).await.unwrap();
    let opens =
        async |url: &str| crate::support::http_server::status(server.address, url, None).await;
    for _ in 0..100 {
        if opens(&url).await == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!((opens(&url).await, opens(&of_member).await), (401, 200));
    server.stop().await;
});

on_both!(links_are_absolute, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let id = issued(&app).await;
    let ask = async |app: &App, headers: &[(&str, &str)]| {
        let question =
            json!({ "query": format!("{{ invoice(by: {{ id: \"{id}\" }}) {{ peppolUrl }} }}") });
        let request = app
            .finance()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = app.send(request.body(question.to_string().into()).unwrap()).await;
        let url = answer["invoice"]["peppolUrl"].as_str().unwrap().to_owned();
        url.split_once("/files/").unwrap().0.to_owned()
    };
    let forwarded = [
        ("host", "10.0.0.7:8080"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
    ];
    // The peer of a request in process is not known, and no proxy is trusted.
    assert_eq!(ask(&app, &forwarded).await, "http://10.0.0.7:8080");
    let public = app.with(&[("SAMREGISTER_PUBLIC_URL", "https://register.example.se/nns/")]);
    assert_eq!(ask(&public, &forwarded).await, "https://register.example.se/nns");
});
