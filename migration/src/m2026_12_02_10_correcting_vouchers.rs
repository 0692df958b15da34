//! Vouchers that correct others: a source may have several, each exported once.

crate::change!(
    "
CREATE TABLE voucher_before AS SELECT source, source_id, series, year, number, batch_id FROM voucher;
DROP TABLE voucher;
CREATE TABLE voucher (
    source text NOT NULL CHECK (source IN ('INVOICE', 'PAYMENT', 'REMINDER', 'ADJUSTMENT', 'BANK_PAYMENT')),
    source_id {id} NOT NULL,
    part {small} NOT NULL DEFAULT 1 CHECK (part > 0),
    series text,
    year {small},
    number {small} CHECK (number > 0),
    batch_id {id} REFERENCES export_batch (id),
    PRIMARY KEY (source, source_id, part),
    CONSTRAINT voucher__series__year__number UNIQUE (series, year, number),
    CHECK ((batch_id IS NULL) = (number IS NULL) AND (batch_id IS NULL) = (series IS NULL) AND (batch_id IS NULL) = (year IS NULL)),
    CHECK (part = 1 OR batch_id IS NOT NULL)
) {strict};
CREATE INDEX voucher__batch_id ON voucher (batch_id) WHERE batch_id IS NOT NULL;
INSERT INTO voucher (source, source_id, series, year, number, batch_id)
    SELECT source, source_id, series, year, number, batch_id FROM voucher_before;
DROP TABLE voucher_before;
"
);
