//! Requisitions (rekvisitioner): requests for the payment of grants, issued for cooperation
//! agreements.

crate::change!(
    "
CREATE TABLE requisition (
    id {id} NOT NULL PRIMARY KEY,
    number {key} NOT NULL CONSTRAINT requisition__number UNIQUE,
    agreement_id {id} NOT NULL REFERENCES agreement (id),
    issued_on {date} NOT NULL,
    due_on {date} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    period_from {date} NOT NULL,
    period_to {date} NOT NULL,
    description text NOT NULL,
    reference text,
    content text NOT NULL,
    CHECK (due_on >= issued_on),
    CHECK (period_to >= period_from)
) {strict};
CREATE INDEX requisition__agreement_id ON requisition (agreement_id);
"
);
