//! The time that setting a document may take: processor time of its thread, so that a machine with
//! much to do fails no document.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A document may take this many times its limit by the clock. Then its thread gets so little time
/// that nobody waits for it any more.
pub const CLOCK_FACTOR: u32 = 10;

/// A limit that began when it was made.
pub struct TimeLimit {
    limit: Duration,
    begun: Instant,
    /// The processor time of the thread when it began; `None` where it can't be read, and the clock
    /// counts.
    processor_time: Option<Duration>,
    /// The earliest time after `begun`, in nanoseconds, at which the limit can be exceeded.
    next_look: AtomicU64,
}

impl TimeLimit {
    /// Begins a limit for what this thread does from now on.
    pub fn start(limit: Duration) -> Self {
        Self {
            limit,
            begun: Instant::now(),
            processor_time: processor_time(),
            next_look: AtomicU64::new(nanoseconds(limit)),
        }
    }

    /// Returns `true` if the thread has used more than its limit.
    pub fn is_exceeded(&self) -> bool {
        let elapsed = self.begun.elapsed();
        if nanoseconds(elapsed) < self.next_look.load(Ordering::Relaxed) {
            return false;
        }
        let used = match (self.processor_time, processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => elapsed,
        };
        if used >= self.limit || elapsed >= self.limit * CLOCK_FACTOR {
            return true;
        }
        // A thread uses no more time than passes, so that it is seldom looked up.
        self.next_look.store(nanoseconds(elapsed + (self.limit - used)), Ordering::Relaxed);
        false
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The processor time that this thread has used, as Linux says it.
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
        let mut permits = 0_u64;
        while !limit.is_exceeded() {
            permits = permits.wrapping_add(1);
            assert!(limit.begun.elapsed() < Duration::from_secs(60), "{permits} turns");
        }
        // Not by the clock.
        assert!(limit.begun.elapsed() >= Duration::from_millis(290), "{:?}", limit.begun.elapsed());
    }

    #[test]
    fn a_thread_that_waits_for_ever_is_out_of_time() {
        let limit = TimeLimit::start(Duration::from_millis(5));
        thread::sleep(Duration::from_millis(5) * CLOCK_FACTOR);
        assert!(limit.is_exceeded());
    }
}
