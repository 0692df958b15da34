//! Statements of the database that one request runs, and the rows that it loads by them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

tokio::task_local! {
    static CURRENT: Option<Arc<Usage>>;
}

/// Counts the statements and rows of one request.
#[derive(Debug, Default)]
pub struct Usage {
    statements: AtomicU64,
    rows: AtomicU64,
}

impl Usage {
    /// Returns the counters of the request that the calling task belongs to; `None` if it belongs
    /// to no request.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// Counts what `work` runs.
    pub fn count<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Some(self), work)
    }

    /// Returns `work` for another task, where it counts for the request of the calling task.
    pub fn inherited<F: Future>(work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Self::current(), work)
    }

    /// Returns the number of statements, refused ones included.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Relaxed)
    }

    /// Returns the number of rows of objects that were loaded; sums and counts are none.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }
}

/// Counts a statement of the calling task.
pub(super) fn note_statement() {
    note(|usage| &usage.statements, 1);
}

/// Counts rows that the calling task has loaded.
pub(crate) fn note_rows(rows: usize) {
    note(|usage| &usage.rows, rows as u64);
}

fn note(counter: impl FnOnce(&Usage) -> &AtomicU64, more: u64) {
    let noted = CURRENT.try_with(|usage| {
        if let Some(usage) = usage {
            counter(usage).fetch_add(more, Relaxed);
        }
    });
    // A task that belongs to no request counts nowhere.
    noted.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_counts_its_own_also_in_other_tasks() {
        let (first, second) = (Arc::<Usage>::default(), Arc::<Usage>::default());
        let work = |rows| async move {
            note_statement();
            let other = tokio::spawn(Usage::inherited(async move {
                note_statement();
                note_rows(rows);
            }));
            other.await.unwrap();
            // One that inherits nothing.
            tokio::spawn(async { note_statement() }).await.unwrap();
        };
        tokio::join!(Arc::clone(&first).count(work(3)), Arc::clone(&second).count(work(5)));
        note_statement();
        assert_eq!((first.statements(), first.rows()), (2, 3));
        assert_eq!((second.statements(), second.rows()), (2, 5));
    }
}
