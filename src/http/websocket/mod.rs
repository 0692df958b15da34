//! WebSocket of the API at `/graphql/ws`: graphql-transport-ws with its exact close codes.
//!
//! One task per socket reads, executes and sends in sequence. A slow reader therefore delays no
//! other client, and only the message being sent is buffered for it. The library's own
//! implementation uses other close codes and sends refused requests as answers.

pub(super) mod client;
mod messages;
pub(super) mod operations;
mod root;

use std::{
    collections::HashMap, convert::Infallible, net::IpAddr, pin::Pin, sync::Arc, time::Duration,
};

use axum::{
    extract::{
        Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, MissedTickBehavior, Sleep, interval_at, sleep, timeout},
};
use uuid::Uuid;

use self::{
    client::{Client, Protocol},
    messages::{Incoming, Outgoing},
    operations::SharedAnswers,
};
use super::{
    App,
    concurrency_limit::{ConcurrencyLimit, Permit},
    content_negotiation,
    denials::Denials,
    execution::{Caller, bearer},
    lanes, peers, stopped,
};
use crate::graphql::{
    errors,
    file_links::FileLinks,
    language::{self, Language},
};
use domain::{
    auth::token::Verified,
    change_feed, config,
    error::{ConflictReason, Error, FieldErrorCode, Result},
};

/// Parses a message for a fuzz target: `None` if it is not of the protocol, otherwise the request
/// of a `subscribe`.
#[doc(hidden)]
pub fn fuzz(text: &str) -> Option<Option<super::graphql_request::GraphqlRequest>> {
    match Incoming::read(text)? {
        Incoming::Subscribe { payload, .. } => Some(messages::parse_request(payload)),
        _ => Some(None),
    }
}

/// The supported subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// Interval of heartbeats: shorter than the idle timeout of proxies.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(25);
/// Maximum number of consecutive unanswered heartbeats.
const MAX_UNANSWERED: u32 = 2;
/// Time that a client may take to receive the close frame and to close the socket too.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a client may try again to open an event stream.
const STREAM_RETRY: Duration = Duration::from_secs(10);
/// Maximum length of the reason in a close frame, in bytes (RFC 6455, 5.5).
const MAX_REASON_BYTES: usize = 123;
/// Divisor of the unauthenticated sockets that one client address may have; at least one. Proxies
/// forward many clients from one address.
const PENDING_SHARE: usize = 5;
const MIN_PENDING_PER_ADDRESS: usize = 16;
/// Size of the read buffer, in bytes. The default would take thirty times the memory for each idle
/// socket.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// State shared by all sockets.
#[derive(Debug)]
pub struct Sockets {
    settings: config::Sockets,
    /// Allowed origins of web pages.
    origins: Vec<String>,
    /// Maximum length of a message, in bytes.
    max_message_bytes: usize,
    /// Permits of sockets that may be authenticated.
    free: Arc<Semaphore>,
    /// Permits of unauthenticated sockets, so that clients without a token never displace clients
    /// with one.
    pending: Arc<Semaphore>,
    /// Unauthenticated sockets by client address.
    pending_by_client: Arc<ConcurrencyLimit>,
    /// Authenticated sockets by subject.
    by_subject: Arc<ConcurrencyLimit>,
    /// Subscriptions by subject, on all its sockets.
    subscriptions: Arc<ConcurrencyLimit>,
    /// Followers of the audit trail.
    followers: change_feed::Followers,
    /// Answers to events, shared by viewers with the same permissions.
    answers: SharedAnswers,
}

