//! WebSocket clients that are slow, silent or many.

use std::time::Duration;

use serde_json::json;

use crate::{
    interfaces::http::websocket::{VIEWER, init},
    support::{
        app::{self, App, on_both},
        http_server::{Client, HttpServer, PROTOCOL},
    },
};

on_both!(a_slow_reader_is_cut_off_and_resumes, |app| async move {
    let names: String = (0..150).map(|n| format!("k{n},Organisation {n},\n")).collect();
    app.import(&[("organisations.csv", &format!("key,name,org_number\n{names}"))]).await;
    let server = HttpServer::start(&app.with(&[("SAMREGISTER_SOCKET_SEND_SECONDS", "1")])).await;
    // Far more for each event than a connection holds for a client that doesn't read.
    let wide: String = (0..40).map(|n| format!("{}{n}: revision ", "x".repeat(3_000))).collect();
    let mut client = Client::open(server.address, &[PROTOCOL], 4 << 10)
        .await
        .unwrap_or_else(|answer| panic!("{answer:?}"));
    client.introduce(&app.office()).await;
    client
        .subscribe("1", &format!("subscription {{ changes(after: \"0\") {{ revision {wide} }} }}"))
        .await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let mut heard = Vec::new();
    let (code, reason) = loop {
        match client.next().await {
            Ok(message) => heard.push(
                message["payload"]["data"]["changes"]["revision"]
                    .as_str()
                    .unwrap()
                    .parse::<i64>()
                    .unwrap(),
            ),
            Err(end) => break end,
        }
    };
    assert_eq!(
        (code, reason.as_str()),
        (4410, "Too slow: resume after the last received revision")
    );
    assert!(!heard.is_empty() && heard.len() < 150, "{} events came", heard.len());
    let mut client = server.client(&app.office()).await;
    client
        .subscribe(
            "1",
            &format!(
                "subscription {{ changes(after: \"{}\") {{ revision }} }}",
                heard.last().unwrap()
            ),
        )
        .await;
    while heard.len() < 150 {
        heard
            .push(client.data("1").await["changes"]["revision"].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(heard, (1..=150).collect::<Vec<_>>());
});

/// The memory of a process, in kB.
fn memory(process: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Rss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// So many kB of memory at most for each who waits: 50 MB for a thousand, which the long form
/// opens.
const KB_EACH: usize = 50;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn those_who_wait_cost_less_than_50_kb_each() {
    use std::io::{BufRead, BufReader};
    let register = App::sqlite().await;
    let minted = register.program().args(["token", "--role", "OFFICE"]).output().unwrap();
    assert!(minted.status.success(), "{minted:?}");
    let authorization = format!("Bearer {}", String::from_utf8(minted.stdout).unwrap().trim());
    // All of them are of one subject.
    let mut server = register
        .program()
        .env("SAMREGISTER_SOCKETS_PER_SUBJECT", "2000")
        .env("SAMREGISTER_SUBSCRIPTIONS_PER_SUBJECT", "2000")
        .env("SAMREGISTER_MAX_COST_PER_MINUTE", "0")
        .args(["serve", "--bind", "127.0.0.1:0"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap()).lines();
    let listens = said
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.starts_with("Samregister listens on "))
        .unwrap();
    // A writer into a full pipe waits for ever.
    std::thread::spawn(move || said.for_each(drop));
    let address = listens.split("http://").nth(1).unwrap().parse().unwrap();
    let open = async || {
        let mut client =
            Client::open(address, &[PROTOCOL, ("authorization", &authorization)], 4 << 10)
                .await
                .unwrap_or_else(|answer| panic!("{answer:?}"));
        client.say(json!({ "type": "connection_init" })).await;
        client.hear().await;
        client
            .subscribe(
                "1",
                "subscription { changes { revision kind action node { id } recordedAt } }",
            )
            .await;
        // Messages are answered in order, so that the subscription runs when this comes.
        client.say(json!({ "type": "ping" })).await;
        client.hear().await;
        client
    };
    // What the first ones need, on each thread, all others share.
    let (first, count) = (20, app::runs(250, 1_000));
    let mut clients = Vec::new();
    while clients.len() < first {
        clients.push(open().await);
    }
    let before = memory(server.id());
    while clients.len() < first + count {
        clients.push(open().await);
    }
    let after = memory(server.id());
    drop(clients);
    server.kill().unwrap();
    server.wait().unwrap();
    let grown = usize::try_from(after.saturating_sub(before)).unwrap();
    println!("{count} subscribers who wait: {grown} kB, from {before} to {after}");
    assert!(grown < KB_EACH * count, "{grown} kB for {count}");
}

#[tokio::test]
async fn a_silent_client_takes_no_connection_of_authenticated_ones() {
    let app = App::sqlite().await;
    let set = [
        ("SAMREGISTER_MAX_SOCKETS", "3"),
        ("SAMREGISTER_MAX_PENDING_SOCKETS", "2"),
        ("SAMREGISTER_SOCKETS_PER_SUBJECT", "2"),
    ];
    let server = HttpServer::start(&app.with(&set)).await;
    let mut known = server.client(&app.office()).await;
    let silent = [server.connect().await, server.connect().await];
    let refused = server.upgrade(&[PROTOCOL]).await.err().unwrap();
    assert_eq!(refused.status(), 503, "{refused:?}");
    known.subscribe("1", VIEWER).await;
    known.data("1").await;
    // A socket that sends its token frees a permit for another that has not.
    let [mut second, third] = silent;
    second.introduce(&app.office()).await;
    let mut fourth = server.connect().await;
    fourth.say(init(&app)).await;
    let end = fourth.end().await;
    assert!(end.0 == 4429 && end.1.starts_with("Too many sockets: 2 of yours are open"), "{end:?}");
    drop(third);
    let other = loop {
        if let Ok(mut client) = server.upgrade(&[PROTOCOL]).await {
            client.introduce(&app.board()).await;
            break client;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // All are taken: a new connection is refused at once.
    assert_eq!(server.upgrade(&[PROTOCOL]).await.err().unwrap().status(), 503);
    drop(other);
}

#[tokio::test]
async fn silent_clients_do_not_exclude_an_authenticated_one() {
    let app = App::sqlite().await;
    let set = [("SAMREGISTER_MAX_PENDING_SOCKETS", "2"), ("SAMREGISTER_SOCKETS_PER_SUBJECT", "1")];
    let server = HttpServer::start(&app.with(&set)).await;
    let _silent = [server.connect().await, server.connect().await];
    let (office, board) = (app.office(), app.board());
    let upgrade = async |authorization: &str| {
        server.upgrade(&[PROTOCOL, ("authorization", authorization)]).await
    };
    for bad in ["Bearer x", "Basic eDp5"] {
        assert_eq!(upgrade(bad).await.err().unwrap().status(), 503, "{bad}");
    }
    let mut client = upgrade(office.authorization().unwrap())
        .await
        .unwrap_or_else(|answer| panic!("{answer:?}"));
    // It counts as its subject's from then on, and once.
    assert_eq!(upgrade(office.authorization().unwrap()).await.err().unwrap().status(), 503);
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
    client.subscribe("1", VIEWER).await;
    assert_eq!(client.data("1").await, json!({ "viewer": { "subject": "office@example.se" } }));
    // Anyone who says something else then is counted as that.
    let mut client =
        upgrade(board.authorization().unwrap()).await.unwrap_or_else(|answer| panic!("{answer:?}"));
    client.say(init(&app)).await;
    let end = client.end().await;
    assert!(end.0 == 4429 && end.1.starts_with("Too many sockets: 1 of yours are open"), "{end:?}");
}

#[tokio::test]
async fn silent_clients_of_one_address_leave_room_for_others() {
    let app = App::sqlite().await;
    let set = [
        ("SAMREGISTER_MAX_PENDING_SOCKETS", "100"),
        ("SAMREGISTER_TRUSTED_PROXIES", "127.0.0.1/32"),
    ];
    let server = HttpServer::start(&app.with(&set)).await;
    let upgrade =
        async |address: &str| server.upgrade(&[PROTOCOL, ("x-forwarded-for", address)]).await;
    let mut silent = Vec::new();
    for position in 0..20 {
        // A client has a network of IPv6 to itself.
        silent.push(
            upgrade(&format!("2001:db8::{position}"))
                .await
                .unwrap_or_else(|answer| panic!("{answer:?}")),
        );
    }
    assert_eq!(upgrade("2001:db8::ffff").await.err().unwrap().status(), 503);
    for other in ["2001:db8:0:1::1", "203.0.113.7"] {
        silent.push(upgrade(other).await.unwrap_or_else(|answer| panic!("{other}: {answer:?}")));
    }
}

#[tokio::test]
async fn what_is_refused_costs_what_it_took_to_read() {
    let app = App::sqlite().await.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")]);
    let long = format!("{{ {} ", "viewer { subject } ".repeat(8_000));
    let server = HttpServer::start(&app).await;
    let mut client = server.client(&app.office()).await;
    client.subscribe("1", &long).await;
    let answer = client.hear().await;
    assert_eq!(
        (&answer["type"], &answer["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("INVALID")),
        "{answer:.300}"
    );
    client.subscribe("2", VIEWER).await;
    let answer = client.hear().await;
    assert_eq!(answer["payload"][0]["extensions"]["reason"], "COST_BUDGET", "{answer}");
    // As over HTTP, where a body may also be none.
    for body in [json!({ "query": long }).to_string(), "x".repeat(100_000)] {
        let app = app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")]);
        assert_eq!(app.office().post(body.clone()).await.code(), "INVALID");
        let refused = app.office().query(VIEWER).await;
        assert_eq!((refused.status.as_u16(), refused.reason()), (429, "COST_BUDGET"));
        // Neither is it read for nothing.
        assert_eq!(app.office().post(body).await.status.as_u16(), 429);
    }
}
