//! Fee rules per mille name the allocation that they are of: of all parties, or the state's share.
//! Null: of all parties, as all were before.
//!
//! That of an agreement is frozen like the rest of what was offered.

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
ALTER TABLE fee_schedule ADD COLUMN allocation_basis text
    CHECK (allocation_basis IN ('ALL_PARTIES', 'STATE_SHARE'))
    CHECK (allocation_basis IS NULL OR basis = 'PER_MILLE_OF_ALLOCATION');
ALTER TABLE agreement ADD COLUMN fee_allocation_basis text
    CHECK (fee_allocation_basis IN ('ALL_PARTIES', 'STATE_SHARE'))
    CHECK (fee_allocation_basis IS NULL OR (fee_basis IS NOT NULL AND fee_basis = 'PER_MILLE_OF_ALLOCATION'));
";

const SQLITE: &str = "
CREATE TRIGGER agreement__frozen__allocation_basis BEFORE UPDATE ON agreement
WHEN NEW.fee_allocation_basis IS NOT OLD.fee_allocation_basis
    AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'agreement__frozen');
END;
";

const POSTGRES: &str = "
CREATE FUNCTION agreement__frozen__allocation_basis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fee_allocation_basis IS DISTINCT FROM OLD.fee_allocation_basis
        AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) THEN
        RAISE EXCEPTION 'agreement__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement__frozen__allocation_basis BEFORE UPDATE ON agreement
    FOR EACH ROW EXECUTE FUNCTION agreement__frozen__allocation_basis();
";
