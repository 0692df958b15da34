//! What is said on a socket: the messages of graphql-transport-ws.

use std::borrow::Cow;

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::http::graphql_request::GraphqlRequest;

/// What a client says.
#[derive(Debug)]
pub(super) enum Incoming<'m> {
    /// Who it is.
    ConnectionInit { payload: Option<Map<String, Value>> },
    /// Whether anybody is there.
    Ping { payload: Option<&'m RawValue> },
    /// It is there.
    Pong,
    /// An operation to be executed, in JSON.
    Subscribe { id: String, payload: &'m RawValue },
    /// It wants no more of an operation.
    Complete { id: String },
}

/// A message's parts as they stand in its JSON; others are left alone.
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
    /// A message; none when it is no message of the protocol. The payload of an operation is left
    /// as it stands.
    pub(super) fn read(text: &'m str) -> Option<Self> {
        // A list in the place of an object is read by position, which the protocol doesn't know.
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
pub(super) fn asked(payload: &RawValue) -> Option<GraphqlRequest> {
    GraphqlRequest::of_payload(payload.get()).ok()
}

/// Returns the message with an answer to an operation. The answer is JSON, which is not read again.
pub(super) fn next(id: &str, answer: &str) -> String {
    let id = Value::from(id).to_string();
    ["{\"type\":\"next\",\"id\":", &id, ",\"payload\":", answer, "}"].concat()
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
        payload: Option<&'a RawValue>,
    },
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
    fn what_is_no_request_asks_nothing() {
        let read = |text: &str| asked(serde_json::from_str(text).ok()?);
        assert!(
            read(r#"{"query":"{ a }","operationName":null,"variables":null,"extensions":null}"#)
                .is_some()
        );
        assert!(
            read(r#"{"documentId":"a","variables":{"b":1}}"#)
                .is_some_and(|asked| asked.document_id.as_deref() == Some("a"))
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
