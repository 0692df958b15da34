//! The buyer's order that an invoice is for (order reference, BT-13), which never changes once the
//! invoice is issued.

use sea_orm_migration::prelude::*;

const BOTH: &str = "
ALTER TABLE invoice ADD COLUMN order_reference text;
";

const ON_SQLITE: &str = "
CREATE TRIGGER invoice__order_reference BEFORE UPDATE ON invoice
WHEN OLD.issued_on IS NOT NULL AND NEW.order_reference IS NOT OLD.order_reference
BEGIN SELECT RAISE(ABORT, 'invoice__kept'); END;
";

const ON_POSTGRES: &str = "
CREATE FUNCTION invoice__order_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.issued_on IS NOT NULL AND NEW.order_reference IS DISTINCT FROM OLD.order_reference THEN
        RAISE EXCEPTION 'invoice__kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice__order_reference BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION invoice__order_reference();
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, BOTH).await?;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await
    }
}
