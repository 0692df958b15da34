//! Requests that are refused because their sender lacks permission: they are logged with subject,
//! address, operation and reason, and counted.

use serde_json::json;

use crate::support::{
    app::{App, on_both},
    http_server::{ASK, Client, HttpServer, PROTOCOL, get_with},
    logged_server::{Logged, token},
};

const FORBIDDEN: &str = "/graphql?query=%7BaskedFor:contactExport(contactId:%22contact_0190b5a41f2e7c3d8a9b0c1d2e3f4a5b%22)%7D";

#[tokio::test]
async fn a_denial_is_logged_with_who_where_what_and_why() {
    let app = App::sqlite().await;
    let server = Logged::start(
        app.program(),
        &[("SAMREGISTER_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8"), ("SAMREGISTER_LOG", "warn")],
    );
    let board = token(&app, &["--role", "BOARD", "--subject", "nosy@example.se"]);
    let at = server.address;
    let forwarded =
        "x-forwarded-for: 198.51.100.9, 203.0.113.7, 10.0.0.2\r\nx-request-id: mine\r\n";
    assert!(get_with(at, FORBIDDEN, Some(&board), forwarded).await.contains("FORBIDDEN"));
    let line = server.line(&["access denied", "FORBIDDEN"]);
    for part in [
        "subject=\"nosy@example.se\"",
        "address=\"203.0.113.7\"",
        "operation=\"askedFor\"",
        "reason=\"this requires the role OFFICE",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    // Without a token, and with one that was revoked: whose it is is known.
    assert!(get_with(at, ASK, None, "").await.starts_with("HTTP/1.1 401"));
    let line = server.line(&["UNAUTHENTICATED", "GET /graphql", "a token is needed"]);
    assert!(
        line.contains("subject=\"unknown\"") && line.contains("address=\"127.0.0.1\""),
        "{line}"
    );
    let revoked =
        app.program().args(["token", "revoke", "--subject", "nosy@example.se"]).output().unwrap();
    assert!(revoked.status.success());
    crate::support::http_server::comes_to(at, &board, 401).await;
    server.line(&["UNAUTHENTICATED", "nosy@example.se", "the token was revoked"]);
    // By the socket, too.
    let member = token(&app, &["--role", "BOARD", "--subject", "socket@example.se"]);
    let mut client =
        Client::open(at, &[PROTOCOL], 64 << 10).await.unwrap_or_else(|answer| panic!("{answer:?}"));
    client
        .say(json!({ "type": "connection_init", "payload": { "authorization": "Bearer x" } }))
        .await;
    assert_eq!(client.end().await.0, 4403);
    server.line(&["UNAUTHENTICATED", "WS /graphql/ws", "not a JWT"]);
    let mut client =
        Client::open(at, &[PROTOCOL], 64 << 10).await.unwrap_or_else(|answer| panic!("{answer:?}"));
    client.say(json!({ "type": "connection_init", "payload": { "authorization": member } })).await;
    client.hear().await;
    client
        .subscribe(
            "1",
            "{ asked: contactExport(contactId: \"contact_0190b5a41f2e7c3d8a9b0c1d2e3f4a5b\") }",
        )
        .await;
    client.hear().await;
    server.line(&["FORBIDDEN", "socket@example.se", "operation=\"asked\""]);
    // And clients that a proxy forwards get no metrics.
    assert!(get_with(at, "/metrics", None, forwarded).await.starts_with("HTTP/1.1 401"));
    server.line(&["GET /metrics", "203.0.113.7"]);
    let measured = get_with(at, "/metrics", None, "").await;
    for (code, route, least) in [
        ("FORBIDDEN", "/graphql", 1),
        ("UNAUTHENTICATED", "/graphql", 2),
        ("FORBIDDEN", "/graphql/ws", 1),
        ("UNAUTHENTICATED", "/metrics", 1),
    ] {
        let name = format!("samregister_denials_total{{code=\"{code}\",route=\"{route}\"}} ");
        let count = measured
            .lines()
            .find_map(|line| line.strip_prefix(&name))
            .and_then(|count| count.parse::<u32>().ok());
        assert!(count.is_some_and(|count| count >= least), "{name}{count:?} in {measured}");
    }
}

#[tokio::test]
async fn machines_read_the_same_and_what_the_client_calls_its_request() {
    let app = App::sqlite().await;
    let server = Logged::start(app.program(), &[("SAMREGISTER_LOG_FORMAT", "json")]);
    assert!(
        get_with(
            server.address,
            ASK,
            None,
            "x-forwarded-for: 203.0.113.7\r\nx-request-id: mine-4711\r\n"
        )
        .await
        .contains("401")
    );
    let line = server.line(&["access denied"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    // No proxy is trusted, so the header says nothing.
    let said = |name: &str| line["fields"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (said("subject"), said("address"), said("operation"), said("code")),
        ("unknown".into(), "127.0.0.1".into(), "GET /graphql".into(), "UNAUTHENTICATED".into())
    );
    let (own, client) = (&line["span"]["request_id"], &line["span"]["client_request_id"]);
    assert!(own.as_str().is_some_and(|id| id.len() == 36) && client == "mine-4711", "{line}");
    // A request that the client gave no id has no empty one, and its time has one decimal.
    assert!(get_with(server.address, "/nothing-here", None, "").await.contains("404"));
    let line = server.line(&["\"answered\"", "\"status\":404"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(
        line["span"]["request_id"].is_string() && line["span"].get("client_request_id").is_none(),
        "{line}"
    );
    let time = line["fields"]["ms"].to_string();
    assert!(time.split_once('.').is_some_and(|(_, decimals)| decimals.len() == 1), "{line}");
}

#[tokio::test]
async fn a_start_says_what_the_server_shows_of_itself() {
    let app = App::sqlite().await;
    let closed = Logged::start(app.program(), &[]);
    closed.line(&["Introspection is off, suggestions are off, the explorer is off"]);
    for path in ["/schema.graphql", "/graphiql", "/graphiql/explorer.js"] {
        assert!(
            get_with(closed.address, path, None, "").await.starts_with("HTTP/1.1 404"),
            "{path}"
        );
    }
    let board = token(&app, &["--role", "BOARD"]);
    let asked = get_with(
        closed.address,
        "/graphql?query=%7B__schema%7BqueryType%7Bname%7D%7D%7D",
        Some(&board),
        "",
    )
    .await;
    assert!(asked.contains("INTROSPECTION_OFF"), "{asked}");
    let asked =
        get_with(closed.address, "/graphql?query=%7Bmemberz%7Bid%7D%7D", Some(&board), "").await;
    assert!(asked.contains("memberz") && !asked.contains("Did you mean"), "{asked}");
    let open = Logged::start(
        app.program(),
        &[("SAMREGISTER_INTROSPECTION", "true"), ("SAMREGISTER_EXPLORER", "true")],
    );
    open.line(&["Introspection is on, suggestions are off, the explorer is on"]);
    assert!(get_with(open.address, "/schema.graphql", None, "").await.starts_with("HTTP/1.1 200"));
}

on_both!(a_minted_token_stands_in_the_trail, |app| async move {
    let minted = token(
        &app,
        &[
            "--role",
            "SERVICE",
            "--scope",
            "audit:read",
            "--subject",
            "Cron@example.se",
            "--days",
            "7",
        ],
    );
    let entry = app.trail(0).await.pop().unwrap();
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("tokenMint"), &json!("samregister token"))
    );
    let after = &entry["after"];
    assert_eq!((&after["roles"], &after["scopes"]), (&json!(["SERVICE"]), &json!(["audit:read"])));
    assert!(
        after["expires_at"].as_str().is_some_and(|at| at.len() >= 20)
            && !entry.to_string().to_lowercase().contains("cron@"),
        "{entry}"
    );
    let server = HttpServer::start(&app.at(&chrono::Utc::now().to_rfc3339())).await;
    assert_eq!(crate::support::http_server::status(server.address, ASK, Some(&minted)).await, 200);
    // By what stands there, it can be revoked.
    let revoked = app
        .program()
        .args(["token", "revoke", "--id", after["token_id"].as_str().unwrap()])
        .output()
        .unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    crate::support::http_server::comes_to(server.address, &minted, 401).await;
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
    // Without the register, the token is made all the same, and that is said.
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("none.db").display());
    let minted =
        app.program().env("DATABASE_URL", url).args(["token", "--role", "BOARD"]).output().unwrap();
    assert!(minted.status.success() && !minted.stdout.is_empty());
    assert!(
        String::from_utf8_lossy(&minted.stderr)
            .contains("not recorded in the audit trail: there is no register in"),
        "{minted:?}"
    );
    // What the server would refuse is not minted.
    for (arguments, why) in [
        (&["--subject", "samregister import"][..], "like a name of this program"),
        (&["--subject", "аnna@example.se"], "letters of one script"),
        (&["--days", "401"], "--days must be from 1 to 400"),
    ] {
        let refused =
            app.program().args(["token", "--role", "BOARD"]).args(arguments).output().unwrap();
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(why), "{why}: {refused:?}");
    }
});

#[tokio::test]
async fn no_line_of_the_log_has_the_signature_of_a_link() {
    let app = App::sqlite().await;
    let server = Logged::start(app.program(), &[("SAMREGISTER_LOG", "debug")]);
    let path = "/files/expiring.ics?within-days=7&signature=a-secret-of-this-test";
    let refused = get_with(server.address, path, None, "").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert!(!refused.contains("a-secret-of-this-test"), "{refused}");
    server.line(&["access denied", "/files/expiring.ics"]);
    let said = server.said();
    assert!(!said.contains("a-secret-of-this-test"), "{said}");
}
