//! Figures of the register that its database knows: read when the metrics are, at most as often as
//! they change, and without delaying a scrape.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use entity::{
    activity,
    kind::{AgreementKind, InvoiceKind},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{command_runs::RunFigures, known::Known};
use crate::http::health::PROBE_TIMEOUT;
use domain::{
    activities,
    agreements::deadlines::query::{self, Tally},
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::{Database, Size},
    error::Result,
    invoices::{self, amounts},
    payments::bank,
};

/// Windows in days for which agreements are counted.
const WITHIN: [i64; 3] = [30, 60, 90];
/// Time for which deadlines and runs of commands are cached, so that many scrapers cost no more
/// than one.
const CACHE_TIME: Duration = Duration::from_secs(10);
/// Time for which counts of invoices and payments and sizes are cached.
const COUNTS_CACHE_TIME: Duration = Duration::from_secs(60);
/// Time for which figures are shown when newer ones can't be read.
const MAX_AGE: Duration = Duration::from_secs(300);
/// Time that a request waits for newer figures when there are older ones; the next one shows them.
const GRACE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Within {
    activity: String,
    kind: String,
    within: i64,
}

/// Figures of the register, with their age.
#[derive(Debug, Default)]
pub(super) struct Figures {
    expiring: Family<Within, Gauge>,
    overdue: Known,
    pending: Known,
    oldest_pending: Known,
    database_bytes: Known,
    log_bytes: Known,
    runs: RunFigures,
    deadlines: Cached,
    counts: Cached,
    recorded: Cached,
    /// Held while figures are read.
    reading: tokio::sync::Mutex<()>,
}

/// Times at which figures were last requested and last read.
#[derive(Debug, Default)]
struct Cached(Mutex<Times>);

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    requested_at: Option<Instant>,
    read_at: Option<Instant>,
}

impl Cached {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `true` if the figures were read recently enough to be shown.
    fn is_shown(&self) -> bool {
        self.times().read_at.is_some_and(|at| at.elapsed() < MAX_AGE)
    }

    /// Reads the figures again, unless they were requested less than `time` ago. Returns `None` if
    /// they stay as they are, and an error if there are none to be shown.
    async fn read<T>(
        &self,
        time: Duration,
        read: impl Future<Output = Result<T>>,
    ) -> Option<std::result::Result<T, ()>> {
        if self.times().requested_at.is_some_and(|at| at.elapsed() < time) {
            return None;
        }
        self.times().requested_at = Some(Instant::now());
        match tokio::time::timeout(MAX_AGE, read).await {
            Ok(Ok(found)) => {
                self.times().read_at = Some(Instant::now());
                Some(Ok(found))
            }
            failed => {
                let failed = failed.map(|found| found.map(drop));
                tracing::warn!(?failed, "the metrics of the register could not be read");
                (!self.is_shown()).then_some(Err(()))
            }
        }
    }
}

