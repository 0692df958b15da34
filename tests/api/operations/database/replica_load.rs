//! Two read replicas under load, of which one is killed and returns, and one is promoted: with
//! synchronous replication nothing that was answered is lost, with asynchronous one the loss is
//! measured. Reads continue.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, Statement};

use super::{
    instance::Instance,
    replicas::{Answer, Client, name_of, program, run, wait_until},
};
use crate::support::{app, server_process::Server};

/// Readers, each of a subject of its own.
const READERS: usize = 4;

/// Length of each phase of the load: short in each run, longer before a release.
fn phase() -> Duration {
    Duration::from_secs(if app::runs(0, 1) == 1 { 5 } else { 1 })
}

/// What the load has found so far.
#[derive(Default)]
struct Findings {
    is_over: AtomicBool,
    /// Names of the members whose admission was answered.
    admitted: Mutex<BTreeSet<String>>,
    /// Revisions of these answers, in order: a later state has as many members.
    admissions: Mutex<Vec<i64>>,
    reads: AtomicU64,
    failed_reads: AtomicU64,
    /// Answers with an older state than the one that their client had seen.
    older: AtomicU64,
    /// Answers with fewer members than were admitted up to their revision.
    fewer: AtomicU64,
}

impl Findings {
    /// Returns the number of answered admissions up to a revision.
    fn admitted_up_to(&self, revision: i64) -> u64 {
        let admissions = self.admissions.lock().unwrap();
        admissions.partition_point(|admission| *admission <= revision) as u64
    }

    /// Returns the number of reads that were answered, and of those that failed, during a phase.
    fn during(&self, phase: impl FnOnce()) -> (u64, u64) {
        let counts = || (self.reads.load(SeqCst), self.failed_reads.load(SeqCst));
        let before = counts();
        phase();
        let after = counts();
        (after.0 - before.0, after.1 - before.1)
    }
}

fn write(client: Client, findings: Arc<Findings>, from: usize) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for number in from.. {
            if findings.is_over.load(SeqCst) {
                return;
            }
            let name = format!("M{number:05}");
            let is_done = |answer: &Answer| answer.body.contains("\"data\":{\"memberAdmit\":{");
            match client.admit(&name).ok().filter(is_done) {
                Some(answer) => {
                    findings.admitted.lock().unwrap().insert(name);
                    findings.admissions.lock().unwrap().push(answer.revision());
                }
                None => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    })
}

fn read(client: Client, findings: Arc<Findings>, reader: usize) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut seen = 0;
        for round in 0.. {
            if findings.is_over.load(SeqCst) {
                return;
            }
            match client.count(&format!("r{reader}x{round}"), Some(seen)) {
                Ok(answer) if answer.body.contains("\"totalCount\":") => {
                    findings.reads.fetch_add(1, SeqCst);
                    let (revision, members) = (answer.revision(), answer.members().unsigned_abs());
                    let is_fewer = members < findings.admitted_up_to(revision);
                    findings.older.fetch_add(u64::from(revision < seen), SeqCst);
                    findings.fewer.fetch_add(u64::from(is_fewer), SeqCst);
                    seen = revision;
                }
                _ => {
                    findings.failed_reads.fetch_add(1, SeqCst);
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    })
}

/// Executes a statement on a server, and returns the text that it selects.
async fn ask(instance: &Instance, sql: &str) -> String {
    let db = sea_orm::Database::connect(instance.url("postgres")).await.unwrap();
    let found = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    let found = found.await.unwrap().map(|row| row.try_get_by_index(0).unwrap());
    db.close().await.unwrap();
    found.unwrap_or_default()
}

