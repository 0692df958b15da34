//! The time limit of typesetting a document. It measures processor time of the thread, so that no
//! document fails on a busy machine.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Factor from the limit to the maximum of wall-clock time. A thread beyond it gets so little
/// processor time that its caller has given up.
pub const CLOCK_FACTOR: u32 = 10;

/// A time limit, from its creation.
pub struct TimeLimit {
    limit: Duration,
    begun: Instant,
    /// The processor time of the thread at the start; `None` if it can't be read, and wall-clock
    /// time counts.
    processor_time: Option<Duration>,
    /// The earliest time after `begun`, in nanoseconds, at which the limit can be exceeded.
    next_check: AtomicU64,
}

impl TimeLimit {
    /// Starts a limit for the work of this thread from now on.
    pub fn start(limit: Duration) -> Self {
        Self {
            limit,
            begun: Instant::now(),
            processor_time: processor_time(),
            next_check: AtomicU64::new(nanoseconds(limit)),
        }
    }

    /// Returns `true` if the thread has used more than its limit.
    pub fn is_exceeded(&self) -> bool {
        let elapsed = self.begun.elapsed();
        if nanoseconds(elapsed) < self.next_check.load(Ordering::Relaxed) {
            return false;
        }
        let used = match (self.processor_time, processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => elapsed,
        };
        if used >= self.limit || elapsed >= self.limit * CLOCK_FACTOR {
            return true;
        }
        // A thread uses no more processor time than wall-clock time, so it is rarely read.
        self.next_check.store(nanoseconds(elapsed + (self.limit - used)), Ordering::Relaxed);
        false
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the processor time that this thread has used, from Linux's procfs.
fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_that_has_to_wait_uses_none_of_its_limit() {
        let limit = TimeLimit::start(Duration::from_millis(100));
        thread::sleep(Duration::from_millis(200));
        assert!(!limit.is_exceeded());
        let mut iterations = 0_u64;
        while !limit.is_exceeded() {
            iterations = iterations.wrapping_add(1);
            assert!(limit.begun.elapsed() < Duration::from_secs(60), "{iterations} iterations");
        }
        // Not in wall-clock time.
        assert!(limit.begun.elapsed() >= Duration::from_millis(290), "{:?}", limit.begun.elapsed());
    }

    #[test]
    fn a_thread_that_waits_forever_times_out() {
        let limit = TimeLimit::start(Duration::from_millis(5));
        thread::sleep(Duration::from_millis(5) * CLOCK_FACTOR);
        assert!(limit.is_exceeded());
    }
}