impl Sockets {
    /// Creates the state without sockets.
    #[must_use]
    pub fn new(settings: &config::Settings) -> Self {
        let (settings, origins, max_message_bytes) =
            (settings.sockets, settings.cors_origins.clone(), settings.limits.body_bytes);
        Self {
            free: Arc::new(Semaphore::new(settings.authenticated)),
            pending: Arc::new(Semaphore::new(settings.pending)),
            pending_by_client: Arc::new(ConcurrencyLimit::new(
                (settings.pending / PENDING_SHARE).max(MIN_PENDING_PER_ADDRESS),
            )),
            by_subject: Arc::new(ConcurrencyLimit::new(settings.per_subject)),
            subscriptions: Arc::new(ConcurrencyLimit::new(settings.subscriptions)),
            followers: change_feed::Followers::default(),
            answers: SharedAnswers::default(),
            settings,
            origins,
            max_message_bytes,
        }
    }

    /// Returns the number of open sockets and event streams: authenticated and not.
    pub(super) fn open(&self) -> [usize; 2] {
        let taken =
            |most: usize, permits: &Semaphore| most.saturating_sub(permits.available_permits());
        [
            taken(self.settings.authenticated, &self.free),
            taken(self.settings.pending, &self.pending),
        ]
    }

    /// Returns the number of subscriptions that follow the audit trail.
    pub(super) fn followers(&self) -> usize {
        self.followers.count()
    }

    /// `true` if the request has no Origin header, or that of this host or an allowed one. Browsers
    /// send no preflight before they open a WebSocket to another host.
    fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let text =
            |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
        let Some(origin) = text(header::ORIGIN) else { return true };
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        text(header::HOST).is_some_and(|own| own == host)
            || self.origins.iter().any(|known| known == origin)
    }
}

/// Opens a WebSocket.
pub async fn open(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let refuse = |status, error| {
        let mut refused = caller.refuse(error);
        *refused.status_mut() = status;
        refused
    };
    let Ok(upgrade) = upgrade.map(|upgrade| upgrade.protocols([PROTOCOL])) else {
        let message = format!("must request a WebSocket with the subprotocol {PROTOCOL}");
        let error = Error::invalid("upgrade", FieldErrorCode::Unsupported.problem(message));
        let mut refused = refuse(StatusCode::UPGRADE_REQUIRED, error);
        refused.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return refused;
    };
    if upgrade.selected_protocol().is_none() {
        let problem = FieldErrorCode::Unsupported.problem(format!("must name {PROTOCOL}"));
        return refuse(StatusCode::BAD_REQUEST, Error::invalid("sec-websocket-protocol", problem));
    }
    if !app.sockets.allows_origin(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            Error::Forbidden(
                "pages of this origin are not allowed; add it to SAMREGISTER_CORS_ORIGINS".into(),
            ),
        );
    }
    let address = peers::client(request.extensions(), request.headers(), &app.trusted_proxies);
    let known = match caller.viewer(&app).await {
        Ok(viewer) => app.sockets.known(&viewer.subject).ok(),
        // The client may still authenticate, and gets the reason then.
        Err(_) => None,
    };
    let Some(permit) = known.or_else(|| app.sockets.pending(address)) else {
        let mut refused = refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            Error::conflict(
                ConflictReason::TooManySockets,
                "too many sockets are open; retry in 10 seconds",
            ),
        );
        refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        return refused;
    };
    let (token, stopping) = (bearer(request.headers()), app.stopping.subscribe());
    let language = caller.language;
    let (max_message_bytes, base_url) = (app.sockets.max_message_bytes, caller.base_url(&app));
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(max_message_bytes)
        .max_frame_size(max_message_bytes);
    upgrade.on_upgrade(move |socket| async move {
        let (operations, running) = (HashMap::new(), SelectAll::new());
        Session {
            app,
            socket,
            token,
            language,
            address,
            stopping,
            permit,
            verified: None,
            base_url,
            links: None,
            operations,
            running,
        }
        .run()
        .await;
    })
}

