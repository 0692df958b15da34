//! Refunds of invoices, and differences of less than a krona that are written off.
//!
//! Both settle an invoice on days of their own, so that nothing changes in what was reported
//! before.

crate::change!(
    "
CREATE TABLE adjustment (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    kind text NOT NULL CHECK (kind IN ('REFUND', 'WRITE_OFF')),
    dated_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount <> 0),
    reference text NOT NULL,
    bank_payment_id {id} REFERENCES bank_payment (id),
    reverses_id {id} CONSTRAINT adjustment__reverses_id UNIQUE REFERENCES adjustment (id),
    reason text,
    booked_on {date},
    CONSTRAINT adjustment__invoice_id__kind__reference UNIQUE (invoice_id, kind, reference),
    CHECK (kind = 'WRITE_OFF' OR (amount < 0) = (reverses_id IS NOT NULL)),
    CHECK (kind = 'REFUND' OR bank_payment_id IS NULL)
) {strict};
CREATE INDEX adjustment__bank_payment_id ON adjustment (bank_payment_id) WHERE bank_payment_id IS NOT NULL;
CREATE INDEX adjustment__dated_on ON adjustment (dated_on);
CREATE INDEX adjustment__booked_on ON adjustment (booked_on) WHERE booked_on IS NOT NULL;

ALTER TABLE invoice ADD COLUMN written_off {int} NOT NULL DEFAULT 0;
"
);
