//! GraphQL over Server-Sent Events: the protocol graphql-sse in its distinct connections mode, for
//! clients whose network passes no WebSockets. Each request is one operation, of any type.
//!
//! A stream counts among its subject's sockets. It ends with its operation, with its token, when
//! the server stops, and when its client disconnects or does not receive.

use std::{convert::Infallible, net::IpAddr, pin::Pin, sync::Arc};

use async_graphql::Response as Answer;
use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep},
};

use super::{
    App,
    content_negotiation::prefers_events,
    execution::Caller,
    graphql_request::GraphqlRequest,
    graphql_response, peers, stopped,
    websocket::{
        HEARTBEAT, MAX_LIFETIME, SocketPermit, Step, Steps,
        client::{Client, Protocol},
        operations,
    },
};
use crate::graphql::{errors, language::Language};
use domain::{
    auth::{revocations::Changes, token::Verified},
    error::{Error, Result},
};

/// Method and route under which a denial on an event stream is logged and counted.
pub(super) const METHOD: &str = "SSE";
pub(super) const ROUTE: &str = "/graphql";

/// The last event of an operation. An event without a line `data` would not be dispatched.
pub(super) const COMPLETE: &str = "event: complete\ndata:\n\n";
/// A comment, which keeps the connection open, and finds out that a network has lost the client.
const KEEP_ALIVE: &str = ":\n\n";

/// Returns the event with an answer, as serialized JSON, which contains no line break.
pub(super) fn next(answer: &str) -> String {
    ["event: next\ndata: ", answer, "\n\n"].concat()
}

/// Returns the events of an operation that is not executed, or ends: its errors, and the end.
pub(super) fn refusal(answer: &Answer, language: Language) -> String {
    next(&graphql_response::json(answer, language)) + COMPLETE
}

/// The client of a request that prefers events to JSON.
#[derive(Clone, Copy)]
pub(super) struct EventTarget {
    /// Address of the client, when known.
    address: Option<IpAddr>,
    /// `true` if the method is POST: a GET request executes no mutation.
    is_post: bool,
}

impl EventTarget {
    /// Returns the target of a request's events; `None` if it prefers JSON.
    pub(super) fn of(app: &App, request: &Request) -> Option<Self> {
        let headers = request.headers();
        let address = || peers::client(request.extensions(), headers, &app.trusted_proxies);
        prefers_events(headers)
            .then(|| Self { address: address(), is_post: request.method() == Method::POST })
    }
}

/// Answers a request with the events of its operation. A query or mutation has one answer. Errors
/// of the operation itself are events too: a browser's EventSource reads no other answer.
///
/// # Errors
/// CONFLICT `TOO_MANY_SOCKETS` if the subject has the maximum of sockets and streams.
pub(super) fn answer(
    app: &App,
    caller: &Caller,
    target: EventTarget,
    graphql_request: GraphqlRequest,
) -> Result<Response> {
    let verified = caller.verified().ok_or_else(|| {
        Error::internal(std::io::Error::other("the caller of a stream is not verified"))
    })?;
    let permit = app.sockets.of_stream(&verified.viewer.subject)?;
    let client = Client {
        viewer: verified.viewer.clone(),
        language: caller.language,
        links: caller.file_links(app),
        address: target.address,
        request_id: Some(caller.request_id.as_str().into()),
        protocol: Protocol::EventStream,
        allows_mutations: target.is_post,
    };
    let steps = operations::steps(app, Arc::from("1"), graphql_request, &client);
    let session = Session::new(app.clone(), verified, steps, permit, &client);
    let body = stream::unfold(session, |mut session| async move {
        let text = session.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), session))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CONTENT_LANGUAGE, caller.language.tag()),
        (header::VARY, "accept, accept-language"),
        (header::CACHE_CONTROL, "no-store"),
        // Some proxies collect an answer before they send it on.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((StatusCode::OK, headers, Body::from_stream(body)).into_response())
}

/// One event stream.
struct Session {
    app: App,
    verified: Arc<Verified>,
    steps: Steps,
    /// `true` when the last event was sent.
    is_over: bool,
    /// Completes when the token is no longer valid.
    deadline: Pin<Box<Sleep>>,
    revoked: Changes,
    keep_alive: Interval,
    stopping: watch::Receiver<bool>,
    client: Client,
    _permit: SocketPermit,
}

impl Session {
    fn new(
        app: App,
        verified: Arc<Verified>,
        steps: Steps,
        permit: SocketPermit,
        client: &Client,
    ) -> Self {
        let mut keep_alive = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session = Self {
            revoked: app.revocations.changes(),
            stopping: app.stopping.subscribe(),
            deadline: Box::pin(sleep(MAX_LIFETIME)),
            app,
            verified,
            steps,
            is_over: false,
            keep_alive,
            client: client.clone(),
            _permit: permit,
        };
        session.update_deadline();
        session
    }

    /// Sets the deadline to the end of the token.
    fn update_deadline(&mut self) {
        let (until, _) = self.app.revocations.until(&self.verified);
        let rest = (until - self.app.clock.now()).to_std().unwrap_or_default();
        self.deadline.as_mut().reset(Instant::now() + rest.min(MAX_LIFETIME));
    }

    /// Returns the next text of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        loop {
            tokio::select! {
                step = self.steps.next() => {
                    return match step {
                        Some((_, Step::Next(text))) => Some(text),
                        Some((_, Step::Last(text))) => {
                            self.is_over = true;
                            Some(text)
                        }
                        None => None,
                    };
                }
                () = self.deadline.as_mut() => {
                    self.is_over = true;
                    let reason = self.app.revocations.until(&self.verified).1;
                    let refused = errors::refused(Error::from(reason), &self.client.request_id());
                    return Some(refusal(&refused, self.client.language));
                }
                () = self.revoked.next() => self.update_deadline(),
                _ = self.keep_alive.tick() => return Some(KEEP_ALIVE.to_owned()),
                // Without the last event, so that the client connects again.
                () = stopped(&mut self.stopping) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json() {
        assert_eq!(next("{\"data\":1}"), "event: next\ndata: {\"data\":1}\n\n");
        let refused = errors::refused(Error::invalid("query", "is\nbad"), "id");
        let text = refusal(&refused, Language::default());
        assert!(text.starts_with("event: next\ndata: {\"errors\":["), "{text}");
        assert!(text.ends_with("}\n\nevent: complete\ndata:\n\n"), "{text}");
        assert_eq!(text.matches('\n').count(), 6, "{text}");
    }
}
