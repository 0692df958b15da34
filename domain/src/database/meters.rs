//! Measurements of the database: duration of statements, slow ones by their text, and the wait of
//! changes and readers.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};
use sea_orm::{DatabaseConnection, metric::Info};

use super::usage;

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Maximum length of a slow statement in the log, in characters.
const MAX_TEXT: usize = 2_000;

/// A callback that gets the text of every measured statement when it has ended: see [`Meters`].
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// A callback that gets each statement that has ended: a function that makes its text without
/// values, its duration, and `true` if it failed.
pub type Observer = fn(&dyn Fn() -> String, Duration, bool);

/// Pools of readers, in the order of their counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Requests = 0,
    Expensive = 1,
    Monitor = 2,
    /// Reads of the revision and of what changes with it. They share one connection, so that their
    /// waits say nothing, and have no counter.
    Revision = 3,
}

/// Measurements of the connections to one register, by this program.
///
/// Measured are prepared statements, when their result is complete. A stream is measured when it is
/// dropped: by the time in which its rows were taken over, without the time in which it waited for
/// them, and never as failed. Not measured are unprepared statements (`execute_unprepared`), as
/// savepoints, locks and notifications; BEGIN, COMMIT and ROLLBACK; and the statements of
/// connections that no request waits for: the probe and that of the revision.
#[derive(Debug)]
pub struct Meters {
    /// Duration of each measured statement, without the wait for a connection.
    pub statement_seconds: Histogram,
    /// Statements that failed.
    pub failed_statements: Counter,
    /// Statements that took longer than the threshold of the log.
    pub slow_statements: Counter,
    /// Time that each change waited for earlier ones.
    pub write_wait_seconds: Histogram,
    /// Changes that were not begun because others wrote for too long.
    pub busy: Counter,
    /// Transactions that were committed.
    pub commits: Counter,
    /// Reads that found each connection of their pool in use: of requests, expensive documents, and
    /// monitoring.
    pub(super) waits: [Counter; 3],
    /// Gets each statement that has ended.
    observer: OnceLock<Observer>,
    /// Threshold of slow statements, in milliseconds; zero: none is logged.
    slow_from: AtomicU64,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            statement_seconds: Histogram::new(SECONDS),
            failed_statements: Counter::default(),
            slow_statements: Counter::default(),
            write_wait_seconds: Histogram::new(SECONDS),
            busy: Counter::default(),
            commits: Counter::default(),
            waits: Default::default(),
            observer: OnceLock::new(),
            slow_from: AtomicU64::new(0),
        }
    }
}

impl Meters {
    /// Logs statements that take at least this time; zero: none.
    pub fn log_statements_from(&self, threshold: Duration) {
        let threshold = u64::try_from(threshold.as_millis()).unwrap_or(u64::MAX);
        self.slow_from.store(threshold, Relaxed);
    }

    /// Passes each measured statement that has ended to `observer`.
    pub fn observe_statements(&self, observer: Observer) {
        self.observer.get_or_init(|| observer);
    }

    /// Measures the statements of a connection, and passes them to the listener.
    pub(super) fn measure(
        self: &Arc<Self>,
        connection: &mut DatabaseConnection,
        listener: Option<Listener>,
    ) {
        let meters = Arc::clone(self);
        connection.set_metric_callback(move |info| {
            meters.note(info);
            if let Some(listener) = &listener {
                listener(&info.statement.sql);
            }
        });
    }

    fn note(&self, info: &Info<'_>) {
        usage::note_statement();
        self.statement_seconds.observe(info.elapsed.as_secs_f64());
        if info.failed {
            self.failed_statements.inc();
        }
        if let Some(observer) = self.observer.get() {
            observer(&|| without_values(&info.statement.sql), info.elapsed, info.failed);
        }
        let slow_from = self.slow_from.load(Relaxed);
        if slow_from > 0 && info.elapsed >= Duration::from_millis(slow_from) {
            self.slow_statements.inc();
            let ms = u64::try_from(info.elapsed.as_millis()).unwrap_or(u64::MAX);
            let sql = without_values(&info.statement.sql);
            tracing::warn!(ms, failed = info.failed, sql, "slow statement");
        }
    }
}

