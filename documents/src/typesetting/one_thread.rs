//! Restricts Typst to the calling thread: its stack is large enough, its caller scheduled it, and
//! its processor time counts.

use rayon::ThreadPoolBuilder;

thread_local! {
    /// Runs one time for each thread that typesets documents: a thread pool of that thread only,
    /// which lasts as long as the thread.
    static POOL: () = {
        // It fails for a thread of another pool, which its caller chose.
        if let Ok(pool) = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            // Dropping the pool would end it while the thread is still a part of it.
            std::mem::forget(pool);
        }
    };
}

/// Makes Typst's parallel work run on this thread, and not in the global thread pool, which has a
/// thread per core with small stacks.
pub fn pin() {
    POOL.with(|()| {});
}
