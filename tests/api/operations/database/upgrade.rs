//! Tests that a register of every release before this one can be migrated, and that the migration
//! can be interrupted at any point.
//!
//! `tests/fixtures/upgrade` has a folder for each release, which its `make.py` wrote with the
//! program of that release.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sea_orm::ConnectionTrait;

use crate::{
    audit::verify::rows::past_triggers_of,
    operations::database::{
        interruptions::{kill_points, migrate, migrate_killed},
        migration_files::numbers,
    },
    support::{
        app::{App, on_both, runs},
        database_content::Content,
        test_database::TestDatabase,
    },
};

/// The key that signs the trail of a fixture.
const KEYS: [&str; 2] = ["register.db.trail-key.pem", "register.sql.trail-key.pem"];

/// Tables that a conversion writes with random values or the time: of these only the number of rows
/// is compared.
const CONVERTED: &[&str] = &["audit_entry", "person_key", "sealed_entry"];

/// Tables that hold rows only while a change is made, or after changes have failed.
const TRANSIENT: &[&str] = &["agreement_in_force_later", "search_stale", "write_probe"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upgrade")
}

/// The versions of every release, as the list of released migrations and the changelog have them.
fn released() -> BTreeSet<&'static str> {
    let of_migrations =
        migration::releases::RELEASED.lines().filter_map(|line| line.split(' ').next());
    let headings = include_str!("../../../../CHANGELOG.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## [")?.split(']').next());
    of_migrations.chain(headings.filter(|version| *version != "Unreleased")).collect()
}

#[test]
fn each_release_has_its_fixture() {
    for version in released() {
        let folder = fixtures().join(version.strip_suffix(".0").unwrap_or(version));
        // The trail of 0.1 was not signed.
        let keys = if numbers(version) < [0, 2, 0] { [].as_slice() } else { &KEYS };
        for file in [
            "register.db.gz",
            "register.db.checkpoint",
            "register.sql.gz",
            "register.sql.checkpoint",
        ]
        .iter()
        .chain(keys)
        {
            let file = folder.join(file);
            assert!(
                file.is_file(),
                "the release {version} has no fixture {}: make it with tests/fixtures/upgrade/make.py on the commit of its tag",
                file.display()
            );
        }
    }
}

/// The folders of all releases.
fn releases() -> Vec<PathBuf> {
    let folder = fixtures();
    let mut releases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
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

/// The register of a release with its own key, if it has one, and the file with its checkpoint.
async fn restored(app: &App, release: &Path) -> (TestDatabase, PathBuf) {
    let database = app.empty_database().await;
    let [of_sqlite, of_postgres] = KEYS.map(|key| release.join(key));
    let key = if database.url().starts_with("sqlite:") { of_sqlite } else { of_postgres };
    let database = if key.is_file() { database.with_key(key) } else { database };
    if database.url().starts_with("sqlite:") {
        fs::write(database.file(), unpacked(&release.join("register.db.gz"))).unwrap();
        return (database, release.join("register.db.checkpoint"));
    }
    let sql = String::from_utf8(unpacked(&release.join("register.sql.gz"))).unwrap();
    let db = sea_orm::Database::connect(database.url()).await.unwrap();
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
    (database, release.join("register.sql.checkpoint"))
}

/// Checks the register with `verify`, against the checkpoint of the release too.
#[track_caller]
fn verify(database: &TestDatabase, checkpoint: &Path) {
    let output =
        database.program().args(["verify", "--checkpoints"]).arg(checkpoint).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("before the audit trail"), "{said}");
}

