//! Whether the program lives, and whether it can answer.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use axum::{extract::State, http::StatusCode};
use tokio::sync::Mutex;

use super::App;
use domain::{audit, database::Database, error::Error};

/// The longest that a readiness check waits for the database.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The program lives.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Why the database is not ready, in words for the operator; `None` if it is.
type Unready = Option<Cow<'static, str>>;

/// Readiness checks of the database, one at a time however many ask.
#[derive(Debug, Default)]
pub struct Readiness {
    /// Start and outcome of the last check.
    last: Mutex<Option<(Instant, Unready)>>,
}

impl Readiness {
    /// Checks the database. Requests that wait while a check runs share the next one, so that a
    /// flood of them costs no more than a few.
    pub(super) async fn check(&self, db: &Database) -> Unready {
        self.shared(check(db)).await
    }

    async fn shared(&self, check: impl Future<Output = Unready>) -> Unready {
        let asked_at = Instant::now();
        let mut last = self.last.lock().await;
        match &*last {
            // What a check found that began earlier may have changed since.
            Some((began, outcome)) if *began >= asked_at => outcome.clone(),
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
        // A newer program migrated the register: what to do is for the operator who looks here.
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

/// The database is reachable and migrated, changes can be written to it, and tokens can be
/// verified.
pub async fn ready(State(app): State<App>) -> (StatusCode, Cow<'static, str>) {
    let why = if app.keys.are_known() {
        app.readiness.check(&app.db).await
    } else {
        Some("the issuer of tokens has not told its keys".into())
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
    async fn many_who_ask_share_a_check() {
        let (readiness, checks) = (Readiness::default(), AtomicUsize::new(0));
        let ask = || {
            readiness.shared(async {
                let number = checks.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                (number > 0).then_some("lost".into())
            })
        };
        let outcomes = join_all((0..500).map(|_| ask())).await;
        // The first had begun when the others came, so it says nothing to them.
        assert_eq!(
            (outcomes.iter().filter(|outcome| outcome.is_none()).count(), checks.load(SeqCst)),
            (1, 2)
        );
        ask().await;
        assert_eq!(checks.load(SeqCst), 3, "an outcome is not kept for those who come later");
    }
}
