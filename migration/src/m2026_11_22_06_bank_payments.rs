//! Payments of the bank's files, reversals of payments, and one reminder of an invoice a day.
//!
//! What a file of the bank told is kept as it was told, by the database itself. A payment is taken
//! back by one below zero that names it, so that neither day's books change afterwards.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, if is_sqlite { REVERSALS_ON_SQLITE } else { REVERSALS_ON_POSTGRES }).await?;
        crate::run(manager, TABLES).await?;
        crate::run(manager, &kept(is_sqlite)).await
    }
}

/// What keeps what the bank told as it was told.
pub(crate) fn kept(is_sqlite: bool) -> String {
    let (kept, differs) = if is_sqlite { (KEPT_ON_SQLITE, "IS NOT") } else { (KEPT_ON_POSTGRES, "IS DISTINCT FROM") };
    kept.replace("{changed}", &changed(differs))
}

/// Whether an update changes what the bank told.
fn changed(differs: &str) -> String {
    let told = [
        "id",
        "bank_reference",
        "file_name",
        "file_sha256",
        "imported_at",
        "account",
        "booked_on",
        "amount",
        "reference",
        "message",
        "payer_name",
        "payer_org_number",
        "finding",
    ];
    let changed: Vec<_> = told.iter().map(|column| format!("NEW.{column} {differs} OLD.{column}")).collect();
    format!("({})", changed.join(" OR "))
}

/// SQLite can't drop a check, so that the table is rebuilt, and the one that refers to it.
const REVERSALS_ON_SQLITE: &str = "
CREATE TABLE payment_before AS SELECT id, invoice_id, received_on, amount, reference FROM payment;
CREATE TABLE payment_line_before AS SELECT payment_id, line_id, net, vat FROM payment_line;
DROP TABLE payment_line;
DROP TABLE payment;

CREATE TABLE payment (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    received_on {date} NOT NULL,
    amount {int} NOT NULL,
    reference text NOT NULL,
    reverses_id {id} CONSTRAINT payment__reverses_id UNIQUE REFERENCES payment (id),
    reason text,
    CONSTRAINT payment__invoice_id__reference UNIQUE (invoice_id, reference),
    CHECK (amount <> 0),
    CHECK ((amount < 0) = (reverses_id IS NOT NULL)),
    CHECK ((reason IS NULL) = (reverses_id IS NULL))
) {strict};
CREATE INDEX payment__received_on ON payment (received_on, invoice_id);
INSERT INTO payment (id, invoice_id, received_on, amount, reference) SELECT id, invoice_id, received_on, amount, reference FROM payment_before;
DROP TABLE payment_before;

CREATE TABLE payment_line (
    payment_id {id} NOT NULL REFERENCES payment (id),
    line_id {id} NOT NULL REFERENCES invoice_line (id),
    net {int} NOT NULL,
    vat {int} NOT NULL,
    PRIMARY KEY (payment_id, line_id)
) {strict};
CREATE INDEX payment_line__line_id ON payment_line (line_id);
INSERT INTO payment_line (payment_id, line_id, net, vat) SELECT payment_id, line_id, net, vat FROM payment_line_before;
DROP TABLE payment_line_before;
";

const REVERSALS_ON_POSTGRES: &str = "
ALTER TABLE payment DROP CONSTRAINT payment_amount_check;
ALTER TABLE payment ADD COLUMN reverses_id uuid CONSTRAINT payment__reverses_id UNIQUE REFERENCES payment (id);
ALTER TABLE payment ADD COLUMN reason text;
ALTER TABLE payment ADD CHECK (amount <> 0);
ALTER TABLE payment ADD CHECK ((amount < 0) = (reverses_id IS NOT NULL));
ALTER TABLE payment ADD CHECK ((reason IS NULL) = (reverses_id IS NULL));
";

const TABLES: &str = "
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
        'AMOUNT_DIFFERS', 'BEFORE_ISSUE', 'NOT_INCOMING')),
    matched {int} NOT NULL,
    set_aside_on {date},
    set_aside_reason text,
    CHECK (matched = 0 OR matched BETWEEN 1 AND amount),
    CHECK ((set_aside_on IS NULL) = (set_aside_reason IS NULL))
) {strict};
CREATE INDEX bank_payment__booked_on__id ON bank_payment (booked_on, id);
CREATE INDEX bank_payment__waiting ON bank_payment (booked_on, id) WHERE matched <> amount AND set_aside_on IS NULL;
CREATE INDEX bank_payment__set_aside ON bank_payment (booked_on, id) WHERE set_aside_on IS NOT NULL;

CREATE TABLE bank_payment_part (
    payment_id {id} NOT NULL PRIMARY KEY REFERENCES payment (id),
    bank_payment_id {id} NOT NULL REFERENCES bank_payment (id)
) {strict};
CREATE INDEX bank_payment_part__bank_payment_id ON bank_payment_part (bank_payment_id);

-- Payers leave out the zeros that a reference begins with, and their banks add some.
CREATE INDEX invoice__ocr_digits ON invoice (LTRIM(ocr, '0'));

CREATE UNIQUE INDEX reminder__invoice_id__sent_on ON reminder (invoice_id, sent_on);
";

const KEPT_ON_SQLITE: &str = "
CREATE TRIGGER bank_payment__told BEFORE UPDATE ON bank_payment WHEN {changed}
BEGIN
    SELECT RAISE(ABORT, 'bank_payment__told');
END;
CREATE TRIGGER bank_payment__kept BEFORE DELETE ON bank_payment
BEGIN
    SELECT RAISE(ABORT, 'bank_payment__kept');
END;
";

const KEPT_ON_POSTGRES: &str = "
CREATE FUNCTION bank_payment__kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bank_payment__kept';
END $$;
CREATE FUNCTION bank_payment__told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {changed} THEN
        RAISE EXCEPTION 'bank_payment__told';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_payment__told BEFORE UPDATE ON bank_payment FOR EACH ROW EXECUTE FUNCTION bank_payment__told();
CREATE TRIGGER bank_payment__kept BEFORE DELETE OR TRUNCATE ON bank_payment FOR EACH STATEMENT EXECUTE FUNCTION bank_payment__kept();
";
