//! The header Idempotency-Key: the mutations of a request with it are executed a single time,
//! however often it is sent within a day.
//!
//! No answer is stored. Each mutation stores its outcome in its own transaction
//! ([`idempotency`](domain::idempotency)), and a retry resolves its selections on the objects of
//! the outcome. A retry waits only for the first request itself, while that runs here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use sha2::{Digest, Sha256};
use tokio::{sync::OwnedMutexGuard, time::timeout_at};
use tracing::Instrument;

use super::{
    App,
    api::Refused,
    execution::{Caller, Execution, execute},
    graphql_response::Written,
    headers::{IDEMPOTENCY_KEY, REPLAYED},
    read_server::note_seen,
    revision::with_revision,
};
use crate::graphql::errors;
use domain::{
    auth::viewer::Viewer,
    database::Usage,
    error::{ConflictReason, Error, Result},
    idempotency::Mutations,
};

/// Maximum length of a key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// Returns the idempotency key of the request; `None` if it has none. Fails with INVALID for an
/// invalid one.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_plain = |key: &&str| {
        (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(is_plain).filter(|_| given.next().is_none());
    let wrong = || {
        Error::invalid(
            IDEMPOTENCY_KEY.as_str(),
            format!(
                "must occur exactly one time, with 1 to {MAX_KEY_BYTES} visible ASCII characters"
            ),
        )
    };
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}

/// Executes the mutations of a request with a key, except those that an earlier request with the
/// same key has committed.
pub(super) async fn execute_with_key(
    app: &App,
    caller: &Caller,
    viewer: &Viewer,
    mut execution: Execution,
    key: String,
    body: &[u8],
) -> Result<Response, Refused> {
    // A caller whose permissions have changed may not see what the first request returned.
    let digest =
        Sha256::new().chain_update(Sha256::digest(body)).chain_update(viewer.rights()).finalize();
    let name = (viewer.subject.clone(), key.clone());
    let Ok(lock) = timeout_at(execution.allowance.deadline, app.running_keys.lock(name)).await
    else {
        let words = "the first request with this idempotency key is still in progress; retry in a few seconds";
        return Err(Refused(StatusCode::OK, Error::conflict(ConflictReason::Busy, words)));
    };
    let mutations = Arc::new(Mutations::with_key(viewer.subject.clone(), key, hex::encode(digest)));
    execution.allowance.within(app, mutations.load(app.db.read(), app.clock.now())).await.map_err(
        |error| match error {
            Error::Invalid(_) => Refused(StatusCode::UNPROCESSABLE_ENTITY, error),
            error => Refused(StatusCode::OK, error),
        },
    )?;
    execution.mutations = Arc::clone(&mutations);
    // Attached to the document, it is held until the mutations have ended, even if neither the
    // client nor the time limit waits for that.
    execution.ready.document = execution.ready.document.data(lock);
    let (own, id) = (app.clone(), caller.request_id.clone());
    let done = async move { execute(&own, execution, &id).await };
    let done = Usage::inherited(done.instrument(tracing::Span::current()));
    let written = tokio::spawn(done).await;
    let written = written.unwrap_or_else(|failed| {
        let refused = errors::refused(Error::internal(failed), &caller.request_id);
        Written::refused(refused, caller.language)
    });
    let mut response = caller.respond_written(written);
    let mut revision = app.db.known_revision();
    if mutations.is_replayed() {
        app.metrics.replays.inc();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("rebuilt"));
        // Another server may have committed them, and its notification may not have arrived.
        if let Ok(last) = app.db.last_entry().await {
            revision = last.revision;
            note_seen(app, &viewer.subject, revision);
        }
    }
    Ok(with_revision(response, revision))
}

/// A subject and its idempotency key.
type Name = (String, String);

/// Keys of the requests in progress in this program.
#[derive(Debug, Default)]
pub struct RunningKeys(Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>);

/// Lock on a key; other requests with the same key wait until it is dropped.
#[derive(Debug)]
struct KeyLock {
    running: Arc<RunningKeys>,
    name: Name,
    guard: Option<OwnedMutexGuard<()>>,
}

impl RunningKeys {
    /// Waits until no other request with the key is in progress here.
    async fn lock(self: &Arc<Self>, name: Name) -> KeyLock {
        let lock = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default(),
        );
        // Created before the wait, so that a cancelled wait leaves nothing behind.
        let mut own = KeyLock { running: Arc::clone(self), name, guard: None };
        own.guard = Some(lock.lock_owned().await);
        own
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        self.guard = None;
        let mut running = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&self.name).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            running.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_key_is_locked_as_long_as_its_request_runs_and_leaves_nothing_behind() {
        let running = Arc::new(RunningKeys::default());
        let name = |key: &str| ("a".to_owned(), key.to_owned());
        let is_free = async |key: &str| {
            timeout(std::time::Duration::from_millis(20), running.lock(name(key))).await.is_ok()
        };
        let first = running.lock(name("1")).await;
        assert!(!is_free("1").await);
        assert!(is_free("2").await);
        let second = tokio::spawn({
            let (running, name) = (Arc::clone(&running), name("1"));
            async move { running.lock(name).await }
        });
        drop(first);
        let second = second.await;
        assert!(second.is_ok() && !is_free("1").await);
        drop(second);
        assert!(running.0.lock().is_ok_and(|running| running.is_empty()));
    }
}
