//! Fault injection into the writes of a register on SQLite.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{ConnectOptions, ConnectionTrait, Statement};

use super::{
    WRITERS,
    load::{Outcome, Site, pause},
    volume::{Volume, limit_files},
};
use crate::support::app;

/// A register on a file system of its own; where the test may not mount one, in a folder.
struct Location {
    volume: Option<Volume>,
    folder: tempfile::TempDir,
}

impl Location {
    fn new(megabytes: u32) -> Self {
        Self { volume: Volume::mount(megabytes), folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.volume.as_ref().map_or(self.folder.path(), Volume::path).join("register.db")
    }

    fn url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.file().display())
    }

    /// Leaves no room for another page of the log.
    async fn fill(&self, site: &Site) {
        match &self.volume {
            Some(volume) => {
                truncate_log(&self.url()).await;
                volume.fill();
            }
            None => limit(site, Some(4096)),
        }
    }

    fn free(&self, site: &Site) {
        match &self.volume {
            Some(volume) => volume.free(),
            None => limit(site, None),
        }
    }
}

/// Lets the server's files grow to this size only: a longer write is an I/O error.
fn limit(site: &Site, size: Option<u64>) {
    limit_files(site.process(), size);
}

/// Another program at the same file.
async fn other(url: &str) -> sea_orm::DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

