//! The audit trail's entries are signed, name the form of what they record, and never change;
//! personal data in them is sealed with a key per person, whose deletion erases the person.
//!
//! Entries from before are rewritten once, by `audit::migration` of the rules, which takes the
//! guard against updates away for it within its transaction.

use sea_orm_migration::prelude::*;

const TABLES: &str = "
ALTER TABLE audit_entry ADD COLUMN form text;
ALTER TABLE audit_entry ADD COLUMN form_version {small} NOT NULL DEFAULT 0;
ALTER TABLE audit_entry ADD COLUMN record_id {id};
ALTER TABLE audit_entry ADD COLUMN former_hash text;
ALTER TABLE audit_entry ADD COLUMN signature {bytes};
ALTER TABLE audit_entry ADD COLUMN signed_from {int};
ALTER TABLE audit_entry ADD COLUMN key_id text;
CREATE INDEX audit_entry__record_id ON audit_entry (record_id, form, revision);
CREATE TABLE person_key (
    id {id} NOT NULL PRIMARY KEY,
    kind text NOT NULL,
    person_id {id} NOT NULL,
    key {bytes} NOT NULL CHECK (length(key) = 32)
) {strict};
CREATE UNIQUE INDEX person_key__person_id__kind ON person_key (person_id, kind);
CREATE TABLE sealed_entry (
    key_id {id} NOT NULL,
    revision {int} NOT NULL,
    PRIMARY KEY (key_id, revision)
) {strict};
";

/// Refuses every update of the trail, on SQLite.
const NO_UPDATE_ON_SQLITE: &str =
    "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;";

/// Refuses every update of the trail, on PostgreSQL.
const NO_UPDATE_ON_POSTGRES: &str =
    "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse();";

/// A person's key goes when, and only when, an entry of the trail says so.
const ON_SQLITE: &str = "
DROP TRIGGER audit_entry__no_update;
CREATE TRIGGER person_key__no_update BEFORE UPDATE ON person_key BEGIN SELECT RAISE(ABORT, 'the key of a person never changes'); END;
CREATE TRIGGER person_key__no_replace BEFORE INSERT ON person_key
WHEN EXISTS (SELECT 1 FROM person_key WHERE id = NEW.id OR (person_id = NEW.person_id AND kind = NEW.kind))
BEGIN SELECT RAISE(ABORT, 'the key of a person never changes'); END;
CREATE TRIGGER person_key__no_delete BEFORE DELETE ON person_key
WHEN NOT EXISTS (SELECT 1 FROM audit_entry WHERE record_id = OLD.id AND form = 'ERASURE')
BEGIN SELECT RAISE(ABORT, 'no entry of the audit trail erases this person'); END;
";

const ON_POSTGRES: &str = "
DROP TRIGGER audit_entry__no_update ON audit_entry;
DROP FUNCTION audit_entry__refuse_update();
CREATE FUNCTION person_key__refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the key of a person never changes'; END $$;
CREATE TRIGGER person_key__no_update BEFORE UPDATE OR TRUNCATE ON person_key FOR EACH STATEMENT EXECUTE FUNCTION person_key__refuse();
CREATE FUNCTION person_key__refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_entry WHERE record_id = OLD.id AND form = 'ERASURE') THEN
        RAISE EXCEPTION 'no entry of the audit trail erases this person';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER person_key__no_delete BEFORE DELETE ON person_key FOR EACH ROW EXECUTE FUNCTION person_key__refuse_delete();
";

/// Takes the guard against updates of the trail away, for its one migration.
#[must_use]
pub fn lift_guard(is_sqlite: bool) -> &'static str {
    if is_sqlite { "DROP TRIGGER audit_entry__no_update" } else { "DROP TRIGGER audit_entry__no_update ON audit_entry" }
}

/// Puts the guard against updates of the trail back.
#[must_use]
pub fn restore_guard(is_sqlite: bool) -> &'static str {
    if is_sqlite { NO_UPDATE_ON_SQLITE } else { NO_UPDATE_ON_POSTGRES }
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLES).await?;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await?;
        crate::run(manager, restore_guard(sqlite)).await
    }
}
