//! Fault injection into the writes of a register on PostgreSQL.

use std::{thread, time::Duration};

use super::{
    WRITERS,
    cluster::Cluster,
    load::{Outcome, Site, pause},
    proxy::{Cut, Proxy},
};
use crate::support::app;

const DATABASE: &str = "register";

/// Ends every connection to the register.
const END_ALL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'register'";

/// A register on its own cluster, reached through a proxy.
async fn begin() -> (Cluster, Proxy, Site) {
    let cluster = Cluster::start().await;
    cluster.create(DATABASE).await;
    let proxy = Proxy::before(cluster.address()).await;
    let url = cluster.url(proxy.port, DATABASE);
    let site = tokio::task::spawn_blocking(|| Site::start(url)).await.unwrap();
    (cluster, proxy, site)
}

fn waits_for(condition: impl Fn() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain");
}

/// Uses up most of the log's files that PostgreSQL has made in advance.
async fn use_up_log(cluster: &Cluster) {
    for _ in 0..6 {
        cluster.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000))").await;
    }
}

/// Writes until a change is refused, which must happen soon.
fn write_until_refused(site: &Site) {
    for _ in 0..3000 {
        match site.write() {
            Outcome::Answered => {}
            outcome => return assert_eq!(outcome, Outcome::Refused("INTERNAL".to_owned())),
        }
    }
    panic!("the fault was not felt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_alone_loses_no_answered_change() {
    let (cluster, proxy, site) = begin().await;
    let runtime = tokio::runtime::Handle::current();
    let (cluster, proxy, site) = tokio::task::spawn_blocking(move || {
        // What became of the COMMIT is found out: the change is answered as made when it was, and
        // only then.
        for (cut, outcome) in [
            (Cut::After, Outcome::Answered),
            (Cut::Before, Outcome::Refused("INTERNAL".to_owned())),
            (Cut::After, Outcome::Answered),
        ] {
            proxy.cut(cut);
            assert_eq!(site.write(), outcome, "{cut:?}");
            assert!(!proxy.is_waiting());
            assert_eq!(site.write(), Outcome::Answered);
        }
        proxy.cut(Cut::At);
        site.write();
        assert!(runtime.block_on(cluster.execute(END_ALL)));
        site.wait_until_ready();
        waits_for(|| site.write() == Outcome::Answered);
        cluster.fill_tables();
        write_until_refused(&site);
        assert_eq!((site.status("/readyz"), site.metric("samregister_database_up")), (503, 0.0));
        cluster.free();
        site.wait_until_ready();
        assert_eq!(site.write(), Outcome::Answered);
        // Without room for its log the server itself gives up.
        cluster.fill_log();
        runtime.block_on(use_up_log(&cluster));
        write_until_refused(&site);
        cluster.free();
        cluster.run();
        site.wait_until_ready();
        waits_for(|| site.write() == Outcome::Answered);
        (cluster, proxy, site)
    })
    .await
    .unwrap();
    site.check(7).await;
    drop((cluster, proxy));
}

/// One fault of the series.
async fn strike(cluster: &Cluster, proxy: &Proxy, site: &Site, kind: usize) {
    match kind {
        0..=4 => proxy.cut(Cut::After),
        5..=7 => proxy.cut(Cut::At),
        8..=10 => proxy.cut(Cut::Before),
        11..=14 => {
            cluster.fill_tables();
            pause(400);
            cluster.free();
        }
        15 => {
            cluster.fill_log();
            use_up_log(cluster).await;
            pause(600);
            cluster.free();
            thread::sleep(Duration::from_millis(200));
            cluster.run();
        }
        16 => cluster.crash(DATABASE),
        17 => site.restart(),
        _ => drop(cluster.execute(END_ALL).await),
    }
    pause(250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_under_load_lose_no_answered_change() {
    let errors = app::runs(10, 200);
    let (cluster, proxy, site) = begin().await;
    let runtime = tokio::runtime::Handle::current();
    let (cluster, proxy, site) = tokio::task::spawn_blocking(move || {
        site.under_writers(WRITERS, || {
            pause(200);
            for error in 0..errors {
                let kind = if error < 20 { error * 7 % 20 } else { rand::random_range(0..20) };
                // A server can't be started that finds no database.
                if kind == 17 {
                    site.wait_until_ready();
                }
                runtime.block_on(strike(&cluster, &proxy, &site, kind));
            }
            proxy.cut(Cut::Nowhere);
            cluster.run();
            site.wait_until_ready();
            pause(500);
        });
        (cluster, proxy, site)
    })
    .await
    .unwrap();
    site.check(errors).await;
    drop((cluster, proxy));
}