async fn truncate_log(url: &str) {
    let other = other(url).await;
    other.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.ok();
    other.close().await.unwrap();
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// The server refuses changes while the fault lasts and says so, and makes them again automatically
/// afterwards.
async fn outlive(site: &Site, url: &str, begin: impl AsyncFnOnce(), end: impl FnOnce()) {
    for _ in 0..2 {
        assert_eq!(site.write(), Outcome::Answered);
    }
    begin().await;
    let mut refused = 0;
    for _ in 0..500 {
        match site.write() {
            Outcome::Refused(code) => {
                assert_eq!(code, "INTERNAL");
                refused += 1;
            }
            outcome => assert_eq!(outcome, Outcome::Answered),
        }
        if refused == 2 {
            break;
        }
    }
    assert_eq!(refused, 2, "the fault was not felt");
    assert_eq!((site.status("/readyz"), site.status("/healthz")), (503, 200));
    assert_eq!(site.metric("samregister_database_up"), 0.0);
    let failed = site.metric("samregister_failed_writes_total");
    assert!(failed >= 2.0, "{failed}");
    end();
    site.wait_until_ready();
    assert_eq!(site.metric("samregister_database_up"), 1.0);
    for _ in 0..10 {
        assert_eq!(site.write(), Outcome::Answered);
    }
    // Nothing is left open: another program may write at once.
    let other = other(url).await;
    other.execute_unprepared("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    site.check(1).await;
}

#[tokio::test]
async fn a_full_disk_loses_no_answered_change() {
    let location = Location::new(24);
    let site = Site::start(location.url());
    outlive(&site, &location.url(), async || location.fill(&site).await, || location.free(&site))
        .await;
}

#[tokio::test]
async fn an_input_output_error_loses_no_answered_change() {
    let location = Location { volume: None, folder: tempfile::tempdir().unwrap() };
    let site = Site::start(location.url());
    outlive(&site, &location.url(), async || limit(&site, Some(4096)), || limit(&site, None)).await;
}

#[tokio::test]
async fn a_log_that_was_removed_stops_the_server_and_loses_no_answered_change() {
    for suffixes in [["-wal", "-shm"].as_slice(), &["-wal"], &["-shm"]] {
        let location = Location { volume: None, folder: tempfile::tempdir().unwrap() };
        let site = Site::start(location.url());
        for _ in 0..3 {
            assert_eq!(site.write(), Outcome::Answered);
        }
        for suffix in suffixes {
            fs::remove_file(with_suffix(&location.file(), suffix)).unwrap();
        }
        for _ in 0..3 {
            assert_eq!(site.write(), Outcome::Refused("INTERNAL".to_owned()), "{suffixes:?}");
        }
        let read = site.ask("{ members { totalCount } }").unwrap();
        assert_eq!(read["errors"][0]["extensions"]["code"], "INTERNAL", "{suffixes:?}");
        assert_eq!((site.status("/readyz"), site.status("/healthz")), (503, 200), "{suffixes:?}");
        assert_eq!(site.metric("samregister_database_up"), 0.0);
        assert!(site.metric("samregister_failed_writes_total") >= 3.0);
        // As if the power went.
        site.restart();
        site.wait_until_ready();
        assert_eq!(site.write(), Outcome::Answered);
        site.check(1).await;
    }
}

#[tokio::test]
async fn a_large_change_leaves_no_large_log() {
    let location = Location { volume: None, folder: tempfile::tempdir().unwrap() };
    let site = Site::start(location.url());
    // Another program writes much at once, as an import does next to the server.
    let import = other(&location.url()).await;
    import
        .execute_unprepared("INSERT OR REPLACE INTO write_probe VALUES (1, randomblob(40000000))")
        .await
        .unwrap();
    import.close().await.unwrap();
    assert!(fs::metadata(with_suffix(&location.file(), "-wal")).unwrap().len() > 30_000_000);
    for _ in 0..2 {
        assert_eq!(site.write(), Outcome::Answered);
    }
    let length = fs::metadata(with_suffix(&location.file(), "-wal")).unwrap().len();
    assert!(length <= 17 << 20, "the log has {length} bytes");
    site.check(0).await;
}

/// One fault of the series.
async fn strike(location: &Location, site: &Site, kind: usize) {
    match kind {
        0..=6 => {
            location.fill(site).await;
            pause(80);
            location.free(site);
        }
        7..=13 => {
            limit(site, Some(4096));
            pause(80);
            limit(site, None);
        }
        // Another program holds the lock for a while.
        14..=16 => {
            let other = other(&location.url()).await;
            if other.execute_unprepared("BEGIN IMMEDIATE").await.is_ok() {
                pause(60);
                other.execute_unprepared("ROLLBACK").await.unwrap();
            }
            other.close().await.unwrap();
        }
        17 => {
            // A log that no program has open is lost with its content, whichever program removes
            // it.
            site.wait_until_ready();
            for suffix in ["-wal", "-shm"] {
                fs::remove_file(with_suffix(&location.file(), suffix)).ok();
            }
            // Noticed, and what the log held is saved.
            while site.status("/readyz") == 200 {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(1500));
            site.restart();
        }
        _ => site.restart(),
    }
    pause(40);
}

#[tokio::test]
async fn failures_under_load_lose_no_answered_change() {
    let errors = app::runs(14, 1000);
    let location = Location::new(64);
    let site = Site::start(location.url());
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        site.under_writers(WRITERS, || {
            pause(200);
            for error in 0..errors {
                // Each kind comes in the short form too.
                let kind = if error < 20 { error * 3 % 20 } else { rand::random_range(0..20) };
                runtime.block_on(strike(&location, &site, kind));
            }
            site.wait_until_ready();
            pause(200);
        });
        runtime.block_on(site.check(errors));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn no_later_statement_commits_alone_after_a_failure() {
    let app = app::App::sqlite().await;
    let mut change = domain::audit::begin(
        app.context(&domain::auth::viewer::Viewer::operator("test")),
        domain::audit::Action::MemberUpdate,
    )
    .await
    .unwrap();
    // A change that recorded nothing is undone, which can't fail.
    change.record(None, Some(&entity::contact_area::Model::default())).unwrap();
    let insert = |id: u8| format!("INSERT INTO write_probe VALUES ({id}, x'00')");
    change.tx().execute_unprepared(&insert(1)).await.unwrap();
    // What SQLite does automatically on a full disk, an I/O error or too little memory.
    change.tx().execute_unprepared("ROLLBACK").await.unwrap();
    change.tx().execute_unprepared(&insert(1)).await.unwrap_err();
    change.tx().execute_unprepared(&insert(1)).await.unwrap_err();
    change.commit().await.unwrap_err();
    let count = Statement::from_string(app.db.backend(), "SELECT COUNT(*) FROM write_probe");
    let count: i64 =
        app.db.read().query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(count, 0);
    assert_eq!(app.db.failed_writes(), 1);
    // A change of the server's own succeeds by another connection.
    assert_eq!(app.get("/readyz").await.status, 200);
    let admitted = app
        .office()
        .query(
            "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }",
        )
        .await;
    assert_eq!(admitted["memberAdmit"]["member"]["name"], "Nya");
}
