//! Liveness and readiness probes.

use std::{
    borrow::Cow,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use axum::{extract::State, http::StatusCode};
use tokio::sync::Mutex;

use super::App;
use domain::{audit, database::Database, error::Error};

/// Maximum time that a readiness check waits for the database.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Liveness probe.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Reason why the database is not ready, for the operator; `None` if it is ready.
type Unready = Option<Cow<'static, str>>;

/// Readiness checks of the database, one at a time for all concurrent requests.
#[derive(Debug, Default)]
pub struct Readiness {
    /// Start and outcome of the last check.
    last: Mutex<Option<(Instant, Unready)>>,
}

impl Readiness {
    /// Checks the database. Requests that arrive during a check share the next one, so that a flood
    /// of them causes few checks.
    pub(super) async fn check(&self, db: &Database) -> Unready {
        self.shared(check(db)).await
    }

    async fn shared(&self, check: impl Future<Output = Unready>) -> Unready {
        let requested_at = Instant::now();
        let mut last = self.last.lock().await;
        match &*last {
            // The state may have changed since a check that began earlier.
            Some((began, outcome)) if *began >= requested_at => outcome.clone(),
            _ => {
                let began = Instant::now();
                let outcome = check.await;
                *last = Some((began, outcome.clone()));
                outcome
            }
        }
    }
}

/// Checks that the database is reachable and migrated, and that changes can be written to it.
async fn check(db: &Database) -> Unready {
    match tokio::time::timeout(PROBE_TIMEOUT, db.check()).await {
        Ok(Ok(())) => {}
        // A newer program migrated the database: the message says what the operator must do.
        Ok(Err(Error::Conflict { message, .. })) => {
            tracing::warn!(message, "not ready");
            return Some(message.into());
        }
        failed => {
            tracing::warn!(?failed, "not ready");
            return Some("the database can't be reached or is not migrated".into());
        }
    }
    match tokio::time::timeout(PROBE_TIMEOUT, db.check_writes()).await {
        Ok(Ok(())) => {}
        failed => {
            tracing::warn!(?failed, "not ready");
            return Some("changes can't be written to the database; the log says why".into());
        }
    }
    // Another program may have replaced the key since this one started.
    match tokio::time::timeout(PROBE_TIMEOUT, audit::replacement(&db.for_monitoring())).await {
        Ok(Ok(None)) => None,
        Ok(Ok(Some(replacement))) => {
            tracing::warn!(
                replacement,
                "not ready: the key that signs the audit trail was replaced; restart this server with the new one"
            );
            Some("the key that signs the audit trail was replaced; restart this server".into())
        }
        failed => {
            tracing::warn!(?failed, "not ready");
            Some("the audit trail can't be read; the log says why".into())
        }
    }
}

/// Readiness probe: the database is reachable and migrated, changes can be written to it, tokens
/// can be verified, and the server does not stop.
pub async fn ready(State(app): State<App>) -> (StatusCode, Cow<'static, str>) {
    let why = if app.draining.load(SeqCst) {
        Some("the server stops".into())
    } else if app.keys.get().are_known() {
        app.readiness.check(&app.db).await
    } else {
        Some("the keys of the token issuer are not known yet; the log says why".into())
    };
    match why {
        None => (StatusCode::OK, "ready\n".into()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn concurrent_requests_share_a_check() {
        let (readiness, checks) = (Readiness::default(), AtomicUsize::new(0));
        let ask = || {
            readiness.shared(async {
                let number = checks.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                (number > 0).then_some("lost".into())
            })
        };
        let outcomes = join_all((0..500).map(|_| ask())).await;
        // The first check had begun before the other requests, so that they need another one.
        assert_eq!(
            (outcomes.iter().filter(|outcome| outcome.is_none()).count(), checks.load(SeqCst)),
            (1, 2)
        );
        ask().await;
        assert_eq!(checks.load(SeqCst), 3, "an outcome is not kept for those who come later");
    }
}