/// Returns a statement without the texts and numbers in it, which may be personal data. Bound
/// values are not part of its text.
fn without_values(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len().min(MAX_TEXT));
    let mut chars = sql.chars().peekable();
    let (mut length, mut before) = (0, ' ');
    while let Some(char) = chars.next() {
        let shown = if char == '\'' {
            // Two apostrophes stand for one in a text.
            while let Some(inner) = chars.next() {
                if inner == '\'' && chars.next_if_eq(&'\'').is_none() {
                    break;
                }
            }
            '?'
        } else if char.is_ascii_digit() && !(before.is_alphanumeric() || "_$".contains(before)) {
            while chars.next_if(|next| next.is_ascii_alphanumeric() || *next == '.').is_some() {}
            '?'
        } else if char.is_whitespace() {
            ' '
        } else {
            char
        };
        if !(shown == ' ' && before == ' ') {
            text.push(shown);
            length += 1;
        }
        before = shown;
        if length == MAX_TEXT {
            text.push('…');
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use futures_util::TryStreamExt;
    use sea_orm::{ConnectionTrait, DbBackend, Statement, StreamTrait};

    use super::*;
    use crate::database::Database;

    #[tokio::test]
    async fn prepared_statements_and_streams_are_measured_when_they_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let texts = Arc::new(Mutex::new(Vec::<String>::new()));
        let lock = |texts: &Mutex<Vec<String>>| {
            std::mem::take(&mut *texts.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let noted = Arc::clone(&texts);
        let listener: Listener = Arc::new(move |sql: &str| {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(sql.to_owned());
        });
        let db = Database::connect(&url, Some(listener)).await.unwrap();
        let of = |sql: &str| Statement::from_string(DbBackend::Sqlite, sql);
        db.reader.query_one_raw(of("SELECT 1")).await.unwrap();
        assert_eq!(lock(&texts), ["SELECT 1"]);
        assert!(db.reader.query_one_raw(of("SELECT no")).await.is_err());
        assert_eq!((lock(&texts).len(), db.meters().failed_statements.get()), (1, 1));
        db.reader.execute_unprepared("SELECT 2").await.unwrap();
        assert!(lock(&texts).is_empty());
        let mut rows = db.reader.stream_raw(of("SELECT 3")).await.unwrap();
        assert!(rows.try_next().await.unwrap().is_some());
        assert!(lock(&texts).is_empty(), "the stream has not ended");
        drop(rows);
        assert_eq!(lock(&texts), ["SELECT 3"]);
    }

    #[test]
    fn a_statement_is_shown_without_its_values() {
        let shown = [
            (
                "SELECT \"a\"\n  FROM t1 WHERE x = $12 AND y = ?",
                "SELECT \"a\" FROM t1 WHERE x = $12 AND y = ?",
            ),
            ("SELECT 'Anna O''Hara', 19811218.5 + 0x1f", "SELECT ?, ? + ?"),
            ("UPDATE t SET a_1 = 'unfinished", "UPDATE t SET a_1 = ?"),
            (
                "SELECT COALESCE(\"invoice\".\"due_on\", '9999-12-31')",
                "SELECT COALESCE(\"invoice\".\"due_on\", ?)",
            ),
            ("", ""),
        ];
        for (sql, expected) in shown {
            assert_eq!(without_values(sql), expected);
        }
        let long = without_values(&"å".repeat(MAX_TEXT + 1));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MAX_TEXT + 1, true));
    }

    #[test]
    fn an_observer_gets_the_text_of_a_statement_without_its_values() {
        static SEEN: Mutex<Vec<(String, Duration, bool)>> = Mutex::new(Vec::new());
        let meters = Meters::default();
        meters.observe_statements(|text, elapsed, failed| {
            SEEN.lock().unwrap().push((text(), elapsed, failed));
        });
        let sql = "SELECT 'Anna'";
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let elapsed = Duration::from_millis(3);
        meters.note(&Info { elapsed, statement: &statement, failed: true });
        assert_eq!(*SEEN.lock().unwrap(), [("SELECT ?".to_owned(), elapsed, true)]);
    }

    #[test]
    fn only_statements_from_the_threshold_on_are_slow() {
        let meters = Meters::default();
        let statement = Statement::from_string(DbBackend::Sqlite, "SELECT 1");
        let note = |ms, failed| {
            let elapsed = Duration::from_millis(ms);
            meters.note(&Info { elapsed, statement: &statement, failed });
        };
        note(10_000, false);
        assert_eq!(meters.slow_statements.get(), 0, "without a threshold none is slow");
        meters.log_statements_from(Duration::from_millis(500));
        note(499, false);
        note(500, true);
        assert_eq!((meters.slow_statements.get(), meters.failed_statements.get()), (1, 1));
    }
}
