//! Invoices with their lines, payments, the payments' shares in the lines, and reminders.

crate::change!(
    "
CREATE TABLE invoice (
    id {id} NOT NULL PRIMARY KEY,
    import_key text CONSTRAINT invoice__import_key UNIQUE,
    kind text NOT NULL CHECK (kind IN ('INVOICE', 'CREDIT_NOTE')),
    number text,
    number_key {key} NOT NULL,
    ocr text CONSTRAINT invoice__ocr UNIQUE,
    member_id {id} REFERENCES member (id),
    organisation_id {id} REFERENCES organisation (id),
    credits_id {id} REFERENCES invoice (id),
    issued_on {date},
    due_on {date},
    net {int} NOT NULL,
    vat {int} NOT NULL,
    rounding {int} NOT NULL,
    total {int} NOT NULL,
    paid {int} NOT NULL,
    credited {int} NOT NULL,
    first_paid_on {date},
    settled_on {date},
    credited_on {date},
    CONSTRAINT invoice__kind__number UNIQUE (kind, number),
    CHECK ((member_id IS NULL) <> (organisation_id IS NULL)),
    CHECK ((issued_on IS NULL) = (number IS NULL)),
    CHECK ((kind = 'CREDIT_NOTE') = (credits_id IS NOT NULL)),
    CHECK (due_on >= issued_on),
    CHECK (total = net + vat + rounding),
    CHECK (credited BETWEEN 0 AND total OR total < 0)
) {strict};
CREATE INDEX invoice__number_key__id ON invoice (number_key, id);
CREATE INDEX invoice__issued_on__id ON invoice (COALESCE(issued_on, {never}), id);
CREATE INDEX invoice__issued_on ON invoice (issued_on, kind);
CREATE INDEX invoice__due_on__id ON invoice (COALESCE(due_on, {never}), id);
CREATE INDEX invoice__total__id ON invoice (total, id);
CREATE INDEX invoice__member_id ON invoice (member_id, number_key, id);
CREATE INDEX invoice__member_id__issued_on ON invoice (member_id, issued_on);
CREATE INDEX invoice__organisation_id ON invoice (organisation_id, number_key, id);
CREATE INDEX invoice__kind ON invoice (kind, number_key, id);
CREATE INDEX invoice__credits_id ON invoice (credits_id);
CREATE INDEX invoice__settled_on ON invoice (settled_on, number_key, id);
CREATE INDEX invoice__open__due_on ON invoice (due_on) WHERE settled_on IS NULL;

CREATE TABLE invoice_line (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    position {small} NOT NULL CHECK (position > 0),
    description text NOT NULL,
    activity_id {id} REFERENCES activity (id),
    agreement_id {id} REFERENCES agreement (id),
    period_from {date},
    period_to {date},
    quantity {int} NOT NULL CHECK (quantity > 0),
    unit_price {int} NOT NULL,
    vat_rate text NOT NULL CHECK (vat_rate IN ('STANDARD_25', 'REDUCED_12', 'REDUCED_6', 'ZERO', 'EXEMPT', 'OUTSIDE_SCOPE')),
    net {int} NOT NULL,
    vat {int} NOT NULL,
    account text NOT NULL,
    CONSTRAINT invoice_line__invoice_id__position UNIQUE (invoice_id, position),
    CHECK (period_to >= period_from)
) {strict};
CREATE INDEX invoice_line__activity_id__invoice_id ON invoice_line (activity_id, invoice_id);
CREATE INDEX invoice_line__agreement_id__invoice_id ON invoice_line (agreement_id, invoice_id);

CREATE TABLE payment (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    received_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    reference text NOT NULL,
    CONSTRAINT payment__invoice_id__reference UNIQUE (invoice_id, reference)
) {strict};
CREATE INDEX payment__received_on ON payment (received_on, invoice_id);

CREATE TABLE payment_line (
    payment_id {id} NOT NULL REFERENCES payment (id),
    line_id {id} NOT NULL REFERENCES invoice_line (id),
    net {int} NOT NULL,
    vat {int} NOT NULL,
    PRIMARY KEY (payment_id, line_id)
) {strict};
CREATE INDEX payment_line__line_id ON payment_line (line_id);

CREATE TABLE reminder (
    id {id} NOT NULL PRIMARY KEY,
    invoice_id {id} NOT NULL REFERENCES invoice (id),
    sent_on {date} NOT NULL,
    fee {int} NOT NULL CHECK (fee BETWEEN 0 AND 6000)
) {strict};
CREATE INDEX reminder__invoice_id ON reminder (invoice_id, sent_on);
"
);
