//! Values that the program does not write: `verify` names the entry or the row, and still finds
//! everything else.

use domain::integrity::dated_columns;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use serde_json::json;

use crate::{
    audit::verify::rows::past_triggers,
    support::{
        app::{App, on_both},
        lifecycle_fixtures::{Register, connection, mutate},
    },
};

/// Runs a command; returns its stdout and stderr, and its exit code.
fn run(app: &App, arguments: &[&str]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

/// A copy of the last entry at the end of the trail, with other values in some columns.
fn copied(app: &App, form: &str, subject_kind: &str, after: &str) -> String {
    let cast = if app.db.backend() == DbBackend::Postgres { "::text" } else { "" };
    format!(
        "INSERT INTO audit_entry (revision, at, actor, action, subject_kind, subject_id, version, hash, after, form, form_version, record_id) \
         SELECT revision + 1, at, actor, action, {subject_kind}, subject_id, version, hash, {after}{cast}, {form}, form_version, record_id \
         FROM audit_entry ORDER BY revision DESC LIMIT 1"
    )
}

on_both!(an_entry_that_cannot_be_read_hides_nothing, |app| async move {
    let register = Register::fill(&app).await;
    let input = json!({ "memberId": register.id("Förbund 01"), "year": 2026, "amount": "1000.00" });
    mutate(&app.office(), "allocationSet", input, "id").await.data();
    let last = app.revision().await;
    assert_eq!(
        past_triggers(
            &app,
            "member",
            "UPDATE member SET county = 'Annat län' WHERE name = 'Förbund 02'"
        )
        .await,
        1
    );
    let line = run(&app, &["checkpoint"]).0.trim_end().to_owned();
    let db = connection(&app).await;
    for (form, kind, after, sentences) in [
        (
            "'FOO'",
            "subject_kind",
            "after",
            [format!("audit trail: revision {} can't be read: ", last + 1), "Form".to_owned()],
        ),
        (
            "form",
            "'BAR'",
            "after",
            [
                format!("audit trail: revision {} can't be read: ", last + 1),
                "SubjectKind".to_owned(),
            ],
        ),
        (
            "form",
            "subject_kind",
            "'no JSON'",
            [
                format!("what revision {} of the audit trail says can't be read: ", last + 1),
                "allocation ".to_owned(),
            ],
        ),
    ] {
        db.execute_unprepared(&copied(&app, form, kind, after)).await.unwrap();
        for arguments in [&["verify"][..], &["verify", "--since", &line]] {
            let (found, code) = run(&app, arguments);
            assert_eq!(code, Some(3), "{form} {kind} {after}: {found}");
            for sentence in &sentences {
                assert!(
                    found.contains(sentence.as_str()),
                    "{form} {kind} {after}: {sentence}: {found}"
                );
            }
            assert!(found.contains("no signature covers"), "{form} {kind} {after}: {found}");
            assert!(!found.contains("could not be finished"), "{found}");
        }
        let (found, _) = run(&app, &["verify"]);
        assert!(found.contains(": county"), "another tampering is still found: {found}");
        // Nothing is written after it, and the machine says why.
        let answer = mutate(
            &app.office(),
            "memberAdmit",
            json!({ "name": "Ny", "joinedOn": "2026-01-01" }),
            "id",
        )
        .await;
        assert_eq!(answer.code(), "INTERNAL");
        let (said, code) = run(&app, &["token", "revoke", "--subject", "ada@example.se"]);
        assert!(
            code == Some(1)
                && said.contains(&format!(
                    "nothing is written: revision {} of the audit trail ",
                    last + 1
                )),
            "{said}"
        );
        past_triggers(
            &app,
            "audit_entry",
            &format!("DELETE FROM audit_entry WHERE revision > {last}"),
        )
        .await;
    }
});

on_both!(a_row_that_cannot_be_read_is_named, |app| async move {
    let register = Register::fill(&app).await;
    app.import(&[("costs.csv", "activity,booked_on,amount,description\nbip,2026-01-02,100.00,Lokal\nbip,2026-01-03,7.00,Fika\n")]).await;
    let input = json!({ "memberId": register.id("Förbund 01"), "year": 2026, "amount": "1000.00" });
    mutate(&app.office(), "allocationSet", input, "id").await.data();
    // A day that is none; PostgreSQL has types for that, but only a constraint for words.
    let (table, broken, noun) = if app.db.backend() == DbBackend::Sqlite {
        ("cost", "UPDATE cost SET booked_on = 'x' WHERE description = 'Fika'", "cost ")
    } else {
        let db = connection(&app).await;
        db.execute_unprepared("ALTER TABLE allocation DROP CONSTRAINT allocation_basis_check")
            .await
            .unwrap();
        ("allocation", "UPDATE allocation SET basis = 'x'", "allocation ")
    };
    assert_eq!(past_triggers(&app, table, broken).await, 1);
    assert_eq!(
        past_triggers(
            &app,
            "member",
            "UPDATE member SET county = 'Annat län' WHERE name = 'Förbund 02'"
        )
        .await,
        1
    );
    // Of the same form, so that it is read together with the one that can't be read on SQLite.
    assert_eq!(
        past_triggers(&app, "cost", "UPDATE cost SET amount = 1 WHERE description = 'Lokal'").await,
        1
    );
    let (found, code) = run(&app, &["verify"]);
    assert_eq!(code, Some(3), "{found}");
    let is_named = |line: &str| {
        line.starts_with(noun)
            && line.contains(", last recorded by revision ")
            && line.contains(", can't be read: ")
    };
    assert_eq!(found.lines().filter(|line| is_named(line)).count(), 1, "{found}");
    assert!(found.contains(": county"), "{found}");
    assert!(found.contains(": amount"), "{found}");
});

on_both!(a_check_that_cannot_be_finished_is_a_violation, |app| async move {
    Register::fill(&app).await;
    // Every agreement's number is read together, and so is every name that is searched for.
    let db = connection(&app).await;
    db.execute_unprepared("ALTER TABLE search_document RENAME TO search_documents").await.unwrap();
    assert_eq!(
        past_triggers(
            &app,
            "member",
            "UPDATE member SET county = 'Annat län' WHERE name = 'Förbund 02'"
        )
        .await,
        1
    );
    let (found, code) = run(&app, &["verify"]);
    assert!(
        code == Some(3) && found.contains("the check of the search could not be finished: "),
        "{found}"
    );
    assert!(
        found.contains(": county")
            && found.contains("schema: the table search_document is missing"),
        "{found}"
    );
});

/// A row of `information_schema.columns`, as a table and a column.
async fn dated_on_postgresql(app: &App) -> Vec<(String, String, bool)> {
    let sql = "SELECT table_name::text, column_name::text, data_type <> 'date' FROM information_schema.columns \
        JOIN information_schema.tables USING (table_schema, table_name) \
        WHERE table_type = 'BASE TABLE' AND table_schema = current_schema() AND data_type IN ('date', 'timestamp with time zone', 'timestamp without time zone')";
    let rows = app
        .db
        .read()
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap();
    let text = |row: &QueryResult, index| row.try_get_by_index::<String>(index).unwrap();
    rows.iter().map(|row| (text(row, 0), text(row, 1), row.try_get_by_index(2).unwrap())).collect()
}

#[tokio::test]
async fn the_spelling_of_every_day_and_instant_is_checked() {
    let app = App::postgres().await;
    let mut stored = dated_on_postgresql(&app).await;
    let mut checked: Vec<_> = dated_columns()
        .into_iter()
        .map(|dated| (dated.table, dated.column, dated.is_instant))
        .collect();
    stored.sort();
    checked.sort();
    assert!(checked.len() > 40, "{checked:?}");
    assert_eq!(checked, stored);
}

// On SQLite alone: PostgreSQL has types for days and instants.
#[tokio::test]
async fn a_day_that_is_spelled_otherwise_is_found() {
    let app = App::sqlite().await;
    let register = Register::fill(&app).await;
    let cost = json!({ "activityId": register.id("bip"), "bookedOn": "2026-02-26", "amount": "7.00", "description": "Fika" });
    mutate(&app.office(), "costRecord", cost, "id").await.data();
    assert_eq!(run(&app, &["verify"]).1, Some(0));
    for (table, column, value) in [
        ("cost", "booked_on", "2026-2-26"),
        ("member", "joined_on", "2015-01-1"),
        ("audit_entry", "at", "2026-11-21T09:00:00.5-03:00"),
        ("audit_entry", "at", "2026-11-21T12:00:00.000+00:00"),
    ] {
        let row = format!("(SELECT MAX(rowid) FROM {table})");
        let db = connection(&app).await;
        let query = Statement::from_string(
            DbBackend::Sqlite,
            format!("SELECT {column} FROM {table} WHERE rowid = {row}"),
        );
        let before: String =
            db.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        db.close().await.unwrap();
        let set =
            |value: &str| format!("UPDATE {table} SET {column} = '{value}' WHERE rowid = {row}");
        assert_eq!(past_triggers(&app, table, &set(value)).await, 1);
        let (found, code) = run(&app, &["verify"]);
        let sentence = format!(
            "table {table}: 1 of {column} not written as this program writes it, as {value:?}"
        );
        assert!(code == Some(3) && found.contains(&sentence), "{found}");
        assert_eq!(past_triggers(&app, table, &set(&before)).await, 1);
        assert_eq!(run(&app, &["verify"]).1, Some(0), "{table}.{column}");
    }
}
