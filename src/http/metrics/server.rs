//! Metrics of the server's own state, read when the metrics are: connections, queues, sockets, and
//! the process.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

use crate::http::App;
use domain::worker_pool;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pool {
    pool: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Connections {
    pool: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Socket {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Server {
    server: String,
}

fn gauge(count: impl TryInto<i64>) -> ConstGauge<i64> {
    ConstGauge::new(count.try_into().unwrap_or(i64::MAX))
}

/// Returns the metrics of the server as they are now.
pub(super) fn registry(app: &App) -> Registry {
    let mut registry = Registry::with_prefix("samregister");
    add_connections(&mut registry, app);
    add_replicas(&mut registry, app);
    add_statements(&mut registry, app);
    add_changes(&mut registry, app);
    add_clients(&mut registry, app);
    registry
}

fn add_connections(registry: &mut Registry, app: &App) {
    let connections = Family::<Connections, Gauge>::default();
    let most = Family::<Pool, Gauge>::default();
    let waits = Family::<Pool, Counter>::default();
    for pool in app.db.pools() {
        let state = |state| Connections { pool: pool.name, state };
        connections.get_or_create(&state("in_use")).set(pool.in_use.into());
        let idle = pool.open.saturating_sub(pool.in_use);
        connections.get_or_create(&state("idle")).set(idle.into());
        most.get_or_create(&Pool { pool: pool.name }).set(pool.most.into());
        if let Some(found) = pool.waits {
            waits.get_or_create(&Pool { pool: pool.name }).inc_by(found);
        }
    }
    registry.register(
        "database_connections",
        "Open connections to the database, by pool and state",
        connections,
    );
    registry.register(
        "database_connections_max",
        "Maximum number of connections to the database, by pool",
        most,
    );
    registry.register(
        "database_connection_waits",
        "Reads that found each connection of their pool in use and waited for one, by pool",
        waits,
    );
}

fn add_replicas(registry: &mut Registry, app: &App) {
    let Some(states) = app.db.replica_states() else { return };
    let (reads, lag) = (Family::<Server, Counter>::default(), Family::<Server, Gauge>::default());
    let in_use = Family::<Server, Gauge>::default();
    let primary = Server { server: "primary".to_owned() };
    reads.get_or_create(&primary).inc_by(states.primary_reads);
    for replica in states.replicas {
        let server = Server { server: replica.server };
        reads.get_or_create(&server).inc_by(replica.reads);
        in_use.get_or_create(&server).set(i64::from(replica.is_in_use));
        if let Some(missing) = replica.lag {
            lag.get_or_create(&server).set(i64::try_from(missing).unwrap_or(i64::MAX));
        }
    }
    registry.register(
        "database_reads",
        "Queries that were executed, by the server that they read from: primary, or the address of a read replica",
        reads,
    );
    registry.register(
        "database_replica_in_use",
        "1 if queries are sent to the read replica, else 0",
        in_use,
    );
    registry.register(
        "database_replica_lag_revisions",
        "Revisions of the primary that the read replica lacked at the last check",
        lag,
    );
}

fn add_statements(registry: &mut Registry, app: &App) {
    let meters = app.db.meters();
    registry.register_with_unit(
        "database_statement_duration",
        "Duration of database statements, without the wait for a connection",
        Unit::Seconds,
        meters.statement_seconds.clone(),
    );
    registry.register(
        "database_failed_statements",
        "Database statements that failed, also by a constraint",
        meters.failed_statements.clone(),
    );
    registry.register(
        "database_slow_statements",
        "Database statements that took as long as SAMREGISTER_SLOW_STATEMENT_MS, which the log names",
        meters.slow_statements.clone(),
    );
    registry.register(
        "database_commits",
        "Committed transactions; several changes may share one",
        meters.commits.clone(),
    );
}

fn add_changes(registry: &mut Registry, app: &App) {
    let meters = app.db.meters();
    registry.register(
        "waiting_changes",
        "Changes that wait for earlier ones",
        gauge(app.db.waiting_changes()),
    );
    registry.register_with_unit(
        "change_wait",
        "Time that a change waited for earlier ones of this server",
        Unit::Seconds,
        meters.write_wait_seconds.clone(),
    );
    registry.register(
        "busy_changes",
        "Changes that were not begun because others wrote for too long (BUSY)",
        meters.busy.clone(),
    );
    registry.register(
        "joined_changes",
        "Changes that shared the transaction of earlier ones",
        ConstCounter::new(app.db.joined_changes()),
    );
    let jobs = Family::<Pool, Gauge>::default();
    for (pool, waiting) in ["short", "long"].into_iter().zip(worker_pool::waiting()) {
        jobs.get_or_create(&Pool { pool }).set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
    registry.register(
        "rendering_queue",
        "Documents and reports that wait to be rendered (long: PDFs of invoices in a second try)",
        jobs,
    );
}

fn add_clients(registry: &mut Registry, app: &App) {
    let sockets = Family::<Socket, Gauge>::default();
    for (state, open) in ["authenticated", "pending"].into_iter().zip(app.sockets.open()) {
        sockets.get_or_create(&Socket { state }).set(i64::try_from(open).unwrap_or(i64::MAX));
    }
    registry.register(
        "sockets",
        "Open WebSockets and event streams, by state of authentication",
        sockets,
    );
    registry.register(
        "followers",
        "Subscriptions that follow the audit trail",
        gauge(app.sockets.followers()),
    );
}

/// Returns the metrics of the process, with the names that all programs use; empty on systems other
/// than Linux.
pub(super) fn process() -> Registry {
    let mut registry = Registry::default();
    #[cfg(target_os = "linux")]
    if let Err(error) = add_process(&mut registry) {
        tracing::warn!(%error, "the metrics of the process could not be read");
    }
    registry
}

#[cfg(target_os = "linux")]
fn add_process(registry: &mut Registry) -> procfs::ProcResult<()> {
    let own = procfs::process::Process::myself()?;
    let stat = own.stat()?;
    let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    registry.register_with_unit(
        "process_resident_memory",
        "Resident memory of the process",
        Unit::Bytes,
        gauge(stat.rss.saturating_mul(procfs::page_size())),
    );
    registry.register_with_unit(
        "process_cpu",
        "Processor time of the process, in user and kernel mode",
        Unit::Seconds,
        ConstCounter::new(seconds),
    );
    registry.register("process_open_fds", "Open file descriptors", gauge(own.fd_count()?));
    if let Ok(most) = rlimit::Resource::NOFILE.get_soft() {
        registry.register(
            "process_max_fds",
            "Maximum number of open file descriptors",
            gauge(most),
        );
    }
    Ok(())
}
