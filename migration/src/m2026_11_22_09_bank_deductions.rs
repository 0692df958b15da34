//! Bank payments of which the payer took off credit notes, and references without a blank at their
//! end.
//!
//! Payments that a camt.054 told of without its transactions got references that end in a blank,
//! under which they were not known again.

use sea_orm_migration::prelude::*;

use crate::m2026_11_22_06_bank_payments::kept;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        if !is_sqlite {
            return crate::run(manager, ON_POSTGRES).await;
        }
        crate::run(manager, ON_SQLITE).await?;
        crate::run(manager, &kept(true)).await
    }
}

/// SQLite can't change a check, so that the table is rebuilt, and the one that refers to it.
const ON_SQLITE: &str = "
CREATE TABLE bank_payment_before AS SELECT * FROM bank_payment;
CREATE TABLE bank_payment_part_before AS SELECT * FROM bank_payment_part;
DROP TABLE bank_payment_part;
DROP TABLE bank_payment;

CREATE TABLE bank_payment (
    id {id} NOT NULL PRIMARY KEY,
    bank_reference text NOT NULL CONSTRAINT bank_payment__bank_reference UNIQUE,
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    imported_at {instant} NOT NULL,
    account text NOT NULL,
    booked_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount <> 0),
    reference text,
    message text,
    payer_name text,
    payer_org_number text,
    finding text NOT NULL CHECK (finding IN ('OCR', 'NUMBER', 'REFERENCES', 'NO_REFERENCE', 'UNKNOWN_REFERENCE', 'AMBIGUOUS',
        'AMOUNT_DIFFERS', 'BEFORE_ISSUE', 'NOT_INCOMING', 'CREDIT_NOTE', 'DEDUCTION')),
    matched {int} NOT NULL,
    set_aside_on {date},
    set_aside_reason text,
    CHECK (matched = 0 OR matched BETWEEN 1 AND amount),
    CHECK ((set_aside_on IS NULL) = (set_aside_reason IS NULL))
) {strict};
CREATE INDEX bank_payment__booked_on__id ON bank_payment (booked_on, id);
CREATE INDEX bank_payment__waiting ON bank_payment (booked_on, id) WHERE matched <> amount AND set_aside_on IS NULL;
CREATE INDEX bank_payment__set_aside ON bank_payment (booked_on, id) WHERE set_aside_on IS NOT NULL;
INSERT INTO bank_payment (id, bank_reference, file_name, file_sha256, imported_at, account, booked_on, amount, reference, message,
        payer_name, payer_org_number, finding, matched, set_aside_on, set_aside_reason)
    SELECT id, RTRIM(bank_reference), file_name, file_sha256, imported_at, account, booked_on, amount, reference, message,
        payer_name, payer_org_number, finding, matched, set_aside_on, set_aside_reason
    FROM bank_payment_before;
DROP TABLE bank_payment_before;

CREATE TABLE bank_payment_part (
    payment_id {id} NOT NULL PRIMARY KEY REFERENCES payment (id),
    bank_payment_id {id} NOT NULL REFERENCES bank_payment (id)
) {strict};
CREATE INDEX bank_payment_part__bank_payment_id ON bank_payment_part (bank_payment_id);
INSERT INTO bank_payment_part (payment_id, bank_payment_id) SELECT payment_id, bank_payment_id FROM bank_payment_part_before;
DROP TABLE bank_payment_part_before;
UPDATE payment SET reference = RTRIM(reference) WHERE reference LIKE 'CAMT % ';
";

const ON_POSTGRES: &str = "
ALTER TABLE bank_payment DROP CONSTRAINT bank_payment_finding_check;
ALTER TABLE bank_payment ADD CHECK (finding IN ('OCR', 'NUMBER', 'REFERENCES', 'NO_REFERENCE', 'UNKNOWN_REFERENCE', 'AMBIGUOUS',
    'AMOUNT_DIFFERS', 'BEFORE_ISSUE', 'NOT_INCOMING', 'CREDIT_NOTE', 'DEDUCTION'));
ALTER TABLE bank_payment DISABLE TRIGGER bank_payment__told;
UPDATE bank_payment SET bank_reference = RTRIM(bank_reference) WHERE bank_reference LIKE '% ';
ALTER TABLE bank_payment ENABLE TRIGGER bank_payment__told;
UPDATE payment SET reference = RTRIM(reference) WHERE reference LIKE 'CAMT % ';
";
