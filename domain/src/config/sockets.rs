//! Limits of the API's sockets, on which clients subscribe to changes.

use std::time::Duration;

use super::environment::{Environment, number};

/// Limits of the API's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Time limit for a client to authenticate.
    pub init_time: Duration,
    /// Time limit for a client to receive a message.
    pub send_time: Duration,
    /// Operations that run on one socket.
    pub operations: usize,
    /// Open sockets whose client has authenticated.
    pub authenticated: usize,
    /// Open sockets whose client has not authenticated.
    pub pending: usize,
    /// Sockets of one subject.
    pub per_subject: usize,
    /// Subscriptions of one subject, on all its sockets.
    pub subscriptions: usize,
}

impl Environment {
    /// Reads the limits of sockets.
    pub(super) fn sockets(&mut self) -> Sockets {
        let mut seconds =
            |name| Duration::from_secs(self.take(name, 10, |text| number(text, 1..=3_600)));
        Sockets {
            init_time: seconds("SAMREGISTER_SOCKET_INIT_SECONDS"),
            send_time: seconds("SAMREGISTER_SOCKET_SEND_SECONDS"),
            operations: self
                .take("SAMREGISTER_SOCKET_OPERATIONS", 20, |text| number(text, 1..=1_000)),
            authenticated: self
                .take("SAMREGISTER_MAX_SOCKETS", 5_000, |text| number(text, 0..=1_000_000)),
            pending: self
                .take("SAMREGISTER_MAX_PENDING_SOCKETS", 500, |text| number(text, 1..=1_000_000)),
            per_subject: self
                .take("SAMREGISTER_SOCKETS_PER_SUBJECT", 100, |text| number(text, 1..=1_000_000)),
            subscriptions: self.take("SAMREGISTER_SUBSCRIPTIONS_PER_SUBJECT", 200, |text| {
                number(text, 1..=1_000_000)
            }),
        }
    }
}
