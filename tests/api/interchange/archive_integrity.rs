//! An import of the archive is refused if `verify` would find its documents to violate an
//! invariant: gaps in the numbers, and versions without a file.

use serde_json::json;

use super::archive::registered;
use crate::support::{
    app::{App, on_both},
    register_files::{Files, bad_rows, exported, try_import},
    uploads::upload,
};

const DOCUMENTS: &str = "archived_documents.csv";
const FILES: &str = "archived_files.csv";

/// Returns these files without the lines of one of them that begin with a text.
fn without(files: &Files, name: &str, start: &str) -> Files {
    let text = String::from_utf8(files[name].clone()).unwrap();
    let left: Vec<&str> =
        text.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect();
    assert_ne!(left.concat(), text, "{start}");
    let mut changed = files.clone();
    changed.insert(name.to_owned(), left.concat().into_bytes());
    changed
}

/// Returns only the files of the archive.
fn archive_of(files: &Files) -> Files {
    let is_archive = |name: &str| name.starts_with("archived_");
    files.iter().filter(|(name, _)| is_archive(name)).map(|(n, b)| (n.clone(), b.clone())).collect()
}

async fn verify(app: &App) {
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

on_both!(an_import_of_an_archive_with_gaps_is_refused, |app| async move {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(registered(&app, None).await);
    }
    let csv = upload(&app.office(), "brev.csv", "text/csv", b"a;b\n1;2\n").await;
    let change = json!({ "archivedDocumentId": ids[2], "fileId": csv.json["id"] });
    app.office().does("archivedDocumentReplace", "archivedDocument { id }", change).await.data();
    let files = archive_of(&exported(&app).await);
    let other = app.another().await;
    let before = other.revision().await;
    let gap = without(&without(&files, DOCUMENTS, "D2026-0002,"), FILES, "D2026-0002,");
    assert_eq!(
        bad_rows(&other, &gap).await,
        [
            "archived_documents.csv:3: number: leaves a gap: there is no archived document D2026-0002"
        ]
    );
    let lacking = "versions: must each have a row in archived_files.csv, numbered from 1";
    for (start, line) in [("D2026-0001,", 2), ("D2026-0003,1,", 4), ("D2026-0003,2,", 4)] {
        let refused = bad_rows(&other, &without(&files, FILES, start)).await;
        assert_eq!(refused, [format!("{DOCUMENTS}:{line}: {lacking}")], "{start}");
    }
    let mut no_files = files.clone();
    no_files.remove(FILES);
    assert_eq!(bad_rows(&other, &no_files).await.len(), 3);
    assert_eq!(other.revision().await, before, "nothing is changed");

    // A first part, and then the rest.
    let first = without(&without(&files, DOCUMENTS, "D2026-0003,"), FILES, "D2026-0003,");
    try_import(&other, &first).await.unwrap();
    try_import(&other, &files).await.unwrap();
    verify(&other).await;
});
