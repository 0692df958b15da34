//! The API's socket at `/graphql/ws`: graphql-transport-ws, with its close codes to the letter.
//!
//! One task a socket reads, executes and sends in turn, so that whoever reads slowly holds up
//! nobody else and nothing is kept for it but the message that is being sent. The library has a
//! socket of its own, which closes with other codes and sends refused requests as answers.

mod messages;
mod operations;
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
    messages::{Incoming, Outgoing},
    operations::SharedAnswers,
};
use super::{
    App,
    concurrency_limit::{ConcurrencyLimit, Permit},
    denials::Denials,
    execution::{Caller, bearer},
    lanes, peers, stopped,
};
use crate::graphql::errors;
use domain::{
    auth::token::Verified,
    change_feed, config,
    error::{Error, Result},
};

/// Reads a message for a fuzz target: `None` if it is none of the protocol, otherwise what it asks,
/// if it is `subscribe`.
#[cfg(fuzzing)]
pub fn fuzz(text: &str) -> Option<Option<super::graphql_request::GraphqlRequest>> {
    match Incoming::read(text)? {
        Incoming::Subscribe { payload, .. } => Some(messages::asked(payload)),
        _ => Some(None),
    }
}

/// The one protocol that is spoken.
const PROTOCOL: &str = "graphql-transport-ws";
/// How often it is asked whether anybody is there: before proxies cut off a connection on which
/// nothing is said.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// So many questions in a row may be unanswered.
const UNANSWERED: u32 = 2;
/// How long a client may take to take why its socket is closed, and to close it too.
pub(super) const GOODBYE: Duration = Duration::from_secs(5);
/// The longest reason that a close frame has room for, in bytes (RFC 6455, 5.5).
const REASON: usize = 123;
/// A client's address has at most this part of the sockets whose client has not said who it is, and
/// at least so many: proxies ask for many clients from one address.
const PENDING_SHARE: usize = 5;
const PENDING_LEAST: usize = 16;
/// What is read at once, in bytes. The default would take thirty times as much of memory for each
/// that says nothing.
const READ: usize = 4 << 10;

/// What all sockets share.
#[derive(Debug)]
pub struct Sockets {
    settings: config::Sockets,
    /// Web pages of other hosts that may ask.
    origins: Vec<String>,
    /// The longest message, in bytes.
    longest: usize,
    /// One for each whose client may have said who it is.
    free: Arc<Semaphore>,
    /// One for each whose client has not, so that clients without a token never displace clients
    /// with one.
    pending: Arc<Semaphore>,
    /// Those of each address whose client has not.
    pending_by_client: Arc<ConcurrencyLimit>,
    /// The sockets of each subject.
    by_subject: Arc<ConcurrencyLimit>,
    /// The subscriptions of each subject, on all its sockets.
    subscriptions: Arc<ConcurrencyLimit>,
    /// The followers of the trail.
    followers: change_feed::Followers,
    /// The answers to events, shared by those who see alike.
    answers: SharedAnswers,
}

impl Sockets {
    /// No sockets yet.
    #[must_use]
    pub fn new(settings: &config::Settings) -> Self {
        let (settings, origins, longest) =
            (settings.sockets, settings.cors_origins.clone(), settings.limits.body_bytes);
        Self {
            free: Arc::new(Semaphore::new(settings.most)),
            pending: Arc::new(Semaphore::new(settings.pending)),
            pending_by_client: Arc::new(ConcurrencyLimit::new(
                (settings.pending / PENDING_SHARE).max(PENDING_LEAST),
            )),
            by_subject: Arc::new(ConcurrencyLimit::new(settings.per_subject)),
            subscriptions: Arc::new(ConcurrencyLimit::new(settings.subscriptions)),
            followers: change_feed::Followers::default(),
            answers: SharedAnswers::default(),
            settings,
            origins,
            longest,
        }
    }

    /// Whether the page that asks, if any, is one of ours or one that may. Browsers ask nobody
    /// before they open a socket to another host.
    fn welcomes(&self, headers: &HeaderMap) -> bool {
        let text =
            |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
        let Some(origin) = text(header::ORIGIN) else { return true };
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        text(header::HOST).is_some_and(|own| own == host)
            || self.origins.iter().any(|known| known == origin)
    }
}

