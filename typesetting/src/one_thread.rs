//! Keeps Typst on the thread that calls it: with the stack and the place in a queue that its caller
//! gave it, and its time counted there.

use rayon::ThreadPoolBuilder;

thread_local! {
    /// Made for each thread that sets documents: a pool of that thread alone, which lasts as long
    /// as the thread does.
    static POOL: () = {
        // It fails for a thread of another pool, which its caller chose.
        if let Ok(pool) = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            // Dropped, it would end the pool that the thread is still a part of.
            std::mem::forget(pool);
        }
    };
}

/// Makes what Typst does in parallel run on this thread, and not on those of a pool of the whole
/// process, which are as many as cores and have small stacks.
pub fn stay() {
    POOL.with(|()| {});
}
