//! The commands `serve` and `demo`.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::Path,
    time::Duration,
};

use chrono::Datelike;
use serde_json::{Value, json};

use crate::{
    interfaces::cli::commands::run,
    support::{app, server_process::Server},
};

/// The query of docs/member-view.md, as it stands there, shows a member of the demo all that it
/// promises.
fn member_view(server: &Server, token: &str) {
    let text =
        |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let page = text("docs/member-view.md");
    let query = page.split("```graphql\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(
        text("assets/explorer/examples.graphql").contains(query),
        "the explorer's tab is another query"
    );
    let year = domain::clock::Clock::system().today().year();
    let body =
        json!({ "query": query, "variables": { "year": year, "next": year + 1 } }).to_string();
    let answer = server.post(token, &body);
    let answer: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(answer["errors"], Value::Null);
    let member = &answer["data"]["viewer"]["member"];
    assert_eq!(member["name"], "Samordningsförbundet Centrala Östergötland");
    assert_eq!(
        (&member["membershipFee"]["amount"], &member["allocation"]["amount"]),
        (&json!("5000.00"), &json!("13400000.00"))
    );
    assert_eq!(
        (&member["serviceFee"]["amount"], &member["serviceFee"]["exact"]),
        (&json!("26800.00"), &json!("26800"))
    );
    let agreements = member["agreements"]["nodes"].as_array().unwrap();
    let of = |name: &str| {
        agreements
            .iter()
            .find(|agreement| agreement["activity"]["name"] == name)
            .unwrap_or_else(|| panic!("{agreements:?}"))
    };
    assert_eq!(of("Indikatorer")["fee"]["thisYear"], "18000.00");
    assert_eq!(
        (&of("BIP")["fee"]["basis"], &of("BIP")["fee"]["thisYear"]),
        (&json!("PER_PARTICIPANT"), &json!("0.00"))
    );
    assert!(
        agreements.len() >= 2
            && agreements.iter().all(|agreement| agreement["activity"]["purpose"].is_string()),
        "{agreements:?}"
    );
    let invoices = member["invoices"]["nodes"].as_array().unwrap();
    assert!(
        invoices.len() >= 5
            && invoices.iter().all(|invoice| !invoice["lines"].as_array().unwrap().is_empty()),
        "{invoices:?}"
    );
    let ore = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    assert_eq!(
        member["invoices"]["totalCount"],
        invoices.len(),
        "all of them, so that they add up to the balance"
    );
    for sum in ["outstanding", "overpaid"] {
        assert_eq!(
            ore(&member["balance"][sum]),
            invoices.iter().map(|invoice| ore(&invoice[sum])).sum::<i64>(),
            "{sum}"
        );
    }
    let deadlines = answer["data"]["deadlines"]["nodes"].as_array().unwrap();
    let days: Vec<_> = deadlines
        .iter()
        .map(|deadline| deadline["nextDeadline"]["deadlineOn"].as_str().unwrap())
        .collect();
    assert!(!days.is_empty() && days.is_sorted(), "soonest first: {days:?}");
}

