//! Tests that a register of every release before this one can be migrated, and that the migration can be interrupted at any point.
//!
//! `tests/fixtures/upgrade` has a folder for each release, which its `make.py` wrote with the program of that release.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sea_orm::ConnectionTrait;

use crate::{
    app::{App, on_both, runs},
    database_content::Content,
    interruptions::{kill_points, migrate, migrate_killed},
    place::Place,
};

/// Tables that a conversion writes with random values or the time: of these only the number of rows is compared.
const CONVERTED: &[&str] = &["audit_entry", "person_key", "sealed_entry"];

/// Tables that hold rows only while a change is made, or after changes have failed.
const TRANSIENT: &[&str] = &["agreement_in_force_later", "search_stale", "write_probe"];

/// The folders of all releases.
fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upgrade");
    let mut releases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    releases.sort();
    assert!(!releases.is_empty(), "there is no fixture");
    releases
}

fn unpacked(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packed = fs::File::open(file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The register of a release, and the file with its checkpoint.
async fn restored(app: &App, release: &Path) -> (Place, PathBuf) {
    let place = app.place().await;
    if place.url().starts_with("sqlite:") {
        fs::write(place.file(), unpacked(&release.join("register.db.gz"))).unwrap();
        return (place, release.join("register.db.checkpoint"));
    }
    let sql = String::from_utf8(unpacked(&release.join("register.sql.gz"))).unwrap();
    let db = sea_orm::Database::connect(place.url()).await.unwrap();
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
    (place, release.join("register.sql.checkpoint"))
}

/// Checks the register with `verify`, against the checkpoint of the release too.
#[track_caller]
fn verify(place: &Place, checkpoint: &Path) {
    let output = place.program().args(["verify", "--checkpoints"]).arg(checkpoint).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Checks what was written since the checkpoint of the release, which includes the trail's migration.
#[track_caller]
fn verify_since(place: &Place, checkpoint: &Path) {
    let text = fs::read_to_string(checkpoint).unwrap();
    let line = text.lines().rfind(|line| !line.starts_with('#') && !line.starts_with('+')).unwrap();
    let output = place.program().args(["verify", "--since", line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The content without the values of [`CONVERTED`].
fn comparable(mut content: Content) -> Content {
    for table in CONVERTED {
        if let Some(rows) = content.rows.get_mut(*table) {
            *rows = vec![format!("{} rows", rows.len())];
        }
    }
    content
}

on_both!(a_register_of_each_release_is_migrated, |app| async move {
    let fresh = app.place().await;
    migrate(&fresh);
    let fresh = Content::of(&fresh).await;
    for release in releases() {
        let (place, checkpoint) = restored(&app, &release).await;
        let before = Content::of(&place).await;
        let empty = before.empty_tables();
        assert!(empty.iter().all(|table| TRANSIENT.contains(table)), "{}: no row in {empty:?}", release.display());
        migrate(&place);
        let after = Content::of(&place).await;
        // A released migration that was changed gives a new register another schema than an old one.
        assert_eq!(after.schema, fresh.schema, "{}", release.display());
        for (table, rows) in &before.rows {
            // The trail's migration is an entry of it.
            let added = usize::from(table == "audit_entry");
            let now = after.rows.get(table).map(|rows| rows.len() - added);
            assert!(
                table == "seaql_migrations" || now == Some(rows.len()),
                "{}: {table} had {} rows: {now:?}",
                release.display(),
                rows.len()
            );
        }
        verify(&place, &checkpoint);
        verify_since(&place, &checkpoint);
        migrate(&place);
        assert_eq!(Content::of(&place).await, after, "{}: migrated again", release.display());
    }
});

on_both!(a_migration_of_an_old_register_that_was_killed_is_finished_by_the_next_one, |app| async move {
    for release in releases() {
        let (old, checkpoint) = restored(&app, &release).await;
        let whole = old.copy().await;
        let time = migrate(&whole);
        let expected = comparable(Content::of(&whole).await);
        for delay in kill_points(runs(3, 30), time) {
            let place = old.copy().await;
            migrate_killed(&place, delay);
            assert_eq!(comparable(Content::of(&place).await), expected, "{}: killed after {delay:?}", release.display());
            verify(&place, &checkpoint);
        }
    }
});
