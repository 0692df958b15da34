//! Where what was paid lies, by day and line, instead of by payment; and the days that lines cover
//! in the order in which reports ask.
//!
//! A credit note moves what was paid to the lines that have something left, on its own day, so that
//! no month before it changes. What was attributed before stays as it was until something is booked
//! on its invoice; `verify` names the invoices that this is about.

crate::change!(
    "
CREATE TABLE attribution (
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    counted_on {date} NOT NULL,
    position {small} NOT NULL CHECK (position >= 0),
    net {int} NOT NULL,
    vat {int} NOT NULL,
    PRIMARY KEY (invoice_id, counted_on, position),
    CHECK (position > 0 OR vat = 0),
    CHECK (net <> 0 OR vat <> 0)
) {strict};
CREATE INDEX attribution__counted_on ON attribution (counted_on, invoice_id);
INSERT INTO attribution (invoice_id, counted_on, position, net, vat)
    SELECT payment.invoice_id, payment.received_on, invoice_line.position, SUM(payment_line.net), SUM(payment_line.vat)
    FROM payment_line
    JOIN payment ON payment.id = payment_line.payment_id
    JOIN invoice_line ON invoice_line.id = payment_line.line_id
    GROUP BY payment.invoice_id, payment.received_on, invoice_line.position
    HAVING SUM(payment_line.net) <> 0 OR SUM(payment_line.vat) <> 0;
DROP TABLE payment_line;

ALTER TABLE revenue_month ADD COLUMN unattributed {int} NOT NULL DEFAULT 0;

-- Its last day first: reports are about the last years of many.
CREATE INDEX invoice_line__covers ON invoice_line (COALESCE(period_to, period_from), COALESCE(period_from, period_to))
    WHERE period_from IS NOT NULL OR period_to IS NOT NULL;
"
);
