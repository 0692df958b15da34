//! `verify --since`: what the entries after a checkpoint concern is checked, what no entry concerns
//! is left to the full run.

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::{Form, SubjectKind},
};
use domain::audit::{self, TrailKey};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryOrder, Statement};
use serde_json::json;

use crate::{
    audit::verify::rows::past_triggers,
    interchange::round_trip::lived,
    support::{
        app::{App, on_both, trail_key},
        database_intruder::{intruder, migrate_trail, write_as_before},
        invoicing_fixtures::{course, drafted, issue, member},
        lifecycle_fixtures::{connection, mutate},
    },
};

/// Runs a command; returns its output and exit code.
fn run(app: &App, arguments: &[&str]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

fn checkpoint(app: &App) -> String {
    let (line, code) = run(app, &["checkpoint"]);
    assert_eq!(code, Some(0), "{line}");
    line.trim_end().to_owned()
}

/// Drops an index of the table and returns its name.
async fn drop_an_index(app: &App, table: &str) -> String {
    let names = if app.db.backend() == DbBackend::Postgres {
        format!(
            "SELECT indexname FROM pg_indexes WHERE tablename = '{table}' AND indexdef NOT LIKE 'CREATE UNIQUE%'"
        )
    } else {
        format!(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql LIKE 'CREATE INDEX%'"
        )
    };
    let db = connection(app).await;
    let row =
        db.query_one_raw(Statement::from_string(app.db.backend(), names)).await.unwrap().unwrap();
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
    assert!(
        code == Some(0) && found.contains("note: only objects with entries after revision "),
        "{found}"
    );

    mutate(
        &office,
        "memberAdmit",
        json!({ "name": "Ny", "joinedOn": "2026-01-01", "county": "Gotlands län" }),
        "id",
    )
    .await
    .data();
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
    assert_eq!(
        past_triggers(&app, "member", "UPDATE member SET county = 'Annat län' WHERE name = 'Ny'")
            .await,
        1
    );
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(
        code == Some(3) && found.contains("is not what revision ") && found.contains("county"),
        "{found}"
    );
    assert!(found.contains("1 violation, "), "{found}");
    let bytes = if app.db.backend() == DbBackend::Postgres { "'\\x00'::bytea" } else { "x'00'" };
    let replaced = format!(
        "UPDATE invoice_file SET bytes = {bytes} WHERE format = 'PDF' AND invoice_id = (SELECT id FROM invoice WHERE number = '{number}')"
    );
    assert_eq!(past_triggers(&app, "invoice_file", &replaced).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("SHA-256"), "{found}");

    // The series of all numbers, and the schema.
    let first = "UPDATE invoice SET number = '20269999' WHERE number = '20260003'";
    assert_eq!(past_triggers(&app, "invoice", first).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("lacks 20260003"), "{found}");
    let dropped = drop_an_index(&app, "payment").await;
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains(&format!("schema: the index {dropped}")), "{found}");
});

on_both!(accrued_revenue_of_later_invoices_is_checked_in_all_its_months, |app| async move {
    let (app, _folder) = lived(&app).await;
    let line = checkpoint(&app);
    let mut input = course(&member(&app, 5).await, "100.00");
    input["lines"][0]["periodFrom"] = json!("2027-03-01");
    input["lines"][0]["periodTo"] = json!("2027-08-31");
    let invoice = drafted(&app.finance(), input).await;
    issue(&app.finance(), &invoice, "number").await.data();
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert_eq!(code, Some(0), "{found}");
    let wrong = "UPDATE revenue_month SET accrued_net = accrued_net + 1 WHERE month = '2027-06-01'";
    assert_eq!(past_triggers(&app, "revenue_month", wrong).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("2027-06"), "{found}");
    let wrong =
        "UPDATE revenue_member_year SET accrued_net = accrued_net + 1 WHERE year = '2027-01-01'";
    assert_eq!(past_triggers(&app, "revenue_member_year", wrong).await, 1);
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert!(code == Some(3) && found.contains("the revenue of 2027 from member"), "{found}");
});

on_both!(the_checkpoint_itself_and_the_entries_after_it_are_checked, |app| async move {
    let office = app.office();
    for name in ["Ett", "Två"] {
        mutate(&office, "memberAdmit", json!({ "name": name, "joinedOn": "2026-01-01" }), "id")
            .await
            .data();
    }
    let line = checkpoint(&app);
    mutate(&office, "memberAdmit", json!({ "name": "Tre", "joinedOn": "2026-01-01" }), "id")
        .await
        .data();

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
    assert!(
        code == Some(3) && found.contains("does not follow from it and the one before"),
        "{found}"
    );
});

