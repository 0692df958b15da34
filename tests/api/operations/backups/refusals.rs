//! What is not restored: to a register that is there, from a damaged file, by another key.

use std::fs;

use age::secrecy::ExposeSecret;
use axum::http::StatusCode;
use domain::{clock::Clock, database::Database, database::plan::Plan};
use sea_orm::DbBackend;
use serde_json::json;

use super::{BackupFolder, restoring, run};
use crate::support::{
    app::{App, on_both},
    test_database::TestDatabase,
};

/// A register with an organisation, and the folder of its backups.
async fn register(app: App) -> (App, BackupFolder) {
    let app = app.at(&Clock::system().now().to_rfc3339());
    let added = json!({ "name": "Kommunalförbundet Klartext" });
    app.office().does("organisationAdd", "id", added).await.data();
    (app, BackupFolder::new())
}

/// Asserts that nothing was restored there.
async fn is_empty(database: &TestDatabase) {
    if database.url().starts_with("sqlite:") {
        let folder = database.file().parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        return;
    }
    let db = Database::connect(&database.url(), None).await.unwrap();
    let status = db.migration_status(&Plan::current()).await.unwrap();
    assert!(status.iter().all(|step| step.applied.is_none()));
    db.close().await.unwrap();
}

on_both!(a_damaged_or_incomplete_backup_is_refused, |app| async move {
    let (app, folder) = register(app).await;
    folder.back_up(&app, "register");
    let file = folder.path("register");
    let whole = fs::read(&file).unwrap();
    let empty = app.empty_database().await;
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for bytes in [damaged, whole[..whole.len() - 1].to_vec(), Vec::new()] {
        fs::write(&file, bytes).unwrap();
        let done = run(empty.program(), &restoring(&file, &[]));
        assert!(done.0 == Some(1) && done.2.contains("is damaged or incomplete"), "{done:?}");
        is_empty(&empty).await;
    }
    fs::write(&file, &whole).unwrap();
    let manifest = folder.path("register.manifest.json");
    fs::rename(&manifest, folder.path("manifest")).unwrap();
    let done = run(empty.program(), &restoring(&file, &[]));
    assert!(done.0 == Some(1) && done.2.contains("there is no manifest"), "{done:?}");
    is_empty(&empty).await;
    let done = run(empty.program(), &restoring(&file, &["--without-manifest"]));
    assert!(done.0 == Some(0) && done.1.contains("no violation"), "{done:?}");
});

on_both!(a_register_that_is_there_is_never_restored_over, |app| async move {
    let (app, folder) = register(app).await;
    folder.back_up(&app, "register");
    let before = app.revision().await;
    let done = run(app.program(), &restoring(&folder.path("register"), &[]));
    assert!(done.0 == Some(1) && done.2.contains("is not empty"), "{done:?}");
    assert_eq!(app.revision().await, before);
    // Nor by the restored one's own second restoration.
    let empty = app.empty_database().await;
    for code in [0, 1] {
        let done = run(empty.program(), &restoring(&folder.path("register"), &[]));
        assert_eq!(done.0, Some(code), "{done:?}");
    }
});

#[tokio::test]
async fn a_backup_is_restored_to_its_own_kind_of_database() {
    let (app, folder) = register(App::sqlite().await).await;
    folder.back_up(&app, "register");
    let other = TestDatabase::postgres().await;
    for more in [&[][..], &["--without-manifest"]] {
        let done = run(other.program(), &restoring(&folder.path("register"), more));
        let reason = if more.is_empty() { "on SQLite" } else { "is no archive of pg_dump" };
        assert!(done.0 == Some(1) && done.2.contains(reason), "{done:?}");
        is_empty(&other).await;
    }
}

on_both!(an_encrypted_backup_is_restored_by_its_private_key_alone, |app| async move {
    let (app, folder) = register(app).await;
    let keys = ["own", "other"].map(|name| {
        let key = age::x25519::Identity::generate();
        fs::write(folder.path(name), key.to_string().expose_secret()).unwrap();
        key.to_public().to_string()
    });
    let mut program = folder.program(&app);
    program.env("SAMREGISTER_BACKUP_RECIPIENTS", &keys[0]);
    let done = run(program, &["backup"]);
    assert_eq!(done.0, Some(0), "{done:?}");
    let file = std::path::PathBuf::from(done.1.trim());
    let is_sqlite = app.db.backend() == DbBackend::Sqlite;
    let suffix = if is_sqlite { ".db.age" } else { ".dump.age" };
    assert!(file.to_str().unwrap().ends_with(suffix), "{done:?}");
    let bytes = fs::read(&file).unwrap();
    let holds = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    assert!(!holds("Klartext") && !holds("SQLite format") && !holds("PGDMP"));
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(folder.manifest(name)["recipients"], json!([keys[0]]));
    // Nothing of it remains in clear text.
    assert!(folder.names().iter().all(|name| !name.starts_with('.')), "{:?}", folder.names());

    let empty = app.empty_database().await;
    let done = run(empty.program(), &restoring(&file, &[]));
    assert!(done.0 == Some(1) && done.2.contains("--identity"), "{done:?}");
    let [own, other] = ["own", "other"].map(|name| folder.path(name).display().to_string());
    let done = run(empty.program(), &restoring(&file, &["--identity", &other]));
    assert!(done.0 == Some(1) && done.2.contains("encrypted to another key"), "{done:?}");
    is_empty(&empty).await;
    let done = run(empty.program(), &restoring(&file, &["--identity", &own]));
    assert!(done.0 == Some(0) && done.1.contains("no violation"), "{done:?}");
    let restored = app.by(&empty.url()).await;
    let found = restored.office().query("{ organisations { nodes { name } } }").await;
    assert_eq!(found.status, StatusCode::OK);
    assert_eq!(found["organisations"]["nodes"][0]["name"], "Kommunalförbundet Klartext");
});
