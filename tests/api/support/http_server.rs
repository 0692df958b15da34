//! A server that listens on a TCP port, and its clients over graphql-transport-ws.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use domain::{config::Settings, error::Result};
use futures_util::{SinkExt, StreamExt};
use samregister::http;
use sea_orm::DatabaseTransaction;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::rustls;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message, client::IntoClientRequest, http::Response, protocol::WebSocketConfig,
    },
};

use crate::support::{app::App, caller::Caller};

/// A server that listens.
pub struct HttpServer {
    /// The address that it listens on.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
}

impl HttpServer {
    /// A server of this register, whose database is closed when the server is stopped.
    pub async fn start(app: &App) -> Self {
        let (app, settings) = app.server();
        Self::of(app, settings).await
    }

    /// A server of this app.
    pub async fn of(app: http::App, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            http::serve(listener, app, &settings, async { drop(stopped.await) }).await
        });
        Self { address, stop, serving }
    }

    /// Tells the server to stop; ready when it has.
    pub fn stop(self) -> impl Future<Output = ()> {
        self.stop.send(()).unwrap();
        async move { self.serving.await.unwrap().unwrap() }
    }

    /// A socket, opened with these headers and those that it needs; or what the server answers
    /// instead.
    pub async fn upgrade(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<Client, Response<Option<Vec<u8>>>> {
        Client::open(self.address, headers, 64 << 10).await
    }

    /// A socket on which it has not been said who asks.
    pub async fn connect(&self) -> Client {
        self.upgrade(&[PROTOCOL]).await.unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// A socket of this caller.
    pub async fn client(&self, caller: &Caller<'_>) -> Client {
        let mut client = self.connect().await;
        client.introduce(caller).await;
        client
    }
}

/// Takes every connection that reads for small documents, or every one for expensive ones, until
/// what this returns is dropped.
pub async fn take_readers(app: &App, are_dear: bool) -> Vec<DatabaseTransaction> {
    let (db, mut taken) =
        (if are_dear { app.db.for_costly_document() } else { app.db.clone() }, Vec::new());
    while let Ok(snapshot) = tokio::time::timeout(Duration::from_millis(500), db.snapshot()).await {
        taken.push(snapshot.unwrap());
    }
    taken
}

/// A question that nothing but a token is needed for.
pub const ASK: &str = "/graphql?query=%7Bviewer%7Bsubject%7D%7D";

/// The status of the answer to a GET with this in the header.
pub async fn status(address: SocketAddr, path: &str, authorization: Option<&str>) -> u16 {
    let answer = get(address, path, authorization).await;
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

/// The whole answer to a GET with this in the header; bytes that are no text are replaced.
pub async fn get(address: SocketAddr, path: &str, authorization: Option<&str>) -> String {
    get_with(address, path, authorization, "").await
}

/// The same with more headers, each with its line break.
pub async fn get_with(
    address: SocketAddr,
    path: &str,
    authorization: Option<&str>,
    headers: &str,
) -> String {
    let authorization =
        authorization.map(|text| format!("authorization: {text}\r\n")).unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}{headers}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The configuration of a server of TLS with this certificate.
pub fn tls_config(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    Arc::new(config)
}

/// Waits until this caller's question is answered with the status, which it must be within seconds.
pub async fn comes_to(address: SocketAddr, authorization: &str, wanted: u16) {
    let comes = async {
        while status(address, ASK, Some(authorization)).await != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), comes)
        .await
        .unwrap_or_else(|_| panic!("it never comes to {wanted}"));
}

/// The header that names the protocol.
pub const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

/// The client's side of a socket.
pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// A socket to this address whose machine takes in so many bytes that no one has read.
    pub async fn open(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
        takes: u32,
    ) -> Result<Self, Response<Option<Vec<u8>>>> {
        let mut request = format!("ws://{address}/graphql/ws").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(takes).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let config = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(*answer),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says who asks, and waits until it is taken.
    pub async fn introduce(&mut self, caller: &Caller<'_>) {
        self.say(json!({ "type": "connection_init", "payload": { "authorization": caller.authorization() } })).await;
        assert_eq!(self.hear().await, json!({ "type": "connection_ack" }));
    }

    /// Says this.
    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends this, whatever it is.
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Asks this under the id.
    pub async fn subscribe(&mut self, id: &str, document: &str) {
        self.say(json!({ "id": id, "type": "subscribe", "payload": { "query": document } })).await;
    }

    /// The next message; the code and reason, when the server has closed the socket.
    pub async fn next(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return Err((0, format!("{other:?}"))),
            }
        }
    }

    /// The next message.
    #[track_caller]
    pub fn hear(&mut self) -> impl Future<Output = Value> {
        let asked = std::panic::Location::caller();
        async move {
            self.next()
                .await
                .unwrap_or_else(|(code, reason)| panic!("{asked}: closed with {code} {reason}"))
        }
    }

    /// The data of the next message, which must be an answer to the operation.
    #[track_caller]
    pub fn data(&mut self, id: &str) -> impl Future<Output = Value> {
        let (asked, next) = (std::panic::Location::caller(), self.hear());
        async move {
            let message = next.await;
            assert!(
                message["type"] == "next"
                    && message["id"] == id
                    && message["payload"]["errors"].is_null(),
                "{asked}: {message}"
            );
            message["payload"]["data"].clone()
        }
    }

    /// Returns the code and reason with which the server closes the socket, after any messages.
    pub async fn end(&mut self) -> (u16, String) {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }
}
