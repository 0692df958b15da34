//! The audit trail's texts count by a digest with salt, and a person who is erased can be taken out
//! of them; nothing else changes the trail, not even SQLite's `REPLACE`, which removes a row
//! without a word to the trigger that refuses to delete.

use sea_orm_migration::prelude::*;

/// Until an entry is erased, its digests follow from its texts and salt, and stand nowhere. An
/// entry from before this change has no salt.
const COLUMNS: &str = "
ALTER TABLE audit_entry ADD COLUMN salt {bytes};
ALTER TABLE audit_entry ADD COLUMN before_digest text;
ALTER TABLE audit_entry ADD COLUMN after_digest text;
ALTER TABLE audit_entry ADD COLUMN erased_in {int};
";

/// Whether an update is anything but the one that an erasure makes: once, of the texts alone, and
/// by a later entry that says so. What the texts become and the digests that are kept are held
/// against the chain by `verify`.
const NO_ERASURE: &str = "(
    OLD.erased_in IS NULL
    AND NEW.revision = OLD.revision AND NEW.at = OLD.at AND NEW.actor = OLD.actor AND NEW.action = OLD.action
    AND NEW.subject_kind = OLD.subject_kind AND NEW.subject_id = OLD.subject_id AND NEW.version = OLD.version AND NEW.hash = OLD.hash
    AND NEW.salt IS NULL
    AND (NEW.before IS NULL) = (OLD.before IS NULL) AND (NEW.before_digest IS NULL) = (OLD.before IS NULL)
    AND (NEW.after IS NULL) = (OLD.after IS NULL) AND (NEW.after_digest IS NULL) = (OLD.after IS NULL)
    AND EXISTS (
        SELECT 1 FROM audit_entry e
        WHERE e.revision = NEW.erased_in AND e.revision > OLD.revision AND e.action = 'contactErase'
            AND e.subject_kind = 'CONTACT' AND e.subject_id = OLD.subject_id
    )
) IS NOT TRUE";

const ON_SQLITE: &str = "
DROP TRIGGER audit_entry__no_update;
CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry WHEN {no erasure}
BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
CREATE TRIGGER audit_entry__no_replace BEFORE INSERT ON audit_entry WHEN EXISTS (SELECT 1 FROM audit_entry WHERE revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
";

const ON_POSTGRES: &str = "
DROP TRIGGER audit_entry__no_change ON audit_entry;
CREATE TRIGGER audit_entry__no_delete BEFORE DELETE OR TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse();
CREATE FUNCTION audit_entry__refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {no erasure} THEN RAISE EXCEPTION 'the audit trail never changes'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry__refuse_update();
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let guards = if sqlite { ON_SQLITE } else { ON_POSTGRES }.replace("{no erasure}", NO_ERASURE);
        crate::run(manager, COLUMNS).await?;
        crate::run(manager, &guards).await
    }
}
