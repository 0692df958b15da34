//! Metrics: of requests as they come, and of the register as it is.

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
    http_server::{HttpServer, get_with},
};

async fn metrics(app: &App) -> String {
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

on_both!(what_expires_is_measured_by_activity_and_kind, |app| async move {
    let samples = Samples::fill(&app).await;
    let text = metrics(&app).await;
    let gauge = |activity: &str, kind: &str, within: i64, count: i64| {
        format!(
            "samregister_agreements_expiring{{activity=\"{activity}\",kind=\"{kind}\",within=\"{within}\"}} {count}"
        )
    };
    for line in [
        gauge("bip", "PARTICIPATION", 30, 0),
        gauge("bip", "PARTICIPATION", 60, 1),
        gauge("bip", "PARTICIPATION", 90, 1),
        gauge("bip", "ASSIGNMENT", 60, 0),
        gauge("bip", "ASSIGNMENT", 90, 1),
        gauge("indikatorer", "PARTICIPATION", 60, 0),
        gauge("indikatorer", "PARTICIPATION", 90, 1),
        // What has none says so, so that an alarm has something to look at.
        gauge("indikatorer", "COOPERATION", 90, 0),
        gauge("", "COOPERATION", 90, 0),
        "samregister_database_up 1".into(),
        format!("samregister_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(has(&text, &line), "{line} in {text}");
    }
    assert!(!text.contains("Alfa") && !text.contains("Gamma"), "{text}");

    // The register is asked by a few statements, and not again at once.
    app.statements();
    metrics(&app).await;
    assert_eq!(app.statements(), Vec::<String>::new());
    let later = app.at("2026-11-21T09:00:30Z");
    metrics(&later).await;
    assert!(app.statements().len() <= 4);

    let input = serde_json::json!({ "input": { "agreementId": samples.id("avtal gamma"), "snoozedUntil": "2026-12-01" } });
    let done = app.office().ask("mutation($input: DeadlineSnoozeInput!) { deadlineSnooze(input: $input) { agreement { id } } }", input).await;
    done.data();
    let text = metrics(&app.at("2026-11-21T09:01:00Z")).await;
    assert!(has(&text, &gauge("bip", "ASSIGNMENT", 90, 0)), "{text}");
});

on_both!(requests_are_counted_and_timed, |app| async move {
    app.office().query("{ viewer { subject } }").await.data();
    app.no_one().query("{ viewer { subject } }").await;
    app.get("/nowhere/at-all").await;
    let text = metrics(&app).await;
    for line in [
        "samregister_http_requests_total{method=\"POST\",route=\"/graphql\",status=\"200\"} 1",
        "samregister_http_requests_total{method=\"POST\",route=\"/graphql\",status=\"401\"} 1",
        "samregister_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "samregister_http_request_duration_seconds_count{route=\"/graphql\"} 2",
        "samregister_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/graphql\"} 2",
    ] {
        assert!(has(&text, line), "{line} in {text}");
    }
    assert!(!text.contains("nowhere"), "{text}");
});

on_both!(results_are_counted_by_operation_and_error, |app| async move {
    let (office, batches) = (app.office(), app.with(&[("SAMREGISTER_MAX_BATCH", "5")]));
    let admission = |name: &str| {
        format!(
            "memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ id }} }}"
        )
    };
    office.query("{ viewer { subject } }").await.data();
    office.query("{ viewer { subject } }").await.data();
    office.query(&format!("mutation {{ {} }}", admission("Ale"))).await.data();
    office.query(&format!("mutation {{ {} }}", admission(""))).await.error();
    app.board().query(&format!("mutation {{ {} }}", admission("Boden"))).await.error();
    // A result with the same code twice counts once.
    assert_eq!(
        office
            .query("{ a: node(id: \"x\") { id } b: node(id: \"y\") { id } }")
            .await
            .errors()
            .len(),
        2
    );
    office.query("{ nothing }").await.error();
    office.query("{").await.error();
    app.no_one().query("{ viewer { subject } }").await.error();
    office.post("[]").await.error();
    let text = metrics(&app).await;
    let line = |operation: &str, code: &str, reason: &str, count: u32| {
        format!(
            "samregister_graphql_results_total{{operation=\"{operation}\",code=\"{code}\",reason=\"{reason}\"}} {count}"
        )
    };
    for line in [
        line("query", "OK", "", 2),
        line("mutation", "OK", "", 1),
        line("mutation", "INVALID", "", 1),
        line("mutation", "FORBIDDEN", "", 1),
        line("query", "INVALID", "", 2),
        line("unknown", "INVALID", "", 1),
        line("unknown", "UNAUTHENTICATED", "", 1),
        line("unknown", "INVALID", "LIMIT_BATCH", 1),
    ] {
        assert!(has(&text, &line), "{line} in {text}");
    }
    // In a list each counts separately.
    let asked = |query: String| serde_json::json!({ "query": query });
    let list = serde_json::json!([
        asked("{ viewer { subject } }".into()),
        asked(format!("mutation {{ {} }}", admission(""))),
        asked("}".into())
    ]);
    batches.office().post(list.to_string()).await;
    let text = metrics(&batches).await;
    for line in [
        line("query", "OK", "", 1),
        line("mutation", "INVALID", "", 1),
        line("unknown", "INVALID", "", 1),
    ] {
        assert!(has(&text, &line), "{line} in {text}");
    }
});

#[tokio::test]
async fn they_are_for_peers_on_the_same_machine_and_for_a_token_of_their_own() {
    const TOKEN: &str = "a-token-for-prometheus-of-32-bytes";
    let open = App::sqlite().await;
    let app =
        open.with(&[("SAMREGISTER_METRICS_OPEN", "false"), ("SAMREGISTER_METRICS_TOKEN", TOKEN)]);
    // The origin of a request in process is unknown; no role opens.
    for caller in [
        app.office(),
        app.auditor(),
        app.service("audit:read"),
        app.no_one(),
        app.bearer("x"),
        app.bearer(""),
    ] {
        let answer = caller.get("/metrics").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code(), answer.header("www-authenticate")),
            (401, "UNAUTHENTICATED", "Bearer")
        );
    }
    assert_eq!(app.bearer(TOKEN).get("/metrics").await.status, 200);
    let answer = app.bearer("x").get("/metrics").await;
    assert!(
        answer.error()["message"]
            .as_str()
            .unwrap()
            .starts_with("the token of SAMREGISTER_METRICS_TOKEN is needed"),
        "{}",
        answer.text()
    );
    // Without a token set, none can be sent.
    let answer =
        app.with(&[("SAMREGISTER_METRICS_OPEN", "false")]).bearer(TOKEN).get("/metrics").await;
    assert_eq!(answer.status, 401);
    let message = answer.error()["message"].as_str().unwrap();
    assert!(message.contains("no token is set") && !message.contains("Bearer"), "{message}");
    assert_eq!(open.no_one().get("/metrics").await.status, 200);
    // Over a connection from the same machine, unless a proxy forwards it.
    let server = HttpServer::start(&app).await;
    let bearer = format!("Bearer {TOKEN}");
    for (header, authorization, status) in [
        ("", None, "200"),
        ("x-forwarded-for: 203.0.113.7\r\n", None, "401"),
        ("forwarded: for=203.0.113.7\r\n", None, "401"),
        ("x-real-ip: 203.0.113.7\r\n", None, "401"),
        ("x-forwarded-for: 203.0.113.7\r\n", Some(bearer.as_str()), "200"),
    ] {
        let answer = get_with(server.address, "/metrics", authorization, header).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{header:?} {answer}");
    }
}

on_both!(without_its_database_the_server_still_reports_that, |app| async move {
    Samples::fill(&app).await;
    app.lose_database().await;
    let text = metrics(&app).await;
    assert!(has(&text, "samregister_database_up 0"), "{text}");
    assert!(!text.contains("samregister_agreements_expiring{"), "{text}");
});
