//! Connections: the time that a request may take to arrive, and requests in progress when the
//! server stops.

use std::time::{Duration, Instant};

use domain::{
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    clock::Clock,
    config::Settings,
    database::Database,
    error::Result,
};
use samregister::http::{self, graphiql};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::app::SECRET;

/// A server of its own, on a socket.
struct Server {
    address: std::net::SocketAddr,
    token: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(seconds: &str) -> Self {
        Self::with(&[("SAMREGISTER_REQUEST_SECONDS", seconds)]).await
    }

    async fn with(changed: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let db = Database::connect(&url, None)
            .await
            .unwrap()
            .with_trail_key(crate::support::app::trail_key());
        db.migrate(Clock::system().now()).await.unwrap();
        let env = [("SAMREGISTER_JWT_SECRET", SECRET)].into_iter().chain(changed.iter().copied());
        let settings =
            Settings::load(env.map(|(name, value)| (name.to_owned(), value.to_owned())), None)
                .unwrap();
        let keys = Keys::from_settings(&settings).unwrap();
        let office = Viewer {
            subject: "kansli@example.se".into(),
            roles: vec![Role::Office],
            ..Viewer::default()
        };
        let token = keys.mint(&office, 1, Clock::system().now()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app =
            http::App::new(db, Clock::system(), keys, &settings, graphiql::Settings::default());
        let serving = tokio::spawn(async move {
            http::serve(listener, app, &settings, async { drop(stopped.await) }).await
        });
        Self { address, token, stop, serving, _folder: folder }
    }

    /// A connection on which this was sent.
    async fn send(&self, text: &str) -> TcpStream {
        let mut caller = TcpStream::connect(self.address).await.unwrap();
        caller.write_all(text.as_bytes()).await.unwrap();
        caller
    }

    /// A connection on which a question was sent but for what follows the first bytes of its body,
    /// which is given too.
    async fn ask_half(&self) -> (TcpStream, String) {
        let body = json!({ "query": "{ viewer { subject } }" }).to_string();
        let (now, later) = body.split_at(5);
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.token,
            body.len()
        );
        (self.send(&format!("{head}{now}")).await, later.to_owned())
    }
}

async fn rest(mut caller: TcpStream) -> String {
    let mut answer = String::new();
    // Whether the end comes in order or by a reset is no matter here.
    tokio::time::timeout(Duration::from_secs(60), caller.read_to_string(&mut answer))
        .await
        .unwrap_or_else(|_| panic!("there is no end"))
        .ok();
    answer
}

#[tokio::test]
async fn a_server_that_is_stopped_finishes_what_runs() {
    let server = Server::start("20").await;
    // Half of a request has been sent when the server is asked to stop.
    let (mut caller, later) = server.ask_half().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    caller.write_all(later.as_bytes()).await.unwrap();
    let answer = rest(caller).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("kansli@example.se"),
        "{answer}"
    );
    tokio::time::timeout(Duration::from_secs(10), server.serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "a stopped server takes no more");
}

