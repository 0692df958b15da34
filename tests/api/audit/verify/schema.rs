//! Findings of `verify` about a schema that differs from the migrations.

use domain::integrity;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::support::app::{App, on_both};

/// Returns the violations that `verify` finds.
async fn found(app: &App) -> Vec<String> {
    integrity::verify(&app.db, app.clock, integrity::Request::default())
        .await
        .unwrap()
        .findings
        .violations
}

on_both!(what_is_taken_from_the_schema_is_found, |app| async move {
    assert_eq!(found(&app).await, [""; 0]);
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    let postgres = app.db.backend() == DbBackend::Postgres;
    let cases: &[(&str, &str)] = if postgres {
        &[
            (
                "ALTER TABLE invoice DISABLE TRIGGER invoice__kept",
                "the trigger invoice__kept of invoice is disabled",
            ),
            (
                "ALTER TABLE payment DISABLE TRIGGER ALL",
                "a foreign key of table payment is disabled",
            ),
            (
                "DROP TRIGGER audit_entry__no_delete ON audit_entry",
                "the trigger audit_entry__no_delete of audit_entry is missing",
            ),
            ("DROP INDEX audit_entry__at", "the index audit_entry__at of audit_entry is missing"),
            (
                "CREATE OR REPLACE FUNCTION audit_entry__refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
                "the function audit_entry__refuse() differs from the migrations",
            ),
            (
                "ALTER TABLE cost DROP CONSTRAINT cost_activity_id_fkey",
                "the constraint cost_activity_id_fkey of cost is missing",
            ),
            (
                "ALTER TABLE member ALTER COLUMN name DROP NOT NULL",
                "the column member.name differs from the migrations",
            ),
            (
                "CREATE RULE away AS ON INSERT TO cost DO INSTEAD NOTHING",
                "the rule away of cost is not part of the register's schema",
            ),
            ("DROP VIEW agreement_participation", "the view agreement_participation is missing"),
            (
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$",
                "a setting switches all triggers off: session_replication_role=replica",
            ),
        ]
    } else {
        &[
            (
                "DROP TRIGGER audit_entry__no_delete",
                "the trigger audit_entry__no_delete of audit_entry is missing",
            ),
            ("DROP INDEX audit_entry__at", "the index audit_entry__at of audit_entry is missing"),
            (
                "CREATE TRIGGER away BEFORE INSERT ON cost BEGIN SELECT RAISE(IGNORE); END",
                "the trigger away of cost is not part of the register's schema",
            ),
            (
                "DROP TRIGGER invoice_file__update; CREATE TRIGGER invoice_file__update BEFORE UPDATE ON invoice_file BEGIN SELECT 1; END",
                "the trigger invoice_file__update of invoice_file differs from the migrations",
            ),
            (
                "DROP VIEW agreement_participation",
                "the view agreement_participation of agreement_participation is missing",
            ),
            (
                "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = REPLACE(sql, 'REFERENCES activity', 'REFERENCES member') \
                 WHERE name = 'cost'; PRAGMA writable_schema = OFF",
                "the table cost differs from the migrations",
            ),
        ]
    };
    for (statement, violation) in cases {
        db.execute_unprepared(statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let found = found(&app).await;
        assert!(found.contains(&format!("schema: {violation}")), "{statement}: {found:?}");
    }
    db.close().await.unwrap();
});