/// Checks what was written since the checkpoint of the release, which includes the trail's
/// migration.
#[track_caller]
fn verify_since(database: &TestDatabase, checkpoint: &Path) {
    let text = fs::read_to_string(checkpoint).unwrap();
    let line = text.lines().rfind(|line| !line.starts_with('#') && !line.starts_with('+')).unwrap();
    let output = database.program().args(["verify", "--since", line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
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
    let fresh = app.empty_database().await;
    migrate(&fresh);
    let fresh = Content::of(&fresh).await;
    for release in releases() {
        let (database, checkpoint) = restored(&app, &release).await;
        let before = Content::of(&database).await;
        let empty = before.empty_tables();
        assert!(
            empty.iter().all(|table| TRANSIENT.contains(table)),
            "{}: no row in {empty:?}",
            release.display()
        );
        migrate(&database);
        let after = Content::of(&database).await;
        // A released migration that was changed gives a new register another schema than an old
        // one.
        assert_eq!(after.schema, fresh.schema, "{}", release.display());
        for (table, rows) in &before.rows {
            // The trail's migration adds entries of its own, and no other.
            let is_added = |row: &&String| table == "audit_entry" && row.contains("trailMigrate");
            let added =
                after.rows.get(table).map_or(0, |rows| rows.iter().filter(is_added).count());
            let now = after.rows.get(table).map(|rows| rows.len() - added);
            // More is searched than before, and months have totals in which nothing was invoiced.
            let is_derived = matches!(
                table.as_str(),
                "search_document" | "revenue_month" | "revenue_member_year"
            ) && now > Some(rows.len());
            let is_of_migrations =
                matches!(table.as_str(), "seaql_migrations" | "migration_requirement");
            assert!(
                is_of_migrations || is_derived || now == Some(rows.len()),
                "{}: {table} had {} rows: {now:?}",
                release.display(),
                rows.len()
            );
        }
        verify(&database, &checkpoint);
        verify_since(&database, &checkpoint);
        migrate(&database);
        assert_eq!(Content::of(&database).await, after, "{}: migrated again", release.display());
    }
});

on_both!(
    a_migration_of_an_old_register_that_was_killed_is_finished_by_the_next_one,
    |app| async move {
        for release in releases() {
            let (old, checkpoint) = restored(&app, &release).await;
            let complete = old.copy().await;
            let time = migrate(&complete);
            let expected = comparable(Content::of(&complete).await);
            for delay in kill_points(runs(3, 30), time) {
                let database = old.copy().await;
                migrate_killed(&database, delay);
                assert_eq!(
                    comparable(Content::of(&database).await),
                    expected,
                    "{}: killed after {delay:?}",
                    release.display()
                );
                verify(&database, &checkpoint);
            }
        }
    }
);

/// Rows that 0.1 wrote no entry about, or one without this field: how an attacker changes them, and
/// what `verify` says of it.
fn tampering(is_sqlite: bool) -> Vec<(&'static str, String, &'static str)> {
    let bytes = if is_sqlite { "x'00'" } else { "'\\x00'::bytea" };
    let file = |format| {
        format!(
            "UPDATE invoice_file SET bytes = {bytes}, sha256 = '{OF_ONE_BYTE}' WHERE format = '{format}'"
        )
    };
    let charge = "INSERT INTO fee_charge (line_id, kind, year, round, member_id)
        SELECT l.id, 'MEMBERSHIP_FEE', 2020, 1, (SELECT id FROM member ORDER BY id LIMIT 1)
        FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
        WHERE i.issued_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM fee_charge c WHERE c.line_id = l.id) ORDER BY l.id LIMIT 1";
    let part = "UPDATE bank_payment_part
        SET bank_payment_id = (SELECT id FROM bank_payment b WHERE b.id <> bank_payment_part.bank_payment_id ORDER BY id LIMIT 1)";
    vec![
        ("invoice_content", "UPDATE invoice_content SET content = 'X'".into(), "invoice content "),
        ("invoice_file", file("PDF"), "invoice pdf "),
        ("invoice_file", file("XML"), "invoice xml "),
        (
            "agreement_document",
            "UPDATE agreement_document SET html = 'X'".into(),
            "agreement html ",
        ),
        ("fee_charge", "UPDATE fee_charge SET year = year - 1".into(), "fee charge "),
        ("fee_charge", charge.into(), "has no entry in the audit trail"),
        ("bank_payment_part", part.into(), "bank payment part "),
        (
            "token_revocation",
            "UPDATE token_revocation SET member_id = (SELECT id FROM member ORDER BY id LIMIT 1)"
                .into(),
            "token revocation ",
        ),
    ]
}

/// SHA-256 of a byte that is 0.
const OF_ONE_BYTE: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";

on_both!(
    rows_that_an_older_trail_did_not_record_are_checked_when_it_is_migrated,
    |app| async move {
        let (database, _) = restored(&app, &fixtures().join("0.1")).await;
        migrate(&database);
        for (table, statement, found) in tampering(database.url().starts_with("sqlite:")) {
            let database = database.copy().await;
            let db = sea_orm::Database::connect(database.url()).await.unwrap();
            assert!(past_triggers_of(db, table, &statement).await > 0, "{statement}");
            let output = database.program().arg("verify").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.code() == Some(3) && said.contains(found), "{statement}: {said}");
        }
    }
);

on_both!(a_row_that_was_changed_before_the_migration_is_found_after_it, |app| async move {
    let (database, _) = restored(&app, &fixtures().join("0.1")).await;
    let db = sea_orm::Database::connect(database.url()).await.unwrap();
    assert!(
        past_triggers_of(
            db,
            "allocation",
            "UPDATE allocation SET amount = amount * 10 WHERE year = 2026"
        )
        .await
            > 0
    );
    migrate(&database);
    let output = database.program().arg("verify").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.code() == Some(3) && said.contains("allocation ") && said.contains("amount"),
        "{said}"
    );
});
