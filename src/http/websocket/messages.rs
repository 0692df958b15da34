//! Messages of the protocol graphql-transport-ws.

use std::borrow::Cow;

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::http::graphql_request::GraphqlRequest;

/// A message of the client.
#[derive(Debug)]
pub(super) enum Incoming<'m> {
    /// Authenticates the client.
    ConnectionInit { payload: Option<Map<String, Value>> },
    /// Heartbeat request.
    Ping { payload: Option<&'m RawValue> },
    /// Heartbeat response.
    Pong,
    /// Starts an operation, in JSON.
    Subscribe { id: String, payload: &'m RawValue },
    /// Stops an operation.
    Complete { id: String },
}

/// Parts of a message as raw JSON; unknown parts are ignored.
#[derive(Deserialize)]
struct Parts<'m> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'m, str>,
    #[serde(borrow)]
    id: Option<&'m RawValue>,
    #[serde(borrow)]
    payload: Option<&'m RawValue>,
}

impl<'m> Incoming<'m> {
    /// Parses a message; `None` if it is not a message of the protocol. The payload of an operation
    /// is not parsed.
    pub(super) fn read(text: &'m str) -> Option<Self> {
        // Serde reads a list in place of an object by position, which the protocol does not allow.
        let Parts { kind, id, payload } =
            text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok())??;
        let id = || {
            id.and_then(|id| serde_json::from_str(id.get()).ok())
                .filter(|id: &String| !id.is_empty())
        };
        let is_object = |payload: &RawValue| payload.get().starts_with('{');
        let has_payload = payload.is_none_or(is_object);
        match &*kind {
            "connection_init" if has_payload => {
                let payload =
                    payload.map(|payload| serde_json::from_str(payload.get())).transpose().ok()?;
                Some(Self::ConnectionInit { payload })
            }
            "ping" if has_payload => Some(Self::Ping { payload }),
            "pong" if has_payload => Some(Self::Pong),
            "subscribe" => Some(Self::Subscribe {
                id: id()?,
                payload: payload.filter(|payload| is_object(payload))?,
            }),
            "complete" => Some(Self::Complete { id: id()? }),
            _ => None,
        }
    }
}

/// Returns the request in an operation's payload, as over HTTP; `None` if the payload is not a
/// request.
pub(super) fn parse_request(payload: &RawValue) -> Option<GraphqlRequest> {
    GraphqlRequest::of_payload(payload.get()).ok()
}

/// Returns the message with an answer to an operation. The answer is serialized JSON.
pub(super) fn next(id: &str, answer: &str) -> String {
    let id = Value::from(id).to_string();
    ["{\"type\":\"next\",\"id\":", &id, ",\"payload\":", answer, "}"].concat()
}

/// A message of the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    /// Accepts the client.
    ConnectionAck,
    /// Heartbeat response, with the payload of the request.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a RawValue>,
    },
    /// Errors for which an operation is not executed, or ends.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// End of an operation.
    Complete { id: &'a str },
}

impl Outgoing<'_> {
    /// Serializes the message.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_message_is_refused() {
        for good in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null}"#,
            r#" {"type":"ping","payload":{"a":1},"more":true}"#,
            r#"{"type":"pong"}"#,
            r#"{"id":"1","type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"id":"1","type":"complete"}"#,
            r#"{"id":"1","type":"complete","payload":1}"#,
            r#"{"id":1,"type":"ping"}"#,
            r#"{"type":"\u0070ing"}"#,
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
            r#"{"type":"subscribe","id":"1","payload":null}"#,
            r#"{"type":"subscribe","id":"1","payload":[]}"#,
            r#"{"type":"ping","type":"pong"}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert!(Incoming::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_sent_as_it_is_written() {
        let sent = next("a\"b", r#"{"data":{"b":1,"a":2.50}}"#);
        assert_eq!(sent, r#"{"type":"next","id":"a\"b","payload":{"data":{"b":1,"a":2.50}}}"#);
    }

    #[test]
    fn an_invalid_payload_is_no_request() {
        let read = |text: &str| parse_request(serde_json::from_str(text).ok()?);
        assert!(
            read(r#"{"query":"{ a }","operationName":null,"variables":null,"extensions":null}"#)
                .is_some()
        );
        assert!(
            read(r#"{"documentId":"a","variables":{"b":1}}"#)
                .is_some_and(|request| request.document_id.as_deref() == Some("a"))
        );
        for bad in [
            "{}",
            r#"{"query":1}"#,
            r#"{"query":"{ a }","variables":[]}"#,
            r#"{"query":"{ a }","extensions":"x"}"#,
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
