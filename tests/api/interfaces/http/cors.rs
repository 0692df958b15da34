//! Requests of web pages from other origins (CORS), as browsers send them.

use axum::{
    body::Body,
    http::{Method, Request, header},
};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
};

const PAGE: &str = "https://register.example.se";

fn allowing(app: &App) -> App {
    app.with(&[("SAMREGISTER_CORS_ORIGINS", "https://register.example.se, http://localhost:3000")])
}

/// The answer to a browser's preflight.
async fn preflight(app: &App, origin: &str, path: &str, method: &str, headers: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri(path)
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, headers);
    app.send(request.body(Body::empty()).unwrap()).await
}

/// The items of a header, in lower case.
fn items(answer: &Answer, name: &str) -> Vec<String> {
    let items = answer.header(name).split(',').map(|item| item.trim().to_lowercase());
    items.filter(|item| !item.is_empty()).collect()
}

on_both!(a_browser_may_ask_from_a_listed_origin_alone, |app| async move {
    let app = allowing(&app);
    let headers = "authorization,content-type,x-apollo-operation-name,traceparent";
    for (path, method) in [
        ("/graphql", "GET"),
        ("/graphql", "POST"),
        ("/files", "POST"),
        ("/files/agreements/agreement_x.pdf", "GET"),
        ("/files/revenue.csv?from=2026-01-01&to=2026-12-31", "GET"),
    ] {
        let answer = preflight(&app, PAGE, path, method, headers).await;
        assert_eq!(answer.status, 200, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{method} {path}");
        assert!(items(&answer, "access-control-allow-methods").contains(&method.to_lowercase()));
        assert_eq!(items(&answer, "access-control-allow-headers").join(","), headers);
        assert_eq!(answer.header("access-control-max-age"), "7200");
        assert!(items(&answer, "vary").contains(&"origin".to_owned()));
        for other in ["https://evil.example", "http://register.example.se", "null"] {
            let answer = preflight(&app, other, path, method, headers).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
        }
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = preflight(&app, PAGE, "/graphql", method, headers).await;
        let allowed = items(&answer, "access-control-allow-methods");
        assert!(!allowed.contains(&method.to_lowercase()), "{allowed:?}");
    }
});

on_both!(a_page_reads_the_headers_that_it_needs, |app| async move {
    let app = allowing(&app);
    for path in ["/graphql?query=%7Bviewer%7Bsubject%7D%7D", "/files/expiring.ics"] {
        let request = app.office().request(Method::GET, path).header(header::ORIGIN, PAGE);
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        let exposed = items(&answer, "access-control-expose-headers");
        for name in [
            "content-disposition",
            "etag",
            "idempotency-replayed",
            "link",
            "retry-after",
            "x-request-id",
            "x-samregister-revision",
        ] {
            assert!(exposed.contains(&name.to_owned()), "{name} is not among {exposed:?}");
        }
        // A token is in a header; a cookie would be sent for other pages too.
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert_ne!(answer.header("access-control-allow-origin"), "*");
    }
});
