//! Answers to queries, stored for equal requests until the next commit.
//!
//! A key names all that an answer depends on, the last entry of the audit trail among it. Every
//! request asks the database for that after it has arrived, so that no stored answer is older than
//! a commit whose answer the client has seen. Equal requests that come while the first is executed
//! wait for its answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::future::BoxFuture;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tokio::{sync::watch, time::Instant};

use super::{
    App,
    content_negotiation::Media,
    execution::Caller,
    graphql_response::Written,
    lru::{Digest, Lru},
    prepared_documents::{Prepared, digest_of},
};
use async_graphql::parser::types::OperationType;
use domain::{
    audit::reads::ReadMark,
    auth::viewer::Viewer,
    database::{Database, LastEntry},
};

/// Memory that an entry needs in addition to its answer.
const ENTRY_BYTES: usize = 256;

/// Time for which a request waits for the answers to equal ones before it is executed itself. The
/// first may wait for what only its own subject has to wait for, as a rendering.
const FOLLOW_TIME: Duration = Duration::from_secs(2);

/// All that an answer depends on, as a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AnswerKey {
    digest: Digest,
    /// Revision of the last entry.
    revision: i64,
    /// Position of the last entry among those that were read: see [`LastEntry::sequence`].
    sequence: u64,
}

impl AnswerKey {
    /// Returns the key of the answer to a query; `None` if the answer may not be given to an equal
    /// request: it selects a field that is `@unversioned`, reports the cost, or has no digest.
    pub(super) fn of(
        app: &App,
        caller: &Caller,
        viewer: &Viewer,
        prepared: &Prepared,
        last: &LastEntry,
    ) -> Option<Self> {
        let is_stable = prepared.operation == OperationType::Query
            && !prepared.figures.is_unversioned
            && !prepared.reports_cost;
        prepared.digest.filter(|_| is_stable).map(|of_request| {
            let media = caller.media.unwrap_or(Media::Json);
            let digest = digest_of(&[
                &of_request,
                app.edition.as_bytes(),
                &last.revision.to_le_bytes(),
                // After a restored backup, another entry has the revision.
                last.hash.as_bytes(),
                // Statuses depend on the day without any write.
                app.clock.today().to_string().as_bytes(),
                viewer.visibility_class().as_bytes(),
                media.content_type().as_bytes(),
                caller.language.tag().as_bytes(),
                caller.base_url(app).as_bytes(),
            ]);
            Self { digest, revision: last.revision, sequence: last.sequence }
        })
    }

    /// Returns the validator of the answer (`ETag`). It is weak (`W/`), since the same answer may
    /// be compressed or not.
    ///
    /// It is calculated before the answer: a write in between makes the answer newer than its
    /// validator, which costs one more request and never returns a stale answer.
    pub(super) fn validator(&self) -> String {
        format!("W/\"{}\"", hex::encode(self.digest))
    }

    /// Returns the key of a query in progress: one that began when another entry was the last may
    /// have an older answer.
    fn of_running(&self) -> (Digest, u64) {
        (self.digest, self.sequence)
    }
}

/// Metrics of the stored answers.
#[derive(Clone, Debug, Default)]
pub(super) struct AnswerMetrics {
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
}

impl AnswerMetrics {
    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "answer_cache_hits",
            "Queries that were answered with a stored answer, or with that of an equal query in progress",
            self.hits.clone(),
        );
        registry.register(
            "answer_cache_misses",
            "Queries that were executed although their answers may be stored",
            self.misses.clone(),
        );
        registry.register("answer_cache_bytes", "Size of the stored answers", self.bytes.clone());
    }
}

/// Answers of the last revision, and queries in progress.
#[derive(Debug)]
pub struct AnswerCache {
    /// Maximum size of the answers; 0: none is stored.
    most: usize,
    state: Mutex<State>,
    metrics: AnswerMetrics,
}