/// Permit of an open socket or event stream.
pub(super) enum SocketPermit {
    /// Of an unauthenticated client: among all, and among those of its address.
    Pending(
        #[expect(dead_code, reason = "permits are held until they are dropped")]
        (OwnedSemaphorePermit, Option<Permit>),
    ),
    /// Of an authenticated client: among all, and among those of its subject.
    Known(
        #[expect(dead_code, reason = "permits are held until they are dropped")]
        (OwnedSemaphorePermit, Permit),
        String,
    ),
}

impl Sockets {
    /// Takes the permits of an unauthenticated client; `None` if the maximum is reached, now or
    /// after authentication.
    fn pending(&self, address: Option<IpAddr>) -> Option<SocketPermit> {
        if self.free.available_permits() == 0 {
            return None;
        }
        let own = address.map(|address| self.pending_by_client.try_take(&network_of(address)));
        let own = own.map_or(Some(None), |own| own.map(Some))?;
        Some(SocketPermit::Pending((Arc::clone(&self.pending).try_acquire_owned().ok()?, own)))
    }

    /// Takes the permits of an event stream of this subject, which counts as a socket.
    ///
    /// # Errors
    /// CONFLICT `TOO_MANY_SOCKETS` if the maximum is reached.
    pub(super) fn of_stream(&self, subject: &str) -> Result<SocketPermit> {
        self.known(subject).map_err(|end| {
            let words = match end {
                End::Close(_, words) => words,
                End::Gone => String::new(),
            };
            Error::throttled(ConflictReason::TooManySockets, words, STREAM_RETRY)
        })
    }

    /// Takes the permits of a client of this subject, or returns the reason to close the socket.
    fn known(&self, subject: &str) -> Result<SocketPermit, End> {
        let free = Arc::clone(&self.free).try_acquire_owned();
        let free =
            free.map_err(|_| close(1013, "Too many sockets are open; retry in 10 seconds"))?;
        let most = self.by_subject.most();
        let own = self.by_subject.try_take(subject);
        let own = own.ok_or_else(|| {
            close(4429, format!("Too many sockets: {most} of yours are open, which is the maximum"))
        })?;
        Ok(SocketPermit::Known((free, own), subject.to_owned()))
    }
}

/// Returns the network of a client's addresses: of IPv6, the first 64 bits.
fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => (address.to_bits() >> 64).to_string(),
    }
}

/// Reason for which a socket ends.
enum End {
    /// The server closes it, with code and reason.
    Close(u16, String),
    /// It is closed or broken.
    Gone,
}

/// Returns the end of a socket with this close code.
fn close(code: u16, reason: impl Into<String>) -> End {
    End::Close(code, reason.into())
}

/// A step of an operation.
pub(super) enum Step {
    /// An answer, with possibly more to follow.
    Next(String),
    /// The last message.
    Last(String),
}

/// Steps of an operation with its id, until it ends.
pub(super) type Steps = BoxStream<'static, (Arc<str>, Step)>;

/// One socket.
struct Session {
    app: App,
    socket: WebSocket,
    /// Token of the upgrade request, for clients that can set headers.
    token: Result<String>,
    /// Language of messages: that of the first message, or else of the upgrade request.
    language: Language,
    /// Address of the client, when known.
    address: Option<IpAddr>,
    stopping: watch::Receiver<bool>,
    permit: SocketPermit,
    /// Authenticated client, if any.
    verified: Option<Verified>,
    /// Address of this server, as the client knows it.
    base_url: String,
    /// Signer of links to files, after authentication.
    links: Option<FileLinks>,
    /// Running operations, each with its abort handle.
    operations: HashMap<Arc<str>, AbortHandle>,
    running: SelectAll<Abortable<Steps>>,
}

