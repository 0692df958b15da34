//! A reminder may cost the compensation for the delay (förseningsersättning, 450 kr) in the place
//! of its fee.

use sea_orm_migration::prelude::*;

/// SQLite can't change a check, so that the table is made again.
const ON_SQLITE: &str = "
CREATE TABLE reminder_new (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    sent_on {date} NOT NULL,
    fee {int} NOT NULL CHECK (fee BETWEEN 0 AND 6000 OR fee = 45000)
) {strict};
INSERT INTO reminder_new (id, invoice_id, sent_on, fee) SELECT id, invoice_id, sent_on, fee FROM reminder;
DROP TABLE reminder;
ALTER TABLE reminder_new RENAME TO reminder;
CREATE INDEX reminder__invoice_id ON reminder (invoice_id, sent_on);
CREATE UNIQUE INDEX reminder__invoice_id__sent_on ON reminder (invoice_id, sent_on);
";

const ON_POSTGRES: &str = "
ALTER TABLE reminder DROP CONSTRAINT reminder_fee_check;
ALTER TABLE reminder ADD CONSTRAINT reminder_fee_check CHECK (fee BETWEEN 0 AND 6000 OR fee = 45000);
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await
    }
}