impl Figures {
    /// Registers the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "agreements_expiring",
            "Agreements whose next deadline falls within this number of days from today, without acknowledged ones; by activity (empty: none) and kind of agreement",
            self.expiring.clone(),
        );
        registry.register("invoices_overdue", "Invoices that are overdue", self.overdue.clone());
        registry.register(
            "bank_payments_pending",
            "Payments of bank files that wait for the office",
            self.pending.clone(),
        );
        registry.register(
            "bank_payments_oldest_pending_seconds",
            "Time since the import of the oldest payment that waits for the office; 0: none waits",
            self.oldest_pending.clone(),
        );
        registry.register_with_unit(
            "database_size",
            "Size of the database file, or of the database on PostgreSQL",
            Unit::Bytes,
            self.database_bytes.clone(),
        );
        registry.register_with_unit(
            "database_wal_size",
            "Size of SQLite's write-ahead log; absent on PostgreSQL",
            Unit::Bytes,
            self.log_bytes.clone(),
        );
        self.runs.register(registry);
    }

    /// Removes all figures: without the database, they are missing rather than stale.
    pub(super) fn clear(&self) {
        *self.deadlines.times() = Times::default();
        *self.counts.times() = Times::default();
        *self.recorded.times() = Times::default();
        self.expiring.clear();
        self.clear_counts();
        self.runs.clear();
    }

    fn clear_counts(&self) {
        for gauge in [
            &self.overdue,
            &self.pending,
            &self.oldest_pending,
            &self.database_bytes,
            &self.log_bytes,
        ] {
            gauge.set(None);
        }
    }

    /// Reads the figures again, and waits for that a short time only.
    pub(super) async fn update(self: &Arc<Self>, db: Database, clock: Clock) {
        let has_figures =
            [&self.deadlines, &self.counts, &self.recorded].iter().all(|cached| cached.is_shown());
        let own = Arc::clone(self);
        let reading = tokio::spawn(async move { own.read(&db, clock).await });
        let time = if has_figures { GRACE } else { PROBE_TIMEOUT };
        drop(tokio::time::timeout(time, reading).await);
    }

    /// Reads the figures again that are due.
    async fn read(&self, db: &Database, clock: Clock) {
        let _reading = self.reading.lock().await;
        if let Some(found) = self.deadlines.read(CACHE_TIME, expiring_now(db, clock)).await {
            self.expiring.clear();
            for (labels, count) in found.into_iter().flatten() {
                self.expiring.get_or_create(&labels).set(count);
            }
        }
        match self.recorded.read(CACHE_TIME, db.last_runs()).await {
            Some(Ok(runs)) => self.runs.set(&runs),
            Some(Err(())) => self.runs.clear(),
            None => {}
        }
        if let Some(found) = self.counts.read(COUNTS_CACHE_TIME, counts_now(db, clock)).await {
            self.clear_counts();
            if let Ok(Counts { overdue, pending, oldest_pending, size }) = found {
                let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
                self.overdue.set(Some(overdue));
                self.pending.set(Some(pending));
                self.oldest_pending.set(Some(oldest_pending));
                self.database_bytes.set(Some(bytes(size.database)));
                self.log_bytes.set(size.log.map(bytes));
            }
        }
    }
}

/// Counts and sizes of the register.
struct Counts {
    overdue: i64,
    pending: i64,
    /// Seconds since the import of the oldest that waits; 0: none does.
    oldest_pending: i64,
    size: Size,
}

/// Counts by partial indexes: of open invoices, and of payments that wait.
async fn counts_now(db: &Database, clock: Clock) -> Result<Counts> {
    let viewer = Viewer::operator("metrics");
    let ctx = Context::new(db, clock, &viewer);
    let overdue = invoices::Filter {
        states: vec![amounts::State::Overdue],
        kind: Some(InvoiceKind::Invoice),
        ..invoices::Filter::default()
    };
    let pending = bank::Filter { states: vec![bank::State::Pending], ..bank::Filter::default() };
    let oldest_pending = bank::first_imported_at(ctx, &pending).await?;
    Ok(Counts {
        oldest_pending: oldest_pending.map_or(0, |at| (clock.now() - at).num_seconds().max(0)),
        overdue: invoices::count(ctx, &overdue, None).await?,
        pending: bank::count(ctx, &pending).await?,
        size: db.size().await?,
    })
}

/// Returns the number of expiring agreements, with a zero for each activity and kind that has none:
/// a missing figure would trigger no alarm.
async fn expiring_now(db: &Database, clock: Clock) -> Result<Vec<(Within, i64)>> {
    let viewer = Viewer::operator("metrics");
    let ctx = Context::new(db, clock, &viewer);
    let every =
        activities::all(ctx, &activities::Filter::default(), &[activity::Column::Slug]).await?;
    let kinds =
        [AgreementKind::Participation, AgreementKind::Assignment, AgreementKind::Cooperation];
    let slugs = every.into_iter().map(|activity| activity.slug).chain([String::new()]);
    let mut counts: BTreeMap<(String, &str), Vec<i64>> = slugs
        .flat_map(|slug| kinds.map(|kind| ((slug.clone(), kind.word()), vec![0; WITHIN.len()])))
        .collect();
    for Tally { activity, kind, counts: found } in query::tally(ctx, &WITHIN).await? {
        counts.insert((activity.unwrap_or_default(), kind.word()), found);
    }
    let rows = counts.into_iter().flat_map(|((activity, kind), counts)| {
        WITHIN.into_iter().zip(counts).map(move |(within, count)| {
            (Within { activity: activity.clone(), kind: kind.to_owned(), within }, count)
        })
    });
    Ok(rows.collect())
}
