//! Time limits of a server's sessions on PostgreSQL.

use std::time::Duration;

use super::environment::{Environment, number};

/// Time limits of a server's sessions on PostgreSQL, which PostgreSQL enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Time limit of a statement.
    pub statement_time: Duration,
    /// Time that a query may wait for a lock.
    pub lock_time: Duration,
    /// Time limit of a change between two statements. After it, other servers can write.
    pub change_idle_time: Duration,
}

/// Time by which a statement may take longer than its request, whose own limit is thus the one that
/// callers meet.
const STATEMENT_MARGIN: Duration = Duration::from_secs(10);

impl Environment {
    /// Reads the time limits of sessions; a statement's follows from that of requests.
    pub(super) fn sessions(&mut self, request_time: Duration) -> Sessions {
        let statement_time =
            self.optional("SAMREGISTER_STATEMENT_SECONDS", |text| number(text, 1..=86_400));
        let mut seconds = |name, default| {
            Duration::from_secs(self.take(name, default, |text| number(text, 1..=3_600)))
        };
        Sessions {
            statement_time: statement_time
                .map_or(request_time + STATEMENT_MARGIN, Duration::from_secs),
            lock_time: seconds("SAMREGISTER_LOCK_SECONDS", 10),
            change_idle_time: seconds("SAMREGISTER_IDLE_CHANGE_SECONDS", 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, good};

    #[test]
    fn a_statement_may_take_a_little_longer_than_its_request() {
        let seconds = |env: &[(&str, &str)]| {
            let sessions = good(env, "").sessions;
            [sessions.statement_time, sessions.lock_time, sessions.change_idle_time]
                .map(|time| time.as_secs())
        };
        assert_eq!(seconds(&[]), [30, 10, 8]);
        assert_eq!(seconds(&[("SAMREGISTER_REQUEST_SECONDS", "60")]), [70, 10, 8]);
        let own = [
            ("SAMREGISTER_STATEMENT_SECONDS", "5"),
            ("SAMREGISTER_LOCK_SECONDS", "2"),
            ("SAMREGISTER_IDLE_CHANGE_SECONDS", "3"),
        ];
        assert_eq!(seconds(&own), [5, 2, 3]);
        for (name, _) in own {
            assert!(bad(&[(name, "0")], "").starts_with(name), "{name}");
        }
    }
}