/// Opens a socket.
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
        let mut refused = refuse(
            StatusCode::UPGRADE_REQUIRED,
            Error::invalid("upgrade", format!("must ask for a WebSocket that speaks {PROTOCOL}")),
        );
        refused.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return refused;
    };
    if upgrade.selected_protocol().is_none() {
        return refuse(
            StatusCode::BAD_REQUEST,
            Error::invalid("sec-websocket-protocol", format!("must name {PROTOCOL}")),
        );
    }
    if !app.sockets.welcomes(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            Error::Forbidden("pages of this origin may not ask here".into()),
        );
    }
    let address = peers::client(request.extensions(), request.headers(), &app.trusted_proxies);
    let known = match caller.viewer(&app).await {
        Ok(viewer) => app.sockets.known(&viewer.subject).ok(),
        // The client may yet say who it is, and is told then what is wrong.
        Err(_) => None,
    };
    let Some(position) = known.or_else(|| app.sockets.pending(address)) else {
        let mut refused = refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            Error::conflict("TOO_MANY_SOCKETS", "too many sockets are open; try again in a while"),
        );
        refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        return refused;
    };
    let (token, stopping) = (bearer(request.headers()), app.stopping.subscribe());
    let longest = app.sockets.longest;
    let upgrade = upgrade
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_message_size(longest)
        .max_frame_size(longest);
    upgrade.on_upgrade(move |socket| async move {
        let (operations, running) = (HashMap::new(), SelectAll::new());
        Session {
            app,
            socket,
            token,
            address,
            stopping,
            position,
            verified: None,
            operations,
            running,
        }
        .run()
        .await;
    })
}

/// The permit of a socket among those that may be open.
enum Position {
    /// Of a client that has not said who it is, among all and among its address's.
    Pending(
        #[expect(dead_code, reason = "permits are held until they are dropped")]
        (OwnedSemaphorePermit, Option<Permit>),
    ),
    /// Of one that has, among all and among its subject's.
    Known(
        #[expect(dead_code, reason = "permits are held until they are dropped")]
        (OwnedSemaphorePermit, Permit),
        String,
    ),
}

impl Sockets {
    /// Takes the permits of a client that has not said who it is; `None` if there is no room for it
    /// now or afterwards.
    fn pending(&self, address: Option<IpAddr>) -> Option<Position> {
        if self.free.available_permits() == 0 {
            return None;
        }
        let own = address.map(|address| self.pending_by_client.try_take(&network_of(address)));
        let own = own.map_or(Some(None), |own| own.map(Some))?;
        Some(Position::Pending((Arc::clone(&self.pending).try_acquire_owned().ok()?, own)))
    }

    /// Takes the permits of a client of this subject, or says why the socket is closed.
    fn known(&self, subject: &str) -> Result<Position, End> {
        let free = Arc::clone(&self.free).try_acquire_owned();
        let free =
            free.map_err(|_| close(1013, "Too many sockets are open; try again in a while"))?;
        let most = self.by_subject.most();
        let own = self.by_subject.try_take(subject);
        let own = own.ok_or_else(|| {
            close(4429, format!("Too many sockets: {most} of yours are open, which is the maximum"))
        })?;
        Ok(Position::Known((free, own), subject.to_owned()))
    }
}

/// The network that one client has its addresses from: of IPv6, 64 bits.
fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => (address.to_bits() >> 64).to_string(),
    }
}

/// Why a socket ends.
enum End {
    /// We close it, for this reason.
    Close(u16, String),
    /// It is closed, or broken.
    Gone,
}

/// The end of a socket with this code.
fn close(code: u16, reason: impl Into<String>) -> End {
    End::Close(code, reason.into())
}

/// What an operation says next.
pub(super) enum Step {
    /// An answer, and perhaps more to come.
    Next(String),
    /// Its last word.
    Last(String),
}

/// What an operation says, until it is ended, with the id that it was given.
pub(super) type Steps = BoxStream<'static, (Arc<str>, Step)>;

/// One socket.
struct Session {
    app: App,
    socket: WebSocket,
    /// The token that came with the request, for clients that can set headers.
    token: Result<String>,
    /// The client's address, when it is known.
    address: Option<IpAddr>,
    stopping: watch::Receiver<bool>,
    position: Position,
    /// Who it is, when that is known.
    verified: Option<Verified>,
    /// The operations that run, each with its end.
    operations: HashMap<Arc<str>, AbortHandle>,
    running: SelectAll<Abortable<Steps>>,
}

impl Session {
    async fn run(mut self) {
        let Err(End::Close(code, reason)) = self.talk().await else { return };
        tracing::debug!(code, reason, "a socket is closed");
        // Whatever runs for it need not wait until it has taken leave.
        self.running.clear();
        let mut length = reason.len().min(REASON);
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let frame = CloseFrame { code, reason: reason.get(..length).unwrap_or_default().into() };
        let leave = async {
            self.socket.send(Message::Close(Some(frame))).await?;
            // A connection that is dropped with something unread may take back what was sent.
            while self.socket.recv().await.is_some_and(|message| message.is_ok()) {}
            Ok::<_, axum::Error>(())
        };
        drop(timeout(GOODBYE, leave).await);
    }

