//! The client of an operation, on a WebSocket or an event stream.

use std::{net::IpAddr, sync::Arc};

use async_graphql::Request as Document;
use uuid::Uuid;

use super::{METHOD, ROUTE};
use crate::{
    graphql::{file_links::FileLinks, language::Language},
    http::event_stream,
};
use domain::auth::viewer::Viewer;

/// Protocol in which an operation's answers are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Protocol {
    /// graphql-transport-ws.
    WebSocket,
    /// graphql-sse.
    EventStream,
}

impl Protocol {
    /// Returns the method and route under which a denial is logged and counted.
    pub(super) fn method_and_route(self) -> (&'static str, &'static str) {
        match self {
            Self::WebSocket => (METHOD, ROUTE),
            Self::EventStream => (event_stream::METHOD, event_stream::ROUTE),
        }
    }
}

/// The client of an operation.
#[derive(Clone)]
pub(in crate::http) struct Client {
    pub(in crate::http) viewer: Viewer,
    /// Language of the messages of its answers.
    pub(in crate::http) language: Language,
    /// Signer of links to files in its answers.
    pub(in crate::http) links: Option<FileLinks>,
    /// Its address, when known.
    pub(in crate::http) address: Option<IpAddr>,
    /// Id of the HTTP request, if the operation has one of its own; `None` on a WebSocket.
    pub(in crate::http) request_id: Option<Arc<str>>,
    pub(in crate::http) protocol: Protocol,
    /// `true` if it may send mutations: over a WebSocket, or by POST.
    pub(in crate::http) allows_mutations: bool,
}

impl Client {
    /// Returns the id under which errors of an operation are reported: that of its HTTP request, or
    /// a new one on a WebSocket.
    pub(in crate::http) fn request_id(&self) -> String {
        let own = self.request_id.as_deref().map(str::to_owned);
        own.unwrap_or_else(|| Uuid::now_v7().to_string())
    }

    /// Adds the data that resolvers need of the client.
    pub(super) fn data(&self, document: Document) -> Document {
        let document = document.data(self.viewer.clone());
        match &self.links {
            Some(links) => document.data(links.clone()),
            None => document,
        }
    }
}