#[test]
fn the_demo_works_at_once_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = app::program();
    program
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .env("DATABASE_URL", "postgres://nobody@nowhere/nothing");
    let mut server = Server::start(program, "serve --demo --bind 127.0.0.1:0");
    let mut said = String::new();
    let mut out = BufReader::new(server.child.stdout.take().unwrap());
    while !said.contains("connectedCount memberCount share") {
        assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
    }
    for role in ["OFFICE", "FINANCE", "BOARD", "AUDITOR", "ACTIVITY_LEAD", "MEMBER", "SERVICE"] {
        let token = said.lines().skip_while(|line| !line.starts_with(role)).nth(1).unwrap().trim();
        let answer = server.post(
            token,
            r#"{"query":"{ viewer { roles } members { totalCount } agreements { totalCount } }"}"#,
        );
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(role), "{role}: {answer}");
        assert!(!answer.contains("\"totalCount\":0"), "{role}: {answer}");
    }
    member_view(
        &server,
        said.lines().skip_while(|line| !line.starts_with("MEMBER")).nth(1).unwrap().trim(),
    );
    assert!(said.contains(&format!("http://{}/graphiql", server.address)), "{said}");
    server.child.stdout = Some(out.into_inner());
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_server_stops_on_a_signal_and_reports_a_port_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path()).env("SAMREGISTER_JWT_SECRET", app::SECRET);
        program
    };
    let server = Server::start(program(), "serve --bind 127.0.0.1:0");
    let token = run(program(), "token --role OFFICE").done();
    assert!(
        server
            .post(token.trim_end(), r#"{"query":"{ members { totalCount } }"}"#)
            .contains("\"totalCount\":0")
    );
    assert_eq!(server.stop(), (Some(0), String::new()));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let message = run(program(), &format!("serve --bind {at}")).failed(1);
    assert_eq!(
        message,
        format!(
            "error: cannot listen on {at}: the address is in use by another program; stop it, or choose another address with --bind\n"
        )
    );
    let mut keyless = program();
    keyless.env_remove("SAMREGISTER_JWT_SECRET");
    let message = run(keyless, "serve").failed(1);
    assert_eq!(
        message,
        "error: SAMREGISTER_JWT_SECRET or SAMREGISTER_JWT_PUBLIC_KEY or SAMREGISTER_JWT_JWKS must be set, to verify tokens with\n"
    );
}

#[test]
fn a_service_manager_learns_that_the_server_is_ready_alive_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut message = [0; 1024];
        let size = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..size]).into_owned()
    };
    let mut program = app::program();
    program
        .current_dir(folder.path())
        .env("SAMREGISTER_JWT_SECRET", app::SECRET)
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000");
    let server = Server::start(program, "serve --bind 127.0.0.1:0");
    assert_eq!(heard(), "READY=1\n");
    let token = "not-a-token";
    let answer = server.post(token, r#"{"query":"{ viewer { subject } }"}"#);
    assert!(answer.starts_with("HTTP/1.1 401"), "a server that is ready answers: {answer}");
    assert_eq!([heard(), heard()], ["WATCHDOG=1\n", "WATCHDOG=1\n"]);
    assert_eq!(server.stop().0, Some(0));
    let last = std::iter::repeat_with(heard).find(|message| message != "WATCHDOG=1\n");
    assert_eq!(last.as_deref(), Some("STOPPING=1\n"));
}

#[test]
fn a_health_check_reports_if_the_server_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let program = |bind: &str| {
        let mut program = app::program();
        program
            .current_dir(folder.path())
            .env("SAMREGISTER_JWT_SECRET", app::SECRET)
            .env("SAMREGISTER_BIND", bind)
            // The server is asked itself.
            .env("http_proxy", "http://127.0.0.1:9");
        program
    };
    let server = Server::start(program("127.0.0.1:0"), "serve");
    let address = server.address.clone();
    assert_eq!(run(program(&address), "healthcheck").done(), "ready\n");
    assert_eq!(run(program(&address), "healthcheck --live").done(), "alive\n");
    let url = format!("healthcheck --url http://{address}/");
    assert_eq!(run(program("127.0.0.1:1"), &url).done(), "ready\n");
    // A register without its file is not ready, though the server runs.
    fs::rename(folder.path().join("samregister.db"), folder.path().join("away.db")).unwrap();
    let message = run(program(&address), "healthcheck").failed(1);
    assert!(message.contains("/readyz answers 503: not ready: "), "{message}");
    assert_eq!(run(program(&address), "healthcheck --live").done(), "alive\n");
    fs::rename(folder.path().join("away.db"), folder.path().join("samregister.db")).unwrap();
    assert_eq!(server.stop().0, Some(0));
    let message = run(program(&address), "healthcheck").failed(1);
    assert!(
        message.starts_with(&format!("error: cannot ask http://{address}/readyz")),
        "{message}"
    );
}
