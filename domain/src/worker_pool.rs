//! Runs long synchronous work (rendering, typesetting, workbooks) off the async executor: few
//! threads, and a fair queue per subject.

use std::{
    collections::{HashMap, VecDeque},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, available_parallelism},
};

use tokio::sync::oneshot;

use crate::error::{ConflictReason, Error, Result};

/// Stack size of a worker, in bytes: Typst lays out by recursion, deep in an unoptimized build.
/// Unused stack takes no memory.
const STACK_SIZE: usize = 16 << 20;
/// Maximum number of waiting jobs of one subject. A request within its limits makes far fewer.
const MAX_WAITING: usize = 500;

/// The process's pool. It uses half of the cores, so that the other half answers requests whatever
/// waits here.
static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| {
    Pool::start((available_parallelism().map_or(1, usize::from) / 2).max(1), MAX_WAITING)
});

/// One thread for longer work, which therefore never blocks short work.
static LONG: LazyLock<Arc<Pool>> = LazyLock::new(|| Pool::start(1, MAX_WAITING));

/// Runs `work` on a worker thread, with round-robin scheduling between subjects.
///
/// A subject with many waiting jobs delays another by one job at most. A waiting job is dropped
/// with the future. A running job continues to its end, whose time `work` must bound: every caller
/// here ends within two seconds. The process exits without waiting for the threads.
///
/// # Errors
/// CONFLICT `TOO_MANY_REQUESTS` if the maximum number of jobs of the subject wait; INTERNAL if
/// `work` panics.
pub async fn run<T: Send + 'static>(
    subject: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    POOL.run(subject, work).await
}

/// Like [`run`], for work that may take longer than two seconds and is done only one time: the PDF
/// of an invoice, which is stored.
///
/// # Errors
/// As [`run`].
pub async fn run_long<T: Send + 'static>(
    subject: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    LONG.run(subject, work).await
}

/// Returns the number of waiting jobs of [`run`] and of [`run_long`].
#[must_use]
pub fn waiting() -> [usize; 2] {
    // A pool that had no job yet has no threads either, and needs none to be counted.
    [&POOL, &LONG].map(|pool| LazyLock::get(pool).map_or(0, |pool| pool.lock().all()))
}

struct Pool {
    threads: AtomicUsize,
    max_waiting: usize,
    queues: Mutex<Queues>,
    wake: Condvar,
}

/// The waiting jobs.
#[derive(Default)]
struct Queues {
    by_subject: HashMap<String, VecDeque<Job>>,
    /// The subjects with waiting jobs, the next one first.
    order: VecDeque<String>,
    last_id: u64,
}

struct Job {
    id: u64,
    work: Box<dyn FnOnce() + Send>,
}

/// Removes its job from the queue if it is dropped before a worker has taken the job.
struct Ticket<'p> {
    pool: &'p Pool,
    subject: &'p str,
    id: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.pool.lock().remove(self.subject, self.id);
    }
}

impl Queues {
    /// Appends a job of the subject and returns its id.
    fn push(&mut self, subject: &str, work: Box<dyn FnOnce() + Send>) -> u64 {
        self.last_id += 1;
        let job = Job { id: self.last_id, work };
        match self.by_subject.get_mut(subject) {
            Some(queue) => queue.push_back(job),
            None => {
                self.by_subject.insert(subject.to_owned(), VecDeque::from([job]));
                self.order.push_back(subject.to_owned());
            }
        }
        self.last_id
    }

    /// Removes and returns the oldest job of the next subject. Its next job waits until each other
    /// subject has had one.
    fn pop(&mut self) -> Option<Job> {
        let subject = self.order.pop_front()?;
        let queue = self.by_subject.get_mut(&subject)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.by_subject.remove(&subject);
        } else {
            self.order.push_back(subject);
        }
        job
    }

    fn remove(&mut self, subject: &str, id: u64) {
        let Some(queue) = self.by_subject.get_mut(subject) else { return };
        // Ids increase along the queue.
        if let Ok(index) = queue.binary_search_by_key(&id, |job| job.id) {
            queue.remove(index);
        }
        if queue.is_empty() {
            self.by_subject.remove(subject);
            self.order.retain(|waiting| waiting != subject);
        }
    }

    /// Returns the number of waiting jobs of all subjects.
    fn all(&self) -> usize {
        self.by_subject.values().map(VecDeque::len).sum()
    }

    fn waiting(&self, subject: &str) -> usize {
        self.by_subject.get(subject).map_or(0, VecDeque::len)
    }
}

