//! `verify --since`: what the entries after a checkpoint concern is checked, what no entry concerns is left to the full run.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::{
    app::{App, on_both},
    invoicing_samples::{course, drafted, issue, member},
    life_samples::{connection, deed},
    round_trip::lived,
    verify_rows::past_triggers,
};

/// What a command writes, and its exit code.
fn run(app: &App, arguments: &[&str]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr), output.status.code())
}

fn checkpoint(app: &App) -> String {
    let (line, code) = run(app, &["checkpoint"]);
    assert_eq!(code, Some(0), "{line}");
    line.trim_end().to_owned()
}

/// Drops an index of the table and returns its name.
async fn drop_an_index(app: &App, table: &str) -> String {
    let names = if app.db.backend() == DbBackend::Postgres {
        format!("SELECT indexname FROM pg_indexes WHERE tablename = '{table}' AND indexdef NOT LIKE 'CREATE UNIQUE%'")
    } else {
        format!("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql LIKE 'CREATE INDEX%'")
    };
    let db = connection(app).await;
    let row = db.query_one_raw(Statement::from_string(app.db.backend(), names)).await.unwrap().unwrap();
    let name: String = row.try_get_by_index(0).unwrap();
    db.execute_unprepared(&format!("DROP INDEX \"{name}\"")).await.unwrap();
    db.close().await.unwrap();
    name
}

on_both!(what_no_later_entry_concerns_is_left_to_the_full_run, |app| async move {
    let (app, _folder) = lived(&app).await;
    let office = app.office();
    let line = checkpoint(&app);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(0) && found.contains("note: only what entries after revision "), "{found}");

    deed(&office, "memberAdmit", json!({ "name": "Ny", "joinedOn": "2026-01-01", "county": "Gotlands län" }), "id").await.data();
    let invoice = drafted(&app.finance(), course(&member(&app, 5).await, "100.00")).await;
    let issued = issue(&app.finance(), &invoice, "number").await;
    let number = issued["invoiceIssue"]["number"].as_str().unwrap();
    assert_eq!(app.finance().get(&format!("/files/invoices/{invoice}.pdf")).await.status, 200);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert_eq!(code, Some(0), "{found}");

    // A row that no entry after the checkpoint concerns.
    let others = "UPDATE member SET county = 'Annat län' WHERE name <> 'Ny'";
    assert!(past_triggers(&app, "member", others).await >= 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert_eq!(code, Some(0), "{found}");
    let (found, code) = run(&app, &["verify"]);
    assert!(code == Some(3) && found.contains("county"), "{found}");

    // A row, and a file, that they do concern.
    assert_eq!(past_triggers(&app, "member", "UPDATE member SET county = 'Annat län' WHERE name = 'Ny'").await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("is not what revision ") && found.contains("county"), "{found}");
    assert!(found.contains("1 breach, "), "{found}");
    let bytes = if app.db.backend() == DbBackend::Postgres { "'\\x00'::bytea" } else { "x'00'" };
    let replaced = format!(
        "UPDATE invoice_file SET bytes = {bytes} WHERE format = 'PDF' AND invoice_id = (SELECT id FROM invoice WHERE number = '{number}')"
    );
    assert_eq!(past_triggers(&app, "invoice_file", &replaced).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("SHA-256"), "{found}");

    // The series of all numbers, and the schema.
    let first = "UPDATE invoice SET number = '20269999' WHERE number = '20260001'";
    assert_eq!(past_triggers(&app, "invoice", first).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("lacks 20260001"), "{found}");
    let dropped = drop_an_index(&app, "payment").await;
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains(&format!("schema: the index {dropped}")), "{found}");
});

on_both!(the_checkpoint_itself_and_the_entries_after_it_are_checked, |app| async move {
    let office = app.office();
    for name in ["Ett", "Två"] {
        deed(&office, "memberAdmit", json!({ "name": name, "joinedOn": "2026-01-01" }), "id").await.data();
    }
    let line = checkpoint(&app);
    deed(&office, "memberAdmit", json!({ "name": "Tre", "joinedOn": "2026-01-01" }), "id").await.data();

    // A head that the register never had.
    let digits: Vec<&str> = line.split(' ').collect();
    let head = digits.iter().position(|word| word.len() == 64).unwrap();
    let turned = line.replace(digits[head], &digits[head].chars().rev().collect::<String>());
    let (found, code) = run(&app, &["verify", "--since", &turned]);
    assert_eq!(code, Some(3), "{found}");

    // An entry after it that says something else than what was written.
    let guarded = "UPDATE audit_entry SET actor = 'someone' WHERE revision = (SELECT MAX(revision) FROM audit_entry)";
    assert_eq!(past_triggers(&app, "audit_entry", guarded).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("does not follow from it and the one before"), "{found}");
});
