//! The threads that execute documents, separate from those that accept connections, enforce time
//! limits and answer health checks.
//!
//! There are two lanes, each a runtime with its own threads: one for small documents and one for
//! expensive ones, so that a small one never queues behind expensive ones of any subject; the
//! operating system shares the cores among the threads. In each lane a subject executes a few
//! queries at a time, in order of arrival, so that one subject's queries don't wait for all of
//! another's.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    thread,
};

use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::{JoinError, JoinHandle},
};
use tracing::Instrument;

use domain::database::Usage;

/// Points of cost from which on a document is expensive: some tens of milliseconds.
pub(super) const EXPENSIVE: u64 = 2_000;
/// Small queries that a subject executes at a time: half of the threads of their lane, and half of
/// the read connections on SQLite; PostgreSQL has more.
const SMALL_SLOTS: usize = 4;
/// Stack size of an executing thread, in bytes: the deepest document within the limits needs a few
/// hundred kilobytes in a release build and several megabytes without optimization. Only used pages
/// take memory.
pub(crate) const STACK_BYTES: usize = 16 << 20;

/// Runtimes in which documents are executed.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// `None`: both lanes are the runtime of the caller, as in tests and commands.
    threads: Option<Arc<Threads>>,
    small: Arc<Slots>,
    expensive: Arc<Slots>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            threads: None,
            small: Arc::new(Slots::new(SMALL_SLOTS)),
            expensive: Arc::new(Slots::new(cores())),
        }
    }
}

/// Threads of both lanes, which end when this is dropped.
#[derive(Debug)]
struct Threads {
    small: Handle,
    expensive: Handle,
    _stop: [oneshot::Sender<()>; 2],
}

/// Execution slots of each subject.
#[derive(Debug)]
struct Slots {
    /// Number of slots of each subject.
    most: usize,
    by_subject: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Lanes {
    /// Starts both lanes, each with at least as many threads as the machine has cores.
    pub fn start() -> std::io::Result<Self> {
        let (small, stop_small) = start("small", cores().max(2 * SMALL_SLOTS))?;
        let (expensive, stop_expensive) = start("expensive", cores())?;
        let threads = Arc::new(Threads { small, expensive, _stop: [stop_small, stop_expensive] });
        Ok(Self { threads: Some(threads), ..Self::default() })
    }

    /// Executes read-only work of the subject with this cost. It is aborted when the returned value
    /// is dropped.
    pub(super) fn spawn<F>(&self, subject: &str, cost: u64, execution: F) -> Running<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let slots = if cost >= EXPENSIVE { &self.expensive } else { &self.small };
        Running(self.spawn_with_permit(cost, Some(slots.of(subject)), execution))
    }

    /// Executes work on a finished answer, in the lane of expensive documents and without a slot of
    /// a subject.
    pub(super) fn spawn_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.threads {
            Some(threads) => drop(threads.expensive.spawn(work)),
            None => drop(tokio::spawn(work)),
        }
    }

    /// Executes work to its end, even if its caller stops waiting. A small mutation needs no slot:
    /// it waits for the write lock, and must not block its subject's queries meanwhile.
    pub(super) fn spawn_detached<F>(
        &self,
        subject: &str,
        cost: u64,
        execution: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let slot = (cost >= EXPENSIVE).then(|| self.expensive.of(subject));
        self.spawn_with_permit(cost, slot, execution)
    }

    fn spawn_with_permit<F>(
        &self,
        cost: u64,
        slot: Option<Arc<Semaphore>>,
        execution: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let in_order = async move {
            let _slot = match slot {
                Some(slot) => slot.acquire_owned().await.ok(),
                None => None::<OwnedSemaphorePermit>,
            };
            execution.await
        };
        let in_order = Usage::inherited(in_order.instrument(tracing::Span::current()));
        match &self.threads {
            Some(threads) if cost >= EXPENSIVE => threads.expensive.spawn(in_order),
            Some(threads) => threads.small.spawn(in_order),
            None => tokio::spawn(in_order),
        }
    }
}

