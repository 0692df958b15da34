//! The audit trail, which the database itself refuses to change.

use sea_orm_migration::prelude::*;

const TABLE: &str = "
CREATE TABLE audit_entry (
    revision {int} NOT NULL PRIMARY KEY CHECK (revision > 0),
    at {instant} NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id {id} NOT NULL,
    version text NOT NULL,
    hash text NOT NULL,
    before text,
    after text
) {strict};
CREATE INDEX audit_entry__actor ON audit_entry (actor, revision);
CREATE INDEX audit_entry__subject_id ON audit_entry (subject_id, revision);
CREATE INDEX audit_entry__at ON audit_entry (at, revision);
";

const ON_SQLITE: &str = "
CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
CREATE TRIGGER audit_entry__no_delete BEFORE DELETE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
";

const ON_POSTGRES: &str = "
CREATE FUNCTION audit_entry__refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the audit trail never changes'; END $$;
CREATE TRIGGER audit_entry__no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse();
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLE).await?;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await
    }
}
