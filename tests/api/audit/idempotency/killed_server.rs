//! Requests with an Idempotency-Key to a server that is killed and restarted.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use domain::clock::Clock;
use serde_json::{Value, json};

use crate::{
    audit::idempotency::requests::mutation,
    support::{
        app::{App, on_both, runs},
        server_process::Server,
    },
};

/// A mutation that makes an object with a name, with the object of its payload and the list that it
/// is in.
type Making = (&'static str, &'static str, &'static str);

/// One that is committed alone, and one that shares its commit with those that wait.
const ADMISSION: Making = ("memberAdmit", "member", "members");
const ADDITION: Making = ("organisationAdd", "organisation", "organisations");

/// Sends this under the key to a server that may be killed before it answers.
fn send(server: &Server, (name, object, _): Making, authorization: &str, key: &str) -> TcpStream {
    let mut input = json!({ "name": key });
    if name == ADMISSION.0 {
        input["joinedOn"] = json!("2026-01-01");
    }
    let body = mutation(name, &format!("{object} {{ name }}"), &input).to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {authorization}\r\nidempotency-key: {key}"
    );
    write!(
        stream,
        "{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

/// The head of the answer, and its body.
fn answer(mut stream: TcpStream) -> (String, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

/// The number of changes of a server that shared a commit with earlier ones.
fn joined(server: &Server, authorization: &str) -> u64 {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close";
    write!(stream, "{head}\r\nauthorization: {authorization}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let figure =
        answer.lines().find_map(|line| line.strip_prefix("samregister_joined_changes_total "));
    figure.unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Returns the names of all objects of a list.
async fn names(app: &App, list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = format!(
            "query($after: String) {{ {list}(first: 100, after: $after) {{ nodes {{ name }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let page = app.office().ask(&page, json!({ "after": after })).await[list].clone();
        names.extend(
            page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["name"].as_str().unwrap().to_owned()),
        );
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    names
}

/// Kills a server, again and again, while it does what was asked under keys, and asks for all of it
/// again.
async fn kill_and_ask_again(app: &App, making: Making, kills: usize) {
    let (mutation, object, list) = making;
    const AT_ONCE: usize = 4;
    let now = app.at(&Clock::system().now().to_rfc3339());
    let office = now.office();
    let authorization = office.authorization().unwrap();
    let start = || Server::start(app.program(), "serve --bind 127.0.0.1:0");
    let count = async || {
        let counted = now.office().query(&format!("{{ {list} {{ totalCount }} }}")).await;
        counted[list]["totalCount"].as_u64().unwrap()
    };
    let mut server = start();
    let asks = |server: &Server, key: &str| {
        let began = Instant::now();
        let (_, body) = answer(send(server, making, authorization, key));
        assert_eq!(body["data"][mutation][object]["name"], key);
        began.elapsed()
    };
    // The first that a server does is slow, so that each does one before.
    asks(&server, "first");
    let (mut delay, mut moment, mut done_before) = (asks(&server, "second"), 0_u32, 0_usize);
    let keys: Vec<_> = (0..AT_ONCE * kills).map(|position| format!("killed-{position}")).collect();
    for together in keys.chunks(AT_ONCE) {
        let before = count().await;
        // Without a pattern, from a fixed beginning; how long it takes depends on what else the
        // machine does, so each corrects it.
        moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let asked: Vec<_> =
            together.iter().map(|key| send(&server, making, authorization, key)).collect();
        tokio::time::sleep(delay.mul_f64(2.0 * f64::from(moment) / f64::from(u32::MAX))).await;
        drop((server, asked));
        let done = usize::try_from(count().await - before).unwrap();
        done_before += done;
        delay = delay.mul_f64([2.0, 1.3, 1.0, 0.8, 0.6][done]);
        server = start();
        asks(&server, &format!("after-{}", together[0]));
    }
    assert!(
        (1..keys.len()).contains(&done_before),
        "{done_before} mutations were done when the server was killed"
    );
    // Those that were done and those that were not, all at once; then all again.
    for is_again in [false, true] {
        let (mut rebuilt, began) = (0, Instant::now());
        for together in keys.chunks(20) {
            let asked: Vec<_> =
                together.iter().map(|key| send(&server, making, authorization, key)).collect();
            for (key, stream) in together.iter().zip(asked) {
                let (head, body) = answer(stream);
                let made = &body["data"][mutation][object];
                assert_eq!(made["name"], **key, "{head} {body}");
                rebuilt += usize::from(head.contains("idempotency-replayed: rebuilt"));
            }
        }
        assert_eq!(rebuilt, if is_again { keys.len() } else { done_before });
        // No one waits for what a killed server cannot give: a retry of those that were done once
        // took 20 seconds each.
        let most = Duration::from_secs(10)
            + Duration::from_millis(500) * u32::try_from(keys.len()).unwrap();
        assert!(began.elapsed() < most, "{} retries took {:?}", keys.len(), began.elapsed());
    }
    let mut names = names(&now, list).await;
    names.sort_unstable();
    let others = keys
        .iter()
        .step_by(AT_ONCE)
        .map(|key| format!("after-{key}"))
        .chain(["first".to_owned(), "second".to_owned()]);
    let mut expected: Vec<_> = keys.iter().cloned().chain(others).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    // Those that were all sent at the same time have waited for each other.
    let joined = joined(&server, authorization);
    assert_eq!(joined > 0, making == ADDITION, "{joined} shared a commit with earlier ones");
    drop(server);
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
}

on_both!(requests_to_a_killed_server_are_applied_once_and_answered, |app| async move {
    kill_and_ask_again(&app, ADMISSION, runs(8, 100)).await;
});

on_both!(requests_that_share_a_commit_of_a_killed_server_are_applied_once, |app| async move {
    kill_and_ask_again(&app, ADDITION, runs(8, 100)).await;
});
