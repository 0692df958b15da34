//! Batches of vouchers that were exported to the bookkeeping program, each voucher once.
//!
//! Invoices of which the register has no document are imported history, which was booked elsewhere;
//! so were their payments, but for those of a bank's file, and their reminders. They get vouchers
//! of no batch, so that none is exported.

crate::change!(
    "
CREATE TABLE export_batch (
    id {id} NOT NULL PRIMARY KEY,
    number {small} NOT NULL CONSTRAINT export_batch__number UNIQUE,
    made_at {instant} NOT NULL,
    through_on {date} NOT NULL,
    vouchers {small} NOT NULL CHECK (vouchers > 0),
    vouchers_sha256 text NOT NULL,
    file_sha256 text NOT NULL,
    content {bytes} NOT NULL
) {strict};

CREATE TABLE voucher (
    source text NOT NULL CHECK (source IN ('INVOICE', 'PAYMENT', 'REMINDER', 'ADJUSTMENT', 'BANK_PAYMENT')),
    source_id {id} NOT NULL,
    series text,
    year {small},
    number {small} CHECK (number > 0),
    batch_id {id} REFERENCES export_batch (id),
    PRIMARY KEY (source, source_id),
    CONSTRAINT voucher__series__year__number UNIQUE (series, year, number),
    CHECK ((batch_id IS NULL) = (number IS NULL) AND (batch_id IS NULL) = (series IS NULL) AND (batch_id IS NULL) = (year IS NULL))
) {strict};
CREATE INDEX voucher__batch_id ON voucher (batch_id) WHERE batch_id IS NOT NULL;

INSERT INTO voucher (source, source_id)
    SELECT 'INVOICE', id FROM invoice i
    WHERE issued_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM invoice_content c WHERE c.invoice_id = i.id);
INSERT INTO voucher (source, source_id)
    SELECT 'PAYMENT', p.id FROM payment p JOIN voucher v ON v.source = 'INVOICE' AND v.source_id = p.invoice_id
    WHERE NOT EXISTS (SELECT 1 FROM bank_payment_part b WHERE b.payment_id = p.id);
INSERT INTO voucher (source, source_id)
    SELECT 'REMINDER', r.id FROM reminder r JOIN voucher v ON v.source = 'INVOICE' AND v.source_id = r.invoice_id;
"
);