impl Session {
    async fn run(mut self) {
        let Err(End::Close(code, reason)) = self.run_protocol().await else { return };
        tracing::debug!(code, reason, "a socket is closed");
        // Tasks that run for it need not wait for the closing handshake.
        self.running.clear();
        let mut length = reason.len().min(MAX_REASON_BYTES);
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let frame = CloseFrame { code, reason: reason.get(..length).unwrap_or_default().into() };
        let leave = async {
            self.socket.send(Message::Close(Some(frame))).await?;
            // Dropping a connection with unread data may discard what was sent.
            while self.socket.recv().await.is_some_and(|message| message.is_ok()) {}
            Ok::<_, axum::Error>(())
        };
        drop(timeout(CLOSE_TIMEOUT, leave).await);
    }

    async fn run_protocol(&mut self) -> Result<Infallible, End> {
        let mut deadline = Box::pin(sleep(self.app.sockets.settings.init_time));
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut unanswered, mut revoked) = (0, self.app.revocations.changes());
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    unanswered = 0;
                    match message {
                        Some(Ok(Message::Text(text))) => self.receive(&text, &mut deadline).await?,
                        Some(Ok(Message::Binary(_))) => return Err(close(4400, "Invalid message: it must be text")),
                        // The next read answers it, and detects the end.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                        Some(Err(_)) => return Err(close(4400, format!("Invalid message: unreadable, or of more than {} bytes", self.app.sockets.max_message_bytes))),
                        None => return Err(End::Gone),
                    }
                }
                Some((id, step)) = self.running.next(), if !self.running.is_empty() => match step {
                    Step::Next(text) => self.send_text(text).await?,
                    Step::Last(text) => {
                        self.operations.remove(&id);
                        self.send_text(text).await?;
                    }
                },
                () = deadline.as_mut() => {
                    return Err(match &self.verified {
                        None => close(4408, "Connection initialisation timeout"),
                        Some(verified) => {
                            let error = Error::from(self.app.revocations.until(verified).1);
                            self.deny(Denials::of_error(Some(&verified.viewer.subject), &error));
                            close(4403, format!("Forbidden: {error}"))
                        }
                    });
                }
                _ = heartbeat.tick() => {
                    if unanswered == MAX_UNANSWERED {
                        return Err(End::Gone);
                    }
                    unanswered += 1;
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                // A token that is no longer valid has no time left.
                () = revoked.next() => self.update_deadline(&mut deadline),
                () = stopped(&mut self.stopping) => return Err(close(1001, "the server is stopping; reconnect in a few seconds")),
            }
        }
    }

    /// Sets the deadline of the socket to the end of its token.
    fn update_deadline(&self, deadline: &mut Pin<Box<Sleep>>) {
        let Some(verified) = &self.verified else { return };
        let rest = (self.app.revocations.until(verified).0 - self.app.clock.now())
            .to_std()
            .unwrap_or_default();
        deadline.as_mut().reset(Instant::now() + rest.min(MAX_LIFETIME));
    }

    /// Logs and counts a denial.
    fn deny(&self, denials: Option<Denials>) {
        denials.iter().for_each(|denials| denials.note(&self.app, self.address, METHOD, ROUTE));
    }

    async fn send_text(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message after the client has received the earlier ones, within a time limit.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.app.sockets.settings.send_time, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(close(4410, "Too slow: resume after the last received revision")),
        }
    }

    /// Authenticates the client by the token of its first message, or else of the upgrade request.
    async fn authenticate(
        &mut self,
        payload: Option<&serde_json::Map<String, serde_json::Value>>,
        deadline: &mut Pin<Box<Sleep>>,
    ) -> Result<(), End> {
        if self.verified.is_some() {
            return Err(close(4429, "Too many initialisation requests"));
        }
        let token = match payload.and_then(|payload| {
            payload.get("authorization").or_else(|| payload.get("Authorization"))
        }) {
            Some(authorization) => bearer_in(authorization),
            None => self.token.clone(),
        };
        let language = payload.and_then(|payload| payload.get("language")?.as_str());
        if let Some(language) = language.and_then(content_negotiation::language_of) {
            self.language = language;
        }
        let mut subject = None;
        let verified = match token {
            Ok(token) => {
                let note = |token: &Arc<Verified>| subject = Some(token.viewer.subject.clone());
                self.app.verify_noting(&token, note).await
            }
            Err(error) => Err(error),
        };
        let verified = verified.map_err(|error| {
            self.deny(Denials::of_error(subject.as_deref(), &error));
            close(4403, format!("Forbidden: {error}"))
        })?;
        // The token of the upgrade request has its permits already.
        if !matches!(&self.permit, SocketPermit::Known(_, subject) if *subject == verified.viewer.subject)
        {
            self.permit = self.app.sockets.known(&verified.viewer.subject)?;
        }
        let (keys, token) = (self.app.keys.get().links().clone(), Arc::new(verified.clone()));
        self.links = Some(FileLinks::new(keys, token, self.base_url.clone()));
        self.verified = Some(verified);
        self.update_deadline(deadline);
        self.send_text(Outgoing::ConnectionAck.text()).await
    }

    async fn receive(&mut self, text: &str, deadline: &mut Pin<Box<Sleep>>) -> Result<(), End> {
        let Some(message) = lanes::on_text(text.len(), || Incoming::read(text)) else {
            return Err(close(
                4400,
                format!("Invalid message: not a client message of {PROTOCOL}"),
            ));
        };
        match message {
            Incoming::ConnectionInit { payload } => {
                self.authenticate(payload.as_ref(), deadline).await
            }
            Incoming::Ping { payload } => self.send_text(Outgoing::Pong { payload }.text()).await,
            Incoming::Pong => Ok(()),
            Incoming::Subscribe { id, payload } => {
                let Some(verified) = &self.verified else {
                    self.deny(Denials::of_error(
                        None,
                        &Error::Unauthenticated("connection_init must come first".into()),
                    ));
                    return Err(close(4401, "Unauthorized"));
                };
                let Some(graphql_request) =
                    lanes::on_text(text.len(), || messages::parse_request(payload))
                else {
                    return Err(close(
                        4400,
                        "Invalid message: the payload of subscribe must have a query or a documentId, and may have operationName and variables",
                    ));
                };
                if self.operations.contains_key(id.as_str()) {
                    return Err(close(4409, format!("Subscriber for {id} already exists")));
                }
                let most = self.app.sockets.settings.operations;
                if self.operations.len() >= most {
                    let error = Error::conflict(
                        ConflictReason::LimitOperations,
                        format!(
                            "{most} operations run on this socket; complete one, or open another"
                        ),
                    );
                    let refused = errors::refused(error, &Uuid::now_v7().to_string());
                    let errors = language::localized(&refused.errors, self.language);
                    return self
                        .send_text(Outgoing::Error { id: &id, payload: &errors }.text())
                        .await;
                }
                let id: Arc<str> = id.into();
                let (end, registration) = AbortHandle::new_pair();
                let client = Client {
                    viewer: verified.viewer.clone(),
                    language: self.language,
                    links: self.links.clone(),
                    address: self.address,
                    request_id: None,
                    protocol: Protocol::WebSocket,
                    allows_mutations: true,
                };
                let steps = operations::steps(&self.app, Arc::clone(&id), graphql_request, &client);
                self.running.push(Abortable::new(steps, registration));
                self.operations.insert(id, end);
                Ok(())
            }
            Incoming::Complete { id } => {
                if let Some(end) = self.operations.remove(id.as_str()) {
                    end.abort();
                }
                Ok(())
            }
        }
    }
}

/// Method and route under which a denial on a WebSocket is logged and counted.
const METHOD: &str = "WS";
const ROUTE: &str = "/graphql/ws";

/// Maximum lifetime of a socket; a timer supports no more.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Returns the token of a payload that replaces the header.
fn bearer_in(authorization: &serde_json::Value) -> Result<String> {
    let value = HeaderValue::from_str(authorization.as_str().unwrap_or_default())
        .unwrap_or(HeaderValue::from_static(""));
    bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}
