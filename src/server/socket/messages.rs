//! What is said on a socket: the messages of graphql-transport-ws.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::server::asking::Asked;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Incoming {
    /// Who it is.
    ConnectionInit { payload: Option<Map<String, Value>> },
    /// Whether anybody is there.
    Ping { payload: Option<Map<String, Value>> },
    /// It is there.
    Pong {
        #[expect(dead_code, reason = "its shape is checked, and nothing else")]
        payload: Option<Map<String, Value>>,
    },
    /// An operation to be executed.
    Subscribe { id: String, payload: Map<String, Value> },
    /// It wants no more of an operation.
    Complete { id: String },
}

impl Incoming {
    /// A message; none when it is no message of the protocol.
    pub(super) fn read(text: &str) -> Option<Self> {
        // A list in the place of an object is read by position, which the protocol doesn't know.
        let message: Self = text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok())??;
        let has_id = |id: &str| !id.is_empty();
        match &message {
            Self::Subscribe { id, .. } | Self::Complete { id } => has_id(id).then_some(message),
            Self::ConnectionInit { .. } | Self::Ping { .. } | Self::Pong { .. } => Some(message),
        }
    }
}

/// Returns the request in an operation's payload, as over HTTP; `None` if the payload is not a request.
pub(super) fn asked(payload: Map<String, Value>) -> Option<Asked> {
    Asked::of_payload(payload).ok()
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    /// It knows who the client is.
    ConnectionAck,
    /// It is there; with what the ping said.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    /// An answer to an operation.
    Next { id: &'a str, payload: &'a RawValue },
    /// Why an operation is not executed, or no longer.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// There are no more answers to an operation.
    Complete { id: &'a str },
}

impl Outgoing<'_> {
    /// As it is sent.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_not_read() {
        for good in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null}"#,
            r#" {"type":"ping","payload":{"a":1},"more":true}"#,
            r#"{"type":"pong"}"#,
            r#"{"id":"1","type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"id":"1","type":"complete"}"#,
        ] {
            assert!(Incoming::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            "{\"type\":\"ping\"",
            r#"["connection_init"]"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"PING"}"#,
            r#"{"type":1}"#,
            r#"{"type":"ping","payload":"text"}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert!(Incoming::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_request_asks_nothing() {
        let read = |text: &str| asked(serde_json::from_str(text).unwrap_or_default());
        assert!(read(r#"{"query":"{ a }","operationName":null,"variables":null,"extensions":null}"#).is_some());
        assert!(read(r#"{"documentId":"a","variables":{"b":1}}"#).is_some_and(|asked| asked.document_id.as_deref() == Some("a")));
        for bad in ["{}", r#"{"query":1}"#, r#"{"query":"{ a }","variables":[]}"#, r#"{"query":"{ a }","extensions":"x"}"#] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
