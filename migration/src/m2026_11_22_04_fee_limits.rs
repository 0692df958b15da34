//! The limits of an agreement's fee per mille: never more than a cap (maxtak), never less than a
//! minimum, for a whole year.
//!
//! They are frozen like the rest of what was offered.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, COLUMNS).await?;
        crate::run(manager, if is_sqlite { SQLITE } else { POSTGRES }).await
    }
}

const COLUMNS: &str = "
ALTER TABLE agreement ADD COLUMN fee_cap {int}
    CHECK (fee_cap >= 0) CHECK (fee_cap IS NULL OR (fee_basis IS NOT NULL AND fee_basis = 'PER_MILLE_OF_ALLOCATION'));
ALTER TABLE agreement ADD COLUMN fee_minimum {int}
    CHECK (fee_minimum >= 0) CHECK (fee_minimum <= fee_cap)
    CHECK (fee_minimum IS NULL OR (fee_basis IS NOT NULL AND fee_basis = 'PER_MILLE_OF_ALLOCATION'));
";

const SQLITE: &str = "
CREATE TRIGGER agreement__frozen__limits BEFORE UPDATE ON agreement
WHEN (NEW.fee_cap IS NOT OLD.fee_cap OR NEW.fee_minimum IS NOT OLD.fee_minimum)
    AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'agreement__frozen');
END;
";

const POSTGRES: &str = "
CREATE FUNCTION agreement__frozen__limits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.fee_cap IS DISTINCT FROM OLD.fee_cap OR NEW.fee_minimum IS DISTINCT FROM OLD.fee_minimum)
        AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) THEN
        RAISE EXCEPTION 'agreement__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement__frozen__limits BEFORE UPDATE ON agreement FOR EACH ROW EXECUTE FUNCTION agreement__frozen__limits();
";
