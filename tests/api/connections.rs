//! What a connection may do: how long a request may take to come, and what becomes of it when the server is stopped.

use std::time::{Duration, Instant};

use samregister::{
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    clock::Clock,
    config::Settings,
    database::Database,
    error::Result,
    server::{self, explorer},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::app::SECRET;

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
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let db = Database::connect(&url, Clock::system(), None).await.unwrap();
        db.migrate().await.unwrap();
        let env = [("SAMREGISTER_JWT_SECRET", SECRET), ("SAMREGISTER_REQUEST_SECONDS", seconds)];
        let settings = Settings::load(env.map(|(name, value)| (name.to_owned(), value.to_owned())), None).unwrap();
        let keys = Keys::from_settings(&settings).unwrap();
        let office = Viewer { subject: "kansli@example.se".into(), roles: vec![Role::Office], ..Viewer::default() };
        let token = keys.mint(&office, 1, Clock::system().now()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = server::App::new(db, keys, &settings, explorer::Settings::default());
        let serving = tokio::spawn(async move { server::serve(listener, app, &settings, async { drop(stopped.await) }).await });
        Self { address, token, stop, serving, _folder: folder }
    }

    /// A connection on which this was sent.
    async fn send(&self, text: &str) -> TcpStream {
        let mut caller = TcpStream::connect(self.address).await.unwrap();
        caller.write_all(text.as_bytes()).await.unwrap();
        caller
    }

    /// A connection on which a question was sent but for what follows the first bytes of its body, which is given too.
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
    caller.read_to_string(&mut answer).await.ok();
    answer
}

#[tokio::test]
async fn a_server_that_is_stopped_finishes_what_runs() {
    let server = Server::start("20").await;
    // Half of a request is on its way when the server is told to stop.
    let (mut caller, later) = server.ask_half().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    caller.write_all(later.as_bytes()).await.unwrap();
    let answer = rest(caller).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("kansli@example.se"), "{answer}");
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
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["errors"][0]["extensions"]["code"], "INVALID");
    assert_eq!(body["errors"][0]["message"], "body took too long to arrive");
    // What comes in time is answered.
    let alive = rest(server.send("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await;
    assert!(alive.ends_with("alive\n"), "{alive}");
}