/// A running task, which is aborted when this is dropped.
#[derive(Debug)]
pub(super) struct Running<T>(pub(super) JoinHandle<T>);

impl<T> Future for Running<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does work of some milliseconds on a text of `bytes` bytes. For a long text, other threads take
/// over the tasks of this one meanwhile.
pub(super) fn on_text<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let may_block = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes >= LONG_TEXT_BYTES && may_block { tokio::task::block_in_place(work) } else { work() }
}

/// Bytes of a text from which on it is long.
const LONG_TEXT_BYTES: usize = 16 << 10;

impl Slots {
    fn new(most: usize) -> Self {
        Self { most, by_subject: Mutex::default() }
    }

    /// Returns the slots of one subject.
    fn of(&self, subject: &str) -> Arc<Semaphore> {
        let mut slots = self.by_subject.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = slots.get(subject).and_then(Weak::upgrade) {
            return own;
        }
        slots.retain(|_, slots| slots.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.most));
        slots.insert(subject.to_owned(), Arc::downgrade(&own));
        own
    }
}

/// Returns the number of cores, at least two.
fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from).max(2)
}

/// Starts a runtime on its own threads. It ends when the sender is dropped, and its tasks with it.
fn start(lane: &str, threads: usize) -> std::io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(format!("lane-{lane}"))
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel());
    // A runtime may not be dropped by one of its own threads, nor by another runtime's.
    thread::Builder::new().name(format!("lane-{lane}")).spawn(move || {
        drop(stopped.blocking_recv());
        runtime.shutdown_background();
    })?;
    Ok((handle, stop))
}

#[cfg(test)]
mod tests {
    use std::{sync::Condvar, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_small_document_does_not_wait_for_expensive_ones() {
        let lanes = Lanes::start().unwrap_or_else(|error| panic!("{error}"));
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        // Expensive documents that never yield their thread.
        let expensive: Vec<_> = (0..32)
            .map(|position| {
                let sender = sender.clone();
                lanes.spawn("hostile", EXPENSIVE, async move {
                    sender.send(position).ok();
                    thread::sleep(Duration::from_millis(500));
                    position
                })
            })
            .collect();
        receiver.recv().await;
        let began = std::time::Instant::now();
        assert!(lanes.spawn("other", 1, async { true }).await.is_ok_and(|done| done));
        assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
        // Dropped work is not started.
        drop(expensive);
        drop(lanes);
    }

    #[tokio::test]
    async fn a_subject_leaves_threads_of_the_small_lane_to_others() {
        let lanes = Lanes::start().unwrap_or_else(|error| panic!("{error}"));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        // Documents that occupy their thread until the other subject's is executed.
        let hostile: Vec<_> = (0..32)
            .map(|_| {
                let gate = Arc::clone(&gate);
                lanes.spawn("hostile", EXPENSIVE - 1, async move {
                    let is_open = gate.0.lock().unwrap_or_else(PoisonError::into_inner);
                    drop(gate.1.wait_while(is_open, |is_open| !*is_open));
                })
            })
            .collect();
        let other = tokio::time::timeout(
            Duration::from_secs(20),
            lanes.spawn("other", EXPENSIVE - 1, async { true }),
        )
        .await;
        assert!(
            other.is_ok_and(|done| done.is_ok_and(|done| done)),
            "it waits for all of the first subject's"
        );
        let is_running = hostile.iter().any(|running| !running.0.is_finished());
        *gate.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        gate.1.notify_all();
        assert!(is_running);
        for one in hostile {
            assert!(one.await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_subject_executes_a_few_expensive_documents_at_a_time() {
        let lanes = Lanes::default();
        let (running, most) = (Arc::new(Mutex::new((0, 0))), cores());
        let all: Vec<_> = (0..most * 4)
            .map(|_| {
                let running = Arc::clone(&running);
                lanes.spawn("a", EXPENSIVE, async move {
                    {
                        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                        running.0 += 1;
                        running.1 = running.0.max(running.1);
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    running.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
                })
            })
            .collect();
        for one in all {
            one.await.unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(*running.lock().unwrap_or_else(PoisonError::into_inner), (0, most));
    }
}