on_both!(a_key_that_was_appointed_before_the_checkpoint_must_be_signed_for, |app| async move {
    let office = app.office();
    for name in ["Ett", "Två", "Tre"] {
        mutate(&office, "memberAdmit", json!({ "name": name, "joinedOn": "2026-01-01" }), "id")
            .await
            .data();
    }
    let line = checkpoint(&app);
    // An old entry turned into the appointment of the attacker's key, and an entry that this key
    // signs.
    let own = TrailKey::generate();
    let appointed =
        json!({ "key_id": own.id(), "public_key": own.public_hex(), "replaces": trail_key().id() });
    let nil = if app.db.backend() == DbBackend::Postgres {
        "'00000000-0000-0000-0000-000000000000'"
    } else {
        "zeroblob(16)"
    };
    let turned = format!(
        "UPDATE audit_entry SET form = 'TRAIL_KEY', record_id = {nil}, after = '{appointed}' WHERE revision = 2"
    );
    assert_eq!(past_triggers(&app, "audit_entry", &turned).await, 1);
    let db = intruder(&app).await;
    let last = Entity::find().order_by_desc(Column::Revision).one(&db).await.unwrap().unwrap();
    let mut forged = Model {
        revision: last.revision + 1,
        action: "tokenMint".into(),
        subject_kind: SubjectKind::Token,
        form: Some(Form::TokenMinting),
        record_id: Some(uuid::Uuid::now_v7()),
        after: Some("{}".into()),
        before: None,
        ..last.clone()
    };
    forged.hash = audit::hash(&forged, &last.hash);
    let (revision, hash) = (forged.revision, forged.hash.clone());
    forged.signature =
        Some(own.sign(&format!("samregister trail head\n{revision}\n{revision}\n{hash}")));
    (forged.signed_from, forged.key_id) = (Some(revision), Some(own.id().to_owned()));
    Entity::insert(forged.into_active_model()).exec_without_returning(&db).await.unwrap();
    let (found, code) = run(&app, &["verify", "--since", &line]);
    assert_eq!(code, Some(3), "{found}");
    assert!(
        found.contains("audit trail: revision 2 appoints a key, but is not what a trusted key signed; the key is not trusted"),
        "{found}"
    );
    let stranger = format!(
        "revision {revision} was signed with the key {}, which is none of those that are trusted",
        own.id()
    );
    assert!(found.contains(&stranger), "{found}");
});

on_both!(a_key_that_was_replaced_before_the_checkpoint_is_followed, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem").display().to_string();
    std::fs::copy(crate::support::app::trail_key_file(), &file).unwrap();
    mutate(&app.office(), "memberAdmit", json!({ "name": "Ett", "joinedOn": "2026-01-01" }), "id")
        .await
        .data();
    let with_key = |arguments: &[&str]| {
        let output =
            app.program().args(arguments).env("SAMREGISTER_TRAIL_KEY", &file).output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        )
    };
    for _ in 0..2 {
        let (said, code) = with_key(&["trail-key", "replace"]);
        assert_eq!(code, Some(0), "{said}");
    }
    let line = with_key(&["checkpoint"]).0.trim_end().to_owned();
    assert_eq!(with_key(&["token", "revoke", "--subject", "ada@example.se"]).1, Some(0));
    // Who has the first public key alone follows the appointments, but for the checkpoint's own
    // signature.
    let (found, code) = with_key(&["verify", "--since", &line]);
    assert_eq!(code, Some(0), "{found}");
    let (found, _) = run(&app, &["verify", "--since", &line]);
    assert!(!found.contains("appoints") && !found.contains("no signature covers"), "{found}");
});

on_both!(a_checkpoint_from_before_the_trails_migration_holds, |app| async move {
    for name in ["Ale", "Bo", "Cea"] {
        // Without an id the entry is about no record.
        write_as_before(
            &app,
            "memberAdmit",
            SubjectKind::Member,
            uuid::Uuid::now_v7(),
            &format!("{{\"name\":\"{name}\"}}"),
        )
        .await;
    }
    let old = Entity::find().order_by_asc(Column::Revision).all(app.db.read()).await.unwrap();
    migrate_trail(&app).await;
    mutate(&app.office(), "memberAdmit", json!({ "name": "Dan", "joinedOn": "2026-01-01" }), "id")
        .await
        .data();
    for entry in &old {
        let line = format!("2026-11-20T09:00:00Z {} {}", entry.revision, entry.hash);
        let (found, code) = run(&app, &["verify", "--since", &line]);
        assert_eq!(code, Some(0), "{line}: {found}");
    }
    let other = format!("2026-11-20T09:00:00Z 2 {}", "9f".repeat(32));
    assert_eq!(run(&app, &["verify", "--since", &other]).1, Some(3));
});
