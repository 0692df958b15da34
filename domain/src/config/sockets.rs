//! Settings about the API's sockets, on which clients follow changes.

use std::time::Duration;

use super::{Given, number};

/// How much the API's sockets may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// How long a client may take to say who it is.
    pub init_time: Duration,
    /// How long it may take to take what is sent to it.
    pub send_time: Duration,
    /// Operations that run on one socket.
    pub operations: usize,
    /// Sockets that are open and whose client has said who it is.
    pub most: usize,
    /// Sockets that are open and whose client has not said who it is.
    pub pending: usize,
    /// Sockets of one subject.
    pub per_subject: usize,
    /// Subscriptions of one subject, on all its sockets.
    pub subscriptions: usize,
}

impl Given {
    /// What is set of the sockets.
    pub(super) fn sockets(&mut self) -> Sockets {
        let mut seconds =
            |name| Duration::from_secs(self.take(name, 10, |text| number(text, 1..=3_600)));
        Sockets {
            init_time: seconds("SAMREGISTER_SOCKET_INIT_SECONDS"),
            send_time: seconds("SAMREGISTER_SOCKET_SEND_SECONDS"),
            operations: self
                .take("SAMREGISTER_SOCKET_OPERATIONS", 20, |text| number(text, 1..=1_000)),
            most: self.take("SAMREGISTER_MAX_SOCKETS", 5_000, |text| number(text, 0..=1_000_000)),
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