    async fn talk(&mut self) -> Result<Infallible, End> {
        let mut deadline = Box::pin(sleep(self.app.sockets.settings.init_time));
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut unanswered, mut revoked) = (0, self.app.revocations.changes());
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    unanswered = 0;
                    match message {
                        Some(Ok(Message::Text(text))) => self.hear(&text, &mut deadline).await?,
                        Some(Ok(Message::Binary(_))) => return Err(close(4400, "Invalid message: it must be text")),
                        // The next read answers it, and finds the end.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                        Some(Err(_)) => return Err(close(4400, format!("Invalid message: unreadable, or of more than {} bytes", self.app.sockets.longest))),
                        None => return Err(End::Gone),
                    }
                }
                Some((id, step)) = self.running.next(), if !self.running.is_empty() => match step {
                    Step::Next(text) => self.say(text).await?,
                    Step::Last(text) => {
                        self.operations.remove(&id);
                        self.say(text).await?;
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
                    if unanswered == UNANSWERED {
                        return Err(End::Gone);
                    }
                    unanswered += 1;
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                // A token that no longer holds has no time left.
                () = revoked.next() => self.hold(&mut deadline),
                () = stopped(&mut self.stopping) => return Err(close(1001, "the server stops; try again in a while")),
            }
        }
    }

    /// Holds the socket until its token no longer does.
    fn hold(&self, deadline: &mut Pin<Box<Sleep>>) {
        let Some(verified) = &self.verified else { return };
        let rest = (self.app.revocations.until(verified).0 - self.app.db.clock.now())
            .to_std()
            .unwrap_or_default();
        deadline.as_mut().reset(Instant::now() + rest.min(LONGEST));
    }

    /// Logs and counts a denial.
    fn deny(&self, denials: Option<Denials>) {
        denials.iter().for_each(|denials| denials.note(&self.app, self.address, METHOD, ROUTE));
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message when the client has taken those before it, which it may not take forever
    /// for.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.app.sockets.settings.send_time, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(close(4410, "Too slow: resume after the last revision that came")),
        }
    }

    async fn hear(&mut self, text: &str, deadline: &mut Pin<Box<Sleep>>) -> Result<(), End> {
        let Some(message) = lanes::on_text(text.len(), || Incoming::read(text)) else {
            return Err(close(
                4400,
                format!("Invalid message: not one that a client of {PROTOCOL} sends"),
            ));
        };
        match message {
            Incoming::ConnectionInit { payload } => {
                if self.verified.is_some() {
                    return Err(close(4429, "Too many initialisation requests"));
                }
                let token = match payload.as_ref().and_then(|payload| {
                    payload.get("authorization").or_else(|| payload.get("Authorization"))
                }) {
                    Some(authorization) => bearer_in(authorization),
                    None => self.token.clone(),
                };
                let mut subject = None;
                let verified = match token {
                    Ok(token) => {
                        self.app.verify_noting(&token, |name| subject = Some(name.to_owned())).await
                    }
                    Err(error) => Err(error),
                };
                let verified = verified.map_err(|error| {
                    self.deny(Denials::of_error(subject.as_deref(), &error));
                    close(4403, format!("Forbidden: {error}"))
                })?;
                // The token that came with the request has its permits already.
                if !matches!(&self.position, Position::Known(_, subject) if *subject == verified.viewer.subject)
                {
                    self.position = self.app.sockets.known(&verified.viewer.subject)?;
                }
                self.verified = Some(verified);
                self.hold(deadline);
                self.say(Outgoing::ConnectionAck.text()).await
            }
            Incoming::Ping { payload } => self.say(Outgoing::Pong { payload }.text()).await,
            Incoming::Pong => Ok(()),
            Incoming::Subscribe { id, payload } => {
                let Some(verified) = &self.verified else {
                    self.deny(Denials::of_error(
                        None,
                        &Error::Unauthenticated("connection_init must come first".into()),
                    ));
                    return Err(close(4401, "Unauthorized"));
                };
                let Some(asked) = lanes::on_text(text.len(), || messages::asked(payload)) else {
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
                        "LIMIT_OPERATIONS",
                        format!(
                            "{most} operations run on this socket; complete one, or open another"
                        ),
                    );
                    let refused = errors::refused(error, &Uuid::now_v7().to_string());
                    return self
                        .say(Outgoing::Error { id: &id, payload: &refused.errors }.text())
                        .await;
                }
                let id: Arc<str> = id.into();
                let (end, registration) = AbortHandle::new_pair();
                let steps = operations::steps(
                    &self.app,
                    Arc::clone(&id),
                    asked,
                    &verified.viewer,
                    self.address,
                );
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

/// Method and route under which a denial on a socket is logged and counted.
const METHOD: &str = "WS";
const ROUTE: &str = "/graphql/ws";

/// The longest that a socket lives; a timer counts no further.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The token in what a payload says in the place of the header.
fn bearer_in(authorization: &serde_json::Value) -> Result<String> {
    let value = HeaderValue::from_str(authorization.as_str().unwrap_or_default())
        .unwrap_or(HeaderValue::from_static(""));
    bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}
