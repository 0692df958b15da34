//! Requests with an Idempotency-Key to a server that is killed and restarted.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use domain::clock::Clock;
use serde_json::{Value, json};

use crate::{
    idempotency::requests::admission,
    support::{
        app::{App, on_both, runs},
        server_process::Server,
    },
};

/// Sends this under the key to a server that may be killed before it answers.
fn send(server: &Server, authorization: &str, key: &str) -> TcpStream {
    let body = admission(key).to_string();
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

/// Kills a server, again and again, while it does what was asked under keys, and asks for all of it
/// again.
async fn kill_and_ask_again(app: &App, kills: usize) {
    const AT_ONCE: usize = 4;
    let now = app.at(&Clock::system().now().to_rfc3339());
    let office = now.office();
    let authorization = office.authorization().unwrap();
    let start = || Server::start(app.program(), "serve --bind 127.0.0.1:0");
    let count = async || {
        now.office().query("{ members { totalCount } }").await["members"]["totalCount"]
            .as_u64()
            .unwrap()
    };
    let mut server = start();
    let asks = |server: &Server, key: &str| {
        let began = Instant::now();
        let (_, body) = answer(send(server, authorization, key));
        assert_eq!(body["data"]["memberAdmit"]["member"]["name"], key);
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
        let asked: Vec<_> = together.iter().map(|key| send(&server, authorization, key)).collect();
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
                together.iter().map(|key| send(&server, authorization, key)).collect();
            for (key, stream) in together.iter().zip(asked) {
                let (head, body) = answer(stream);
                let admitted = &body["data"]["memberAdmit"]["member"];
                assert_eq!(admitted["name"], **key, "{head} {body}");
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
    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = "query($after: String) { members(first: 100, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }";
        let page = now.office().ask(page, json!({ "after": after })).await["members"].clone();
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
    names.sort_unstable();
    let others = keys
        .iter()
        .step_by(AT_ONCE)
        .map(|key| format!("after-{key}"))
        .chain(["first".to_owned(), "second".to_owned()]);
    let mut expected: Vec<_> = keys.iter().cloned().chain(others).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    drop(server);
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
}

on_both!(requests_to_a_killed_server_are_applied_once_and_answered, |app| async move {
    kill_and_ask_again(&app, runs(8, 100)).await;
});