impl Pool {
    /// Starts a pool with this many threads, with at most `max_waiting` waiting jobs of each
    /// subject.
    fn start(threads: usize, max_waiting: usize) -> Arc<Self> {
        let pool = Arc::new(Self {
            threads: AtomicUsize::new(0),
            max_waiting,
            queues: Mutex::default(),
            wake: Condvar::new(),
        });
        for number in 0..threads {
            let of_thread = Arc::clone(&pool);
            let started = thread::Builder::new()
                .name(format!("worker-{number}"))
                .stack_size(STACK_SIZE)
                .spawn(move || of_thread.work());
            match started {
                Ok(_) => _ = pool.threads.fetch_add(1, Ordering::Relaxed),
                Err(cause) => tracing::error!(%cause, "a worker thread can't be started"),
            }
        }
        pool
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run<T: Send + 'static>(
        &self,
        subject: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.threads.load(Ordering::Relaxed) == 0 {
            return Err(Error::internal(io::Error::other("there are no worker threads")));
        }
        let (sender, receiver) = oneshot::channel();
        let span = tracing::Span::current();
        let work = move || {
            if sender.is_closed() {
                return;
            }
            let render =
                || tracing::debug_span!("render").in_scope(|| catch_unwind(AssertUnwindSafe(work)));
            let done = span.in_scope(render);
            let panicked =
                |_| Err(Error::internal(io::Error::other("a job of the worker pool panicked")));
            // The receiver is gone if the request was dropped.
            drop(sender.send(done.unwrap_or_else(panicked)));
        };
        let _ticket = self.enqueue(subject, Box::new(work))?;
        receiver.await.map_err(Error::internal)?
    }

    fn enqueue<'p>(
        &'p self,
        subject: &'p str,
        work: Box<dyn FnOnce() + Send>,
    ) -> Result<Ticket<'p>> {
        let mut queues = self.lock();
        if queues.waiting(subject) >= self.max_waiting {
            let message = format!(
                "{} documents and reports of yours wait to be made, the maximum; retry when some of them are done, or ask for fewer at a time",
                self.max_waiting
            );
            return Err(Error::conflict(ConflictReason::TooManyRequests, message));
        }
        let id = queues.push(subject, work);
        drop(queues);
        self.wake.notify_one();
        Ok(Ticket { pool: self, subject, id })
    }

    /// Runs jobs, one after the other, forever.
    fn work(&self) {
        loop {
            let mut queues = self.lock();
            let job = loop {
                match queues.pop() {
                    Some(job) => break job,
                    None => queues = self.wake.wait(queues).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(queues);
            (job.work)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    use super::*;

    /// Keeps the pool's only thread busy until the sender is dropped.
    fn block(pool: &Arc<Pool>) -> mpsc::Sender<()> {
        let (sender, receiver) = mpsc::channel::<()>();
        let (began, begins) = mpsc::channel();
        pool.lock().push(
            "blocker",
            Box::new(move || {
                began.send(()).unwrap();
                receiver.recv().ok();
            }),
        );
        pool.wake.notify_one();
        begins.recv().unwrap();
        sender
    }

    fn waiting(pool: &Pool) -> usize {
        pool.lock().all()
    }

    async fn until(holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn subjects_are_served_round_robin() {
        let pool = Pool::start(1, 10);
        let blocker = block(&pool);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut jobs = Vec::new();
        for (number, subject) in ["a", "a", "a", "b", "b", "c"].into_iter().enumerate() {
            let (counted, noted) = (Arc::clone(&pool), Arc::clone(&order));
            let pool = Arc::clone(&pool);
            let note = move || {
                noted.lock().unwrap().push((subject, number));
                Ok(())
            };
            jobs.push(tokio::spawn(async move { pool.run(subject, note).await }));
            until(|| waiting(&counted) == number + 1).await;
        }
        drop(blocker);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        let order: Vec<_> = order.lock().unwrap().iter().map(|(subject, _)| *subject).collect();
        assert_eq!(order, ["a", "b", "c", "a", "b", "a"]);
    }

    #[tokio::test]
    async fn a_waiting_job_is_dropped_with_its_request() {
        let pool = Pool::start(1, 10);
        let blocker = block(&pool);
        let (sender, receiver) = mpsc::channel();
        let waits = pool.run("a", move || {
            sender.send(()).unwrap();
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), waits).await.is_err());
        assert!(pool.lock().by_subject.is_empty() && pool.lock().order.is_empty());
        drop(blocker);
        pool.run("a", || Ok(())).await.unwrap();
        assert!(receiver.recv().is_err(), "it ran all the same");
    }

    #[tokio::test]
    async fn a_subject_has_so_many_waiting_jobs_and_no_more() {
        let pool = Pool::start(1, 2);
        let blocker = block(&pool);
        let one = || Box::pin(pool.run("a", || Ok(1)));
        let (mut first, mut second) = (one(), one());
        let soon = Duration::from_millis(20);
        assert!(
            tokio::time::timeout(soon, &mut first).await.is_err()
                && tokio::time::timeout(soon, &mut second).await.is_err()
        );
        let refused = one().await.unwrap_err();
        assert!(
            matches!(&refused, Error::Conflict { reason: ConflictReason::TooManyRequests, .. }),
            "{refused}"
        );
        let other = pool.run("b", || Ok(2));
        drop(first);
        let again = one();
        drop(blocker);
        assert_eq!((second.await.unwrap(), other.await.unwrap(), again.await.unwrap()), (1, 2, 1));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_worker_lives() {
        let pool = Pool::start(1, 2);
        let failed = pool
            .run("a", || -> Result<()> { std::panic::resume_unwind(Box::new("oh")) })
            .await
            .unwrap_err();
        assert!(matches!(failed, Error::Internal(_)), "{failed}");
        assert_eq!(pool.run("a", || Ok(1)).await.unwrap(), 1);
    }
}
