//! What was issued is kept: SQLite's `INSERT OR REPLACE` and `UPDATE OR REPLACE` remove, without a
//! word to any other trigger, a row whose key the new one has. They are refused where that row is
//! of an issued invoice; PostgreSQL has no such way around.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != sea_orm::DbBackend::Sqlite {
            return Ok(());
        }
        crate::run(manager, SQLITE).await
    }
}

/// The triggers before this one look at rows with the same id, and at numbers that are inserted.
const SQLITE: &str = "
CREATE TRIGGER invoice__kept__insert BEFORE INSERT ON invoice
BEGIN
    SELECT RAISE(ABORT, 'invoice__ocr') FROM invoice WHERE ocr = NEW.ocr AND id <> NEW.id AND issued_on IS NOT NULL;
    SELECT RAISE(ABORT, 'invoice__import_key') FROM invoice WHERE import_key = NEW.import_key AND id <> NEW.id AND issued_on IS NOT NULL;
END;

CREATE TRIGGER invoice__kept__update BEFORE UPDATE OF id, kind, number, ocr, import_key ON invoice
BEGIN
    SELECT RAISE(ABORT, 'invoice__kept') FROM invoice WHERE id = NEW.id AND id <> OLD.id AND issued_on IS NOT NULL;
    SELECT RAISE(ABORT, 'invoice__kind__number') FROM invoice
        WHERE kind = NEW.kind AND number = NEW.number AND id <> OLD.id AND issued_on IS NOT NULL;
    SELECT RAISE(ABORT, 'invoice__ocr') FROM invoice WHERE ocr = NEW.ocr AND id <> OLD.id AND issued_on IS NOT NULL;
    SELECT RAISE(ABORT, 'invoice__import_key') FROM invoice WHERE import_key = NEW.import_key AND id <> OLD.id AND issued_on IS NOT NULL;
END;

CREATE TRIGGER invoice_line__kept__update BEFORE UPDATE OF id, invoice_id, position ON invoice_line
BEGIN
    SELECT RAISE(ABORT, 'invoice_line__kept') FROM invoice_line line JOIN invoice ON invoice.id = line.invoice_id
        WHERE invoice.issued_on IS NOT NULL AND line.id <> OLD.id
            AND (line.id = NEW.id OR (line.invoice_id = NEW.invoice_id AND line.position = NEW.position));
END;
";