#[tokio::test]
async fn a_request_that_never_comes_to_its_end_is_not_waited_for() {
    let server = Server::start("1").await;
    let start = Instant::now();
    for begun in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-more: "] {
        assert_eq!(rest(server.send(begun).await).await, "", "{begun}");
    }
    let (caller, _) = server.ask_half().await;
    let answer = rest(caller).await;
    // Nor is another one that may follow the first.
    let alive = rest(server.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await).await;
    assert!(alive.ends_with("alive\n"), "{alive}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["errors"][0]["extensions"]["code"], "INVALID");
    assert_eq!(
        body["errors"][0]["message"],
        "The body took longer than 1 s to arrive. Send it again."
    );
    // What comes in time is answered.
    let alive =
        rest(server.send("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await)
            .await;
    assert!(alive.ends_with("alive\n"), "{alive}");
}

const ALIVE: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// The answer to a question without a token, which is not one of the probes.
async fn ask(server: &Server) -> String {
    rest(server.send("GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await
}

/// Waits until a question is answered because another connection ended.
async fn ask_until_there_is_room(server: &Server) {
    let answered = async {
        while !ask(server).await.starts_with("HTTP/1.1 401") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered)
        .await
        .unwrap_or_else(|_| panic!("there is never room"));
}

#[tokio::test]
async fn beyond_so_many_connections_probes_alone_are_answered_until_another_ends() {
    let most = ("SAMREGISTER_MAX_CONNECTIONS", "2");
    let server = Server::with(&[
        most,
        ("SAMREGISTER_REQUEST_SECONDS", "600"),
        ("SAMREGISTER_SOCKET_INIT_SECONDS", "600"),
    ])
    .await;
    // A socket is a connection, too.
    let mut socket = server
        .send(
            "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
               sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n",
        )
        .await;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    let (idle, mut open) = (server.send("").await, Vec::new());
    for (name, one) in [("an idle one", idle), ("a socket", socket)] {
        let refused = ask(&server).await;
        assert!(
            refused.starts_with("HTTP/1.1 503") && refused.contains("\r\nRetry-After: 1\r\n"),
            "there is room next to {name}: {refused}"
        );
        assert!(
            refused.contains("TOO_MANY_CONNECTIONS")
                && refused.contains("\r\nX-Content-Type-Options: nosniff\r\n"),
            "{refused}"
        );
        assert!(rest(server.send(ALIVE).await).await.ends_with("alive\n"), "next to {name}");
        drop(one);
        ask_until_there_is_room(&server).await;
        // Instead of the one that ended.
        open.push(server.send("").await);
    }
}

#[tokio::test]
async fn clients_that_open_too_many_connections_exclude_no_probe() {
    let most = ("SAMREGISTER_MAX_CONNECTIONS", "1");
    let server = Server::with(&[most, ("SAMREGISTER_REQUEST_SECONDS", "600")]).await;
    let mut silent = Vec::new();
    for round in 0..3 {
        for _ in 0..100 {
            silent.push(server.send("").await);
        }
        assert!(rest(server.send(ALIVE).await).await.ends_with("alive\n"), "round {round}");
    }
    // The oldest beyond the limit ended for a newer one; the one within it did not.
    assert_eq!(rest(silent.remove(1)).await, "");
    let first = tokio::time::timeout(Duration::from_millis(100), silent[0].read_u8()).await;
    assert!(first.is_err(), "{first:?}");
}

#[tokio::test]
async fn a_client_that_opens_all_connections_excludes_no_one() {
    let most = ("SAMREGISTER_MAX_CONNECTIONS", "1");
    let server = Server::with(&[
        most,
        ("SAMREGISTER_REQUEST_SECONDS", "1"),
        ("SAMREGISTER_SOCKET_SEND_SECONDS", "1"),
        ("SAMREGISTER_EXPLORER", "true"),
    ])
    .await;
    // One that says nothing.
    let _idle = server.send("").await;
    ask_until_there_is_room(&server).await;
    // One that takes nothing of what was asked for.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut greedy = socket.connect(server.address).await.unwrap();
    let much = "GET /graphiql/graphiql.min.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20);
    greedy.write_all(much.as_bytes()).await.unwrap();
    assert!(ask(&server).await.starts_with("HTTP/1.1 503"));
    ask_until_there_is_room(&server).await;
}

#[tokio::test]
async fn a_server_that_is_stopped_waits_for_no_slow_client() {
    let server = Server::start("60").await;
    let (body, _) = server.ask_half().await;
    let header = server.send("GET /healthz HTTP/1.1\r\nhost: x\r\nx-more: ").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    server.stop.send(()).unwrap();
    let answer = rest(body).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("the server is stopping"),
        "{answer}"
    );
    assert_eq!(rest(header).await, "");
    server.serving.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_names_of_headers_are_in_title_case() {
    // As some clients compare them.
    let server = Server::start("20").await;
    let mut socket = server
        .send(
            "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
               sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n",
        )
        .await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    for line in [
        "Upgrade: websocket",
        "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-Websocket-Protocol: graphql-transport-ws",
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} is not in {head}");
    }
}
