//! Indexes for the lists of payments, refunds, reminders, bank payments and documents in every
//! order.

use sea_orm_migration::prelude::*;

const BOTH: &str = "
CREATE INDEX payment__received_on__id ON payment (received_on, id);
CREATE INDEX payment__booked__id ON payment (COALESCE(booked_on, received_on), id);
CREATE INDEX payment__amount__id ON payment (amount, id);
CREATE INDEX adjustment__refund__dated_on ON adjustment (dated_on, id) WHERE kind = 'REFUND';
CREATE INDEX adjustment__refund__booked ON adjustment (COALESCE(booked_on, dated_on), id) WHERE kind = 'REFUND';
CREATE INDEX adjustment__refund__amount ON adjustment (amount, id) WHERE kind = 'REFUND';
CREATE INDEX reminder__sent_on__id ON reminder (sent_on, id);
CREATE INDEX bank_payment__amount__id ON bank_payment (amount, id);
CREATE INDEX bank_payment__finding ON bank_payment (finding, booked_on, id);
CREATE INDEX requisition__issued_on__id ON requisition (issued_on, id);
CREATE INDEX invoice__issued__id ON invoice (issued_on, id) WHERE issued_on IS NOT NULL;
";

// The day of an offer in UTC: the one expression of a day that both databases index.
const ON_SQLITE: &str = "
CREATE INDEX agreement__offered_on__id ON agreement (SUBSTR(offered_at, 1, 10), id) WHERE offered_at IS NOT NULL;
";

const ON_POSTGRES: &str = "
CREATE INDEX agreement__offered_on__id ON agreement (CAST(offered_at AT TIME ZONE 'UTC' AS date), id) WHERE offered_at IS NOT NULL;
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
