//! The header Idempotency-Key: the mutations of a request with it are done once, however often it
//! comes within a day.
//!
//! No answer is stored. Each mutation leaves its outcome in its own transaction
//! ([`idempotency`](domain::idempotency)), and a retry runs its selections on the objects that the
//! outcome names. So a retry waits for nothing but the first request itself, while that runs here.

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
    persisted_documents::hex,
};
use crate::graphql::errors;
use domain::{
    auth::viewer::Viewer,
    database::BUSY,
    error::{Error, Result},
    idempotency::Mutations,
};

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// Returns the key that the sender gave to the request; `None` when it gave none. Fails with
/// INVALID for a bad one.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_plain = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(is_plain).filter(|_| given.next().is_none());
    let wrong = || {
        Error::invalid(
            IDEMPOTENCY_KEY.as_str(),
            format!("must be given once, with 1 to {LONGEST} visible ASCII characters"),
        )
    };
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}

/// Executes the mutations of a request with a key, but for those that an earlier request with the
/// same key has committed.
pub(super) async fn once(
    app: &App,
    caller: &Caller,
    viewer: &Viewer,
    mut execution: Execution,
    key: String,
    body: &[u8],
) -> Result<Response, Refused> {
    // A sender who may see more or less than the first time may not have what the first request
    // made.
    let digest =
        Sha256::new().chain_update(Sha256::digest(body)).chain_update(viewer.rights()).finalize();
    let name = (viewer.subject.clone(), key.clone());
    let Ok(lock) = timeout_at(execution.allowance.deadline, app.running_keys.lock(name)).await
    else {
        let words = "the first request with this idempotency key is still running; send it again in a while";
        return Err(Refused(StatusCode::OK, Error::conflict(BUSY, words)));
    };
    let mutations = Arc::new(Mutations::with_key(viewer.subject.clone(), key, hex(&digest)));
    execution.allowance.within(app, mutations.load(&app.db)).await.map_err(
        |error| match error {
            Error::Invalid(_) => Refused(StatusCode::UNPROCESSABLE_ENTITY, error),
            error => Refused(StatusCode::OK, error),
        },
    )?;
    execution.mutations = Arc::clone(&mutations);
    // With the document it is held until the mutations have ended, also when neither the client nor
    // the time limit waits for that.
    execution.ready.document = execution.ready.document.data(lock);
    let (own, id) = (app.clone(), caller.request_id.clone());
    let done = async move { execute(&own, execution, &id).await };
    let written = tokio::spawn(done.instrument(tracing::Span::current())).await;
    let written = written.unwrap_or_else(|failed| {
        Written::refused(errors::refused(Error::internal(failed), &caller.request_id))
    });
    let mut response = caller.respond_written(written);
    if mutations.is_replayed() {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("rebuilt"));
    }
    Ok(response)
}

/// A subject, and the key that it gave to a request.
type Name = (String, String);

/// The requests with a key that run in this program.
#[derive(Debug, Default)]
pub struct RunningKeys(Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>);

/// The right to run a request with a key; others with the same key wait until it is dropped.
#[derive(Debug)]
struct KeyLock {
    running: Arc<RunningKeys>,
    name: Name,
    guard: Option<OwnedMutexGuard<()>>,
}

impl RunningKeys {
    /// Waits until no other request with the key runs here.
    async fn lock(self: &Arc<Self>, name: Name) -> KeyLock {
        let lock = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default(),
        );
        // Made before the wait, so that a caller who stops waiting leaves nothing behind.
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