async fn set(instance: &Instance, setting: &str) {
    let db = sea_orm::Database::connect(instance.url("postgres")).await.unwrap();
    db.execute_unprepared(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
    db.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
    db.close().await.unwrap();
}

/// Promotes the standby that has received more, and makes the other one follow it. Returns the two
/// in this order.
async fn promote<'i>(one: &'i Instance, other: &'i Instance) -> (&'i Instance, &'i Instance) {
    let received = "SELECT (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint::text";
    let number = async |of| ask(of, received).await.parse::<i64>().unwrap();
    let is_one = number(one).await >= number(other).await;
    let (new, rest) = if is_one { (one, other) } else { (other, one) };
    new.control(&["promote"]);
    let source = new.url("postgres");
    set(rest, &format!("primary_conninfo = '{source}'")).await;
    (new, rest)
}

async fn load(is_synchronous: bool) {
    let primary = Instance::primary();
    let (one, other) = (primary.standby(), primary.standby());
    let all = [&primary, &one, &other];
    run(&primary.url("postgres"), "migrate");
    if is_synchronous {
        for instance in all {
            set(instance, "synchronous_standby_names = 'ANY 1 (*)'").await;
        }
    }
    let list = all.map(|instance| instance.url("postgres")).join(", ");
    let mut serving = program(&list, &[&one, &other]);
    serving.env("SAMREGISTER_MAX_COST_PER_MINUTE", "0");
    let server = Server::start(serving, "serve --bind 127.0.0.1:0");
    let client = |subject: String| Client {
        address: server.address.clone(),
        token: run(&list, &format!("token --role OFFICE --days 30 --subject {subject}")),
    };
    let writer = client("writer".to_owned());
    let in_use = |instance: &Instance| writer.metric("database_replica_in_use", &name_of(instance));
    wait_until("both replicas are in use", || all[1..].iter().all(|it| in_use(it) == Some(1)));
    let findings = Arc::<Findings>::default();
    let mut threads = vec![write(writer.clone(), Arc::clone(&findings), 0)];
    for reader in 0..READERS {
        threads.push(read(client(format!("reader{reader}")), Arc::clone(&findings), reader));
    }
    let pass = || std::thread::sleep(phase());
    let usual = findings.during(pass);
    let killed = findings.during(|| {
        one.control(&["stop", "-m", "immediate"]);
        pass();
    });
    one.start();
    wait_until("the killed replica is in use again", || in_use(&one) == Some(1));
    let returned = findings.during(pass);
    assert_eq!((usual.1, killed.1, returned.1), (0, 0, 0), "reads fail without a replica");
    assert_eq!(findings.older.load(SeqCst), 0, "an older state than the client had seen");
    assert_eq!(findings.fewer.load(SeqCst), 0, "an older state than the answer states");

    let before = (findings.reads.load(SeqCst), findings.failed_reads.load(SeqCst));
    primary.control(&["stop", "-m", "immediate"]);
    let (new, rest) = promote(&one, &other).await;
    pass();
    pass();
    let promoted = findings.reads.load(SeqCst) - before.0;
    let failed = findings.failed_reads.load(SeqCst) - before.1;
    wait_until("the other replica follows the new primary", || in_use(rest) == Some(1));
    findings.is_over.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let names = "SELECT coalesce(string_agg(name, ','), '') FROM member";
    let stored = ask(new, names).await;
    let stored: BTreeSet<&str> = stored.split(',').collect();
    let admitted = findings.admitted.lock().unwrap().clone();
    let lost = admitted.iter().filter(|name| !stored.contains(name.as_str())).count();
    println!(
        "synchronous: {is_synchronous}; answered changes: {}, lost: {lost}; reads in {:?}: {}, with one killed: {}, \
         with it back: {}; in twice that time with another primary: {promoted}, failed: {failed}, older: {}, with fewer members: {}",
        admitted.len(),
        phase(),
        usual.0,
        killed.0,
        returned.0,
        findings.older.load(SeqCst),
        findings.fewer.load(SeqCst)
    );
    assert!(usual.0 > 0 && killed.0 > 0 && promoted > failed, "{promoted} reads, {failed} failed");
    if is_synchronous {
        assert_eq!((lost, findings.older.load(SeqCst), findings.fewer.load(SeqCst)), (0, 0, 0));
    }
    assert_eq!(server.stop().0, Some(0));
    run(&new.url("postgres"), "verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_synchronous_replicas_nothing_answered_is_lost_and_reads_continue() {
    load(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_asynchronous_replicas_the_loss_is_measured_and_reads_continue() {
    load(false).await;
}

/// A replica that lags for longer than eight seconds is left out, and returns.
#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_replica_is_left_out_and_returns() {
    let primary = Instance::primary();
    let standby = primary.standby();
    let (list, name) = (primary.url("postgres"), name_of(&standby));
    run(&list, "migrate");
    let server = Server::start(program(&list, &[&standby]), "serve --bind 127.0.0.1:0");
    let token = run(&list, "token --role OFFICE --days 30");
    let client = Client { address: server.address.clone(), token };
    let in_use = || client.metric("database_replica_in_use", &name);
    wait_until("the replica is in use", || in_use() == Some(1));
    ask(&standby, "SELECT pg_wal_replay_pause()::text").await;
    for number in 0..3 {
        assert_eq!(client.admit(&format!("M{number}")).unwrap().status, 200);
    }
    wait_until("the replica is left out", || in_use() == Some(0));
    assert!(client.metric("database_replica_lag_revisions", &name) > Some(0));
    assert_eq!(client.count("a", None).unwrap().members(), 3);
    ask(&standby, "SELECT pg_wal_replay_resume()::text").await;
    wait_until("the replica is in use again", || in_use() == Some(1));
    assert_eq!(client.metric("database_replica_lag_revisions", &name), Some(0));
    assert_eq!(server.stop().0, Some(0));
}

/// A standby that was promoted alone has another audit trail: it is left out, and does not return
/// when the primary is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_with_another_trail_is_left_out_even_without_the_primary() {
    let primary = Instance::primary();
    let (standby, stray) = (primary.standby(), primary.standby());
    let list = [&primary, &standby].map(|instance| instance.url("postgres")).join(", ");
    run(&list, "migrate");
    let token = run(&list, "token --role OFFICE --days 30");
    let server = Server::start(program(&list, &[&standby, &stray]), "serve --bind 127.0.0.1:0");
    let client = Client { address: server.address.clone(), token: token.clone() };
    let in_use = |instance: &Instance| client.metric("database_replica_in_use", &name_of(instance));
    wait_until("both are in use", || in_use(&standby) == Some(1) && in_use(&stray) == Some(1));
    let first = client.admit("Första").unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    stray.control(&["promote"]);
    let own = Server::start(program(&stray.url("postgres"), &[]), "serve --bind 127.0.0.1:0");
    let writer = Client { address: own.address.clone(), token };
    for number in 0..3 {
        let answer = writer.admit(&format!("Främmande {number}")).unwrap();
        assert!(answer.body.contains("\"data\":{\"memberAdmit\":{"), "{answer:?}");
    }
    assert_eq!(own.stop().0, Some(0));
    wait_until("the stray one is left out", || in_use(&stray) == Some(0));
    // For its trail, not because it did not answer while it was promoted.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((in_use(&stray), in_use(&standby)), (Some(0), Some(1)));
    assert_eq!(client.count("a", None).unwrap().members(), 1);

    primary.control(&["stop", "-m", "immediate"]);
    // Several checks, and queries meanwhile.
    let began = Instant::now();
    for round in 0.. {
        if began.elapsed() > Duration::from_secs(8) {
            break;
        }
        assert_eq!(in_use(&stray), Some(0));
        let answer = client.count(&format!("b{round}"), None).unwrap();
        if answer.body.contains("\"totalCount\":") {
            assert_eq!(answer.members(), 1, "{answer:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!((in_use(&stray), in_use(&standby)), (Some(0), Some(1)));
    assert_eq!(client.count("c", None).unwrap().members(), 1);
    assert_eq!(client.metric("database_replica_lag_revisions", &name_of(&stray)), None);
    assert_eq!(server.stop().0, Some(0));
}
