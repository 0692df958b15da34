//! The restore drill: a backup under load holds every change that was answered before, and nothing
//! of a change that is not whole.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use domain::{clock::Clock, database::Database};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::{BackupFolder, restoring, run};
use crate::support::{
    app::{App, on_both, runs},
    database_content::Content,
    fixtures,
    test_database::TestDatabase,
};

/// Number of concurrent writers.
const WRITERS: usize = 16;

/// The first column of a query.
async fn column(db: &Database, sql: &str) -> Vec<String> {
    let rows = db.read().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Writers that add organisations until they are stopped.
struct Writers {
    is_stopped: Arc<AtomicBool>,
    answered: Arc<Mutex<Vec<String>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    fn start(app: &App) -> Self {
        let is_stopped = Arc::<AtomicBool>::default();
        let answered = Arc::<Mutex<Vec<String>>>::default();
        let tasks = (0..WRITERS).map(|writer| {
            let (app, is_stopped, answered) =
                (app.clone(), Arc::clone(&is_stopped), Arc::clone(&answered));
            tokio::spawn(async move {
                for number in 0.. {
                    if is_stopped.load(SeqCst) {
                        break;
                    }
                    let name = format!("Organisation {writer}-{number}");
                    let office = app.office();
                    let answer = office.does("organisationAdd", "id", json!({ "name": name }));
                    answer.await.data();
                    answered.lock().unwrap().push(name);
                }
            })
        });
        Self { tasks: tasks.collect(), is_stopped, answered }
    }

    fn answered(&self) -> Vec<String> {
        self.answered.lock().unwrap().clone()
    }

    /// Waits until so many more changes were answered.
    async fn wait_for(&self, more: usize) {
        let goal = self.answered().len() + more;
        while self.answered().len() < goal {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
        self.is_stopped.store(true, SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

on_both!(a_backup_under_load_holds_every_change_that_was_answered, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    app.import(fixtures::FILES).await;
    let folder = BackupFolder::new();
    let writers = Writers::start(&app);
    let mut copies = Vec::new();
    for round in 0..runs(2, 10) {
        writers.wait_for(30).await;
        let (_, checkpoint, _) = run(app.program(), &["checkpoint"]);
        let answered = writers.answered();
        let file = folder.path(&format!("{round}.backup"));
        let program = folder.program(&app);
        let path = file.clone();
        let backing_up =
            tokio::task::spawn_blocking(move || run(program, &["backup", path.to_str().unwrap()]));
        let done = backing_up.await.unwrap();
        assert_eq!(done.0, Some(0), "{done:?}");
        copies.push((file, checkpoint, answered));
    }
    writers.wait_for(10).await;
    writers.stop().await;
    let trail = "SELECT hash FROM audit_entry ORDER BY revision";
    let whole_trail = column(&app.db, trail).await;
    for (round, (file, checkpoint, answered)) in copies.into_iter().enumerate() {
        let manifest = folder.manifest(&format!("{round}.backup"));
        let revision = usize::try_from(manifest["revision"].as_i64().unwrap()).unwrap();
        assert!(revision < whole_trail.len(), "nothing was written after the backup");
        let restored = app.empty_database().await;
        let done = run(restored.program(), &restoring(&file, &[]));
        assert_eq!(done.0, Some(0), "{done:?}");
        let db = Database::connect(&restored.url(), None).await.unwrap();
        // All of the trail up to the revision, and nothing after it.
        assert_eq!(column(&db, trail).await, whole_trail[..revision]);
        let names = column(&db, "SELECT name FROM organisation").await;
        let missing: Vec<_> = answered.iter().filter(|name| !names.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?} were answered before the backup");
        db.close().await.unwrap();
        let checkpoints = folder.path("checkpoints");
        fs::write(&checkpoints, checkpoint).unwrap();
        let verify = ["verify", "--checkpoints", checkpoints.to_str().unwrap()];
        let verified = run(restored.program(), &verify);
        assert!(verified.0 == Some(0) && verified.1.contains("no violation"), "{verified:?}");
    }
});

/// A register with the data of the fixtures.
async fn filled(app: &App) -> TestDatabase {
    let database = app.empty_database().await;
    let csv = tempfile::tempdir().unwrap();
    for (name, text) in fixtures::FILES {
        let file = csv.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    for line in [&["migrate"][..], &["import", csv.path().to_str().unwrap()]] {
        let done = run(database.program(), line);
        assert_eq!(done.0, Some(0), "{done:?}");
    }
    database
}

on_both!(a_restored_register_is_the_same_in_schema_and_rows, |app| async move {
    let (database, folder) = (filled(&app).await, BackupFolder::new());
    let file = folder.path("register");
    let done = run(folder.of(database.program()), &["backup", file.to_str().unwrap()]);
    assert_eq!(done.0, Some(0), "{done:?}");
    let restored = app.empty_database().await;
    let done = run(restored.program(), &restoring(&file, &[]));
    assert!(done.0 == Some(0) && done.1.contains("no violation"), "{done:?}");
    assert_eq!(Content::of(&restored).await, Content::of(&database).await);
    // It is used from there.
    let again = run(restored.program(), &["migrate"]);
    assert_eq!(again.2, "the register is up to date\n");
    #[cfg(unix)]
    for name in ["register", "register.manifest.json"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let manifest = folder.manifest("register");
    let expected = if restored.url().starts_with("sqlite:") { "SQLITE" } else { "POSTGRESQL" };
    assert_eq!(
        (&manifest["database"], &manifest["program"], &manifest["verified"]),
        (&json!(expected), &json!(env!("CARGO_PKG_VERSION")), &Value::Bool(true))
    );
    assert_eq!(manifest["bytes"], json!(fs::metadata(&file).unwrap().len()));
});
