//! References of seller and buyer on an invoice (BT-41, BT-10), which change no more once it is
//! issued but by an erasure.

use sea_orm_migration::prelude::*;

const BOTH: &str = "
ALTER TABLE invoice ADD COLUMN our_reference text;
ALTER TABLE invoice ADD COLUMN buyer_reference text;
";

const ON_SQLITE: &str = "
CREATE TRIGGER invoice__references BEFORE UPDATE ON invoice
WHEN OLD.issued_on IS NOT NULL AND (
    (NEW.our_reference IS NOT NULL AND NEW.our_reference IS NOT OLD.our_reference)
    OR (NEW.buyer_reference IS NOT NULL AND NEW.buyer_reference IS NOT OLD.buyer_reference)
)
BEGIN SELECT RAISE(ABORT, 'invoice__kept'); END;
";

const ON_POSTGRES: &str = "
CREATE FUNCTION invoice__references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.issued_on IS NOT NULL AND (
        (NEW.our_reference IS NOT NULL AND NEW.our_reference IS DISTINCT FROM OLD.our_reference)
        OR (NEW.buyer_reference IS NOT NULL AND NEW.buyer_reference IS DISTINCT FROM OLD.buyer_reference)
    ) THEN
        RAISE EXCEPTION 'invoice__kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice__references BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION invoice__references();
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