#[derive(Debug)]
struct State {
    /// Last known revision, and the position of its entry among those that were read. Answers of
    /// earlier ones can't be found any more.
    revision: i64,
    sequence: u64,
    answers: Lru<Bytes>,
    /// By digest and position of the last entry: a register that was set back and is continued by
    /// the same entries has a digest again whose query may have read the state in between.
    running: HashMap<(Digest, u64), watch::Receiver<Progress>>,
}

/// State of a query in progress.
#[derive(Clone, Debug)]
enum Progress {
    Running,
    /// It has this answer; `None` if the answer may not be given to others.
    Done(Option<Bytes>),
}

/// Part that a request takes in a query.
enum Part {
    /// The answer is stored.
    Answered(Bytes),
    /// An equal query is in progress.
    Follow(watch::Receiver<Progress>),
    /// It is the first.
    Lead(Lead),
}

/// The first of equal queries. Others wait until this is dropped.
struct Lead {
    cache: Arc<AnswerCache>,
    key: AnswerKey,
    progress: watch::Sender<Progress>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.cache.lock().running.remove(&self.key.of_running());
    }
}

impl AnswerCache {
    /// Creates a cache for answers of this total size.
    pub(super) fn new(most: usize, metrics: AnswerMetrics) -> Self {
        let state =
            State { revision: 0, sequence: 0, answers: Lru::new(most), running: HashMap::new() };
        Self { most, state: Mutex::new(state), metrics }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a stored answer, and counts the hit.
    pub(super) fn get(&self, key: &AnswerKey) -> Option<Bytes> {
        if self.most == 0 {
            return None;
        }
        self.advance_to(key.revision, key.sequence);
        let found = self.lock().answers.get(&key.digest)?;
        self.metrics.hits.inc();
        Some(found)
    }

    /// Removes the answers of before this entry, which no request can find any more.
    pub(super) fn advance(&self, last: &LastEntry) {
        self.advance_to(last.revision, last.sequence);
    }

    fn advance_to(&self, revision: i64, sequence: u64) {
        let mut state = self.lock();
        if sequence > state.sequence {
            (state.revision, state.sequence) = (revision, sequence);
            self.clear(state);
        }
    }

    /// Removes the answers of before a commit whose entry no request has read yet.
    fn advance_by_commit(&self, revision: i64) {
        let mut state = self.lock();
        if revision > state.revision {
            state.revision = revision;
            self.clear(state);
        }
    }

    fn clear(&self, mut state: MutexGuard<'_, State>) {
        if state.answers.size() > 0 {
            let removed = std::mem::replace(&mut state.answers, Lru::new(self.most));
            self.metrics.bytes.set(0);
            // They are many, and others wait for the lock.
            drop(state);
            drop(removed);
        }
    }

    /// Removes answers as soon as a commit is known, for as long as this is polled.
    pub(super) async fn advance_continuously(&self, db: &Database) {
        let mut changed = db.changed();
        loop {
            let revision = changed.borrow_and_update().revision;
            self.advance_by_commit(revision);
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn begin(self: &Arc<Self>, key: AnswerKey) -> Part {
        let mut state = self.lock();
        if let Some(found) = state.answers.get(&key.digest) {
            return Part::Answered(found);
        }
        if let Some(running) = state.running.get(&key.of_running()) {
            return Part::Follow(running.clone());
        }
        let (progress, receiver) = watch::channel(Progress::Running);
        state.running.insert(key.of_running(), receiver);
        Part::Lead(Lead { cache: Arc::clone(self), key, progress })
    }

    fn store(&self, key: AnswerKey, answer: &Bytes) {
        let mut state = self.lock();
        if (key.revision, key.sequence) == (state.revision, state.sequence) {
            state.answers.insert(key.digest, answer.clone(), answer.len() + ENTRY_BYTES);
            self.metrics.bytes.set(i64::try_from(state.answers.size()).unwrap_or(i64::MAX));
        }
    }
}

impl Lead {
    /// Stores an answer without errors, and passes it to the requests that wait for it. An answer
    /// during whose execution the read of a contact was logged is given to its reader alone.
    fn finish(self, written: &Written, has_logged: bool) {
        let is_whole = written.answer.is_ok() && written.answer.extensions.is_empty();
        // Copied, since the buffer of an answer has up to twice the memory of its bytes, and only
        // these count towards the maximum.
        let shared = (is_whole && !has_logged).then(|| Bytes::copy_from_slice(&written.json));
        if let Some(answer) = &shared {
            self.cache.store(self.key, answer);
        }
        self.progress.send_replace(Progress::Done(shared));
    }
}

/// Executes a query with a key, or waits for an equal one that is in progress. Without a key, or if
/// nothing is stored, executes it. The execution sets `read_mark` if a read of a contact is logged.
pub(super) async fn join(
    cache: Arc<AnswerCache>,
    key: Option<AnswerKey>,
    read_mark: ReadMark,
    execution: BoxFuture<'static, Written>,
) -> Written {
    match key.filter(|_| cache.most > 0) {
        Some(key) => {
            let deadline = Instant::now() + FOLLOW_TIME;
            join_until(deadline, &cache, key, &read_mark, execution).await
        }
        None => execution.await,
    }
}

/// Waits for equal queries until the deadline, however many of them are cancelled.
async fn join_until(
    deadline: Instant,
    cache: &Arc<AnswerCache>,
    key: AnswerKey,
    read_mark: &ReadMark,
    execution: BoxFuture<'static, Written>,
) -> Written {
    loop {
        match cache.begin(key) {
            Part::Answered(answer) => {
                cache.metrics.hits.inc();
                return Written::stored(answer);
            }
            Part::Lead(lead) => {
                cache.metrics.misses.inc();
                let written = execution.await;
                lead.finish(&written, read_mark.is_set());
                return written;
            }
            Part::Follow(_) if Instant::now() >= deadline => {
                cache.metrics.misses.inc();
                return execution.await;
            }
            Part::Follow(mut progress) => {
                let done = async {
                    let is_done = |progress: &Progress| matches!(progress, Progress::Done(_));
                    progress.wait_for(is_done).await.map(|done| done.clone())
                };
                match tokio::time::timeout_at(deadline, done).await {
                    Ok(Ok(Progress::Done(Some(answer)))) => {
                        cache.metrics.hits.inc();
                        return Written::stored(answer);
                    }
                    // The first was cancelled, as when its client disconnected.
                    Ok(Err(_)) => {}
                    Ok(Ok(_)) | Err(_) => {
                        cache.metrics.misses.inc();
                        return execution.await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use async_graphql::{Response as Answer, Value};
    use futures_util::FutureExt;

    use super::*;

    fn cache(most: usize) -> Arc<AnswerCache> {
        Arc::new(AnswerCache::new(most, AnswerMetrics::default()))
    }

    fn key(number: u8, revision: i64) -> AnswerKey {
        AnswerKey { digest: [number; 32], revision, sequence: revision.unsigned_abs() }
    }

    fn written(json: &str) -> Written {
        Written { answer: Answer::new(Value::Null), json: Bytes::copy_from_slice(json.as_bytes()) }
    }

    /// Answers a query whose execution yields this.
    async fn answer(cache: &Arc<AnswerCache>, key: AnswerKey, written: Written) -> Bytes {
        join(cache.clone(), Some(key), ReadMark::default(), ready(written).boxed()).await.json
    }

    #[tokio::test]
    async fn answers_are_stored_until_a_later_revision() {
        let cache = cache(1 << 20);
        let make = |number, revision, json| answer(&cache, key(number, revision), written(json));
        cache.advance_to(5, 5);
        assert_eq!(make(1, 5, "a").await, "a");
        assert_eq!(make(1, 5, "b").await, "a");
        assert_eq!(cache.get(&key(1, 5)).as_deref(), Some(&b"a"[..]));
        assert!(cache.get(&key(2, 6)).is_none());
        assert!(cache.get(&key(1, 5)).is_none(), "another revision is the last");
        // What was asked before the commit is given to those who waited, and not stored.
        assert_eq!(make(1, 5, "c").await, "c");
        assert_eq!(make(1, 5, "d").await, "d");
        assert_eq!(cache.metrics.bytes.get(), 0);
        assert!(cache.lock().running.is_empty());
    }

    #[tokio::test]
    async fn answers_are_stored_again_after_a_restored_backup() {
        let cache = cache(1 << 20);
        let restored = |number| AnswerKey { revision: 3, sequence: 6, ..key(number, 3) };
        assert_eq!(cache.get(&key(1, 5)), None);
        assert_eq!(answer(&cache, key(1, 5), written("a")).await, "a");
        assert_eq!(cache.get(&restored(2)), None);
        assert_eq!(cache.metrics.bytes.get(), 0, "the answers of before are removed");
        assert_eq!(answer(&cache, restored(2), written("b")).await, "b");
        assert_eq!(cache.get(&restored(2)).as_deref(), Some(&b"b"[..]));
        assert_eq!(answer(&cache, key(1, 5), written("c")).await, "c", "it was asked before");
        assert!(cache.get(&restored(2)).is_some());
    }

    #[tokio::test]
    async fn no_request_waits_for_a_query_that_began_before_the_register_was_set_back() {
        let cache = cache(1 << 20);
        let continued = AnswerKey { sequence: 7, ..key(1, 5) };
        let Part::Lead(first) = cache.begin(key(1, 5)) else { panic!("it is not the first") };
        assert!(matches!(cache.begin(key(1, 5)), Part::Follow(_)));
        // The trail has lost the entry and got it again: the first may have read what was between.
        assert_eq!(cache.get(&continued), None);
        let Part::Lead(later) = cache.begin(continued) else { panic!("it waits for the first") };
        first.finish(&written("old"), false);
        assert!(matches!(cache.begin(continued), Part::Follow(_)), "the later one continues");
        later.finish(&written("new"), false);
        assert_eq!(cache.get(&continued).as_deref(), Some(&b"new"[..]));
        assert!(cache.lock().running.is_empty());
    }

    #[tokio::test]
    async fn errors_and_logged_reads_are_given_to_one_request() {
        let cache = cache(1 << 20);
        let mut wrong = written("a");
        wrong.answer.errors.push(async_graphql::ServerError::new("wrong", None));
        assert_eq!(answer(&cache, key(1, 0), wrong).await, "a");
        assert!(cache.get(&key(1, 0)).is_none());
        let Part::Lead(lead) = cache.begin(key(1, 0)) else { panic!("it is not the first") };
        lead.finish(&written("b"), true);
        assert!(cache.get(&key(1, 0)).is_none());
        assert_eq!(answer(&cache, key(1, 0), written("c")).await, "c");
        assert!(cache.get(&key(1, 0)).is_some());
    }

    #[tokio::test]
    async fn a_request_that_waits_goes_ahead_when_the_first_is_cancelled() {
        let cache = cache(1 << 20);
        let endless = join(cache.clone(), Some(key(1, 0)), ReadMark::default(), pending().boxed());
        let first = tokio::spawn(endless);
        while cache.lock().running.is_empty() {
            tokio::task::yield_now().await;
        }
        let own = cache.clone();
        let second = tokio::spawn(async move { answer(&own, key(1, 0), written("b")).await });
        tokio::task::yield_now().await;
        first.abort();
        assert!(second.await.is_ok_and(|json| json == "b"));
        assert!(cache.lock().running.is_empty());
    }

    #[tokio::test]
    async fn a_request_waits_for_all_equal_ones_together_until_its_deadline() {
        let cache = cache(1 << 20);
        let Part::Lead(_first) = cache.begin(key(1, 0)) else { panic!("it is not the first") };
        let own = ready(written("b")).boxed();
        let (past, mark) = (Instant::now(), ReadMark::default());
        let joined = join_until(past, &cache, key(1, 0), &mark, own).now_or_never();
        assert_eq!(joined.map(|written| written.json).as_deref(), Some(&b"b"[..]));
    }
}
