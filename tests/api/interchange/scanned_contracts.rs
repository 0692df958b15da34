//! `samregister archive import`: the report on files that are not registered.

use std::path::Path;

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{Register, agreed},
    uploads::PDF,
};

/// Runs the import of a folder, and returns its table, what it says, and its exit code.
fn import(app: &App, folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut program = app.program();
    program.env("SAMREGISTER_MAX_UPLOAD_BYTES", "1024");
    program.args(["archive", "import"]).arg(folder).args(arguments);
    let output = program.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Asserts that the table has a line of a file with this result.
#[track_caller]
fn has(table: &str, file: &str, result: &str) {
    let line = table.lines().find(|line| line.contains(file));
    assert!(line.is_some_and(|line| line.contains(result)), "{file}: {table}");
}

/// Returns the number of documents of the archive.
async fn documents(app: &App) -> i64 {
    let found = app.office().query("{ archivedDocuments { totalCount } }").await;
    found["archivedDocuments"]["totalCount"].as_i64().unwrap()
}

on_both!(a_file_that_can_not_be_read_stops_no_other, |app| async move {
    let register_of = Register::fill(&app).await;
    agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("2026-0001 a.pdf")).unwrap();
    std::fs::write(folder.path().join("2026-0001 b.pdf"), [PDF, &[b' '; 1024]].concat()).unwrap();
    std::fs::write(folder.path().join("2026-0001 c.pdf"), PDF).unwrap();
    for (arguments, result) in [(&["--dry-run"][..], "registreras"), (&[], "registrerad")] {
        let (table, said, code) = import(&app, folder.path(), arguments);
        has(&table, "2026-0001 a.pdf", "kan inte läsas");
        has(&table, "2026-0001 b.pdf", "för stor");
        has(&table, "2026-0001 c.pdf", result);
        assert!(said.contains("2 files could not be read"), "{said}");
        assert_eq!(code, Some(1));
    }
    assert_eq!(documents(&app).await, 1);
});

on_both!(a_dry_run_says_what_the_import_does, |app| async move {
    let register_of = Register::fill(&app).await;
    agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let folder = tempfile::tempdir().unwrap();
    let other = [PDF, b" "].concat();
    for (name, bytes) in [
        ("2026-0001 a.pdf", PDF),
        ("2026-0001 b.pdf", PDF),
        ("2026-0001 c\u{202e}d.pdf", other.as_slice()),
        ("2026-0001 e\u{1b}[31m.pdf", other.as_slice()),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (planned, said, _) = import(&app, folder.path(), &["--dry-run"]);
    has(&planned, "2026-0001 a.pdf", "registreras");
    has(&planned, "2026-0001 b.pdf", "samma som en tidigare fil");
    let (done, said_after, _) = import(&app, folder.path(), &[]);
    has(&done, "2026-0001 a.pdf", "registrerad");
    has(&done, "2026-0001 b.pdf", "fanns redan");
    for (table, said) in [(&planned, &said), (&done, &said_after)] {
        has(table, "2026-0001 c\\u{202e}d.pdf", "otillåtet filnamn");
        has(table, "2026-0001 e\\u{1b}[31m.pdf", "otillåtet filnamn");
        assert!(!table.contains(['\u{202e}', '\u{1b}']), "{table}");
        assert!(said.contains("2 files not registered"), "{said}");
    }
    assert_eq!(documents(&app).await, 1);
});
