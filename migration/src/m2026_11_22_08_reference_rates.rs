//! Reference rates (referensränta) that the register is told, and an index by which members'
//! balances are found.

crate::change!(
    "
CREATE TABLE reference_rate (
    id {id} NOT NULL PRIMARY KEY,
    valid_from {date} NOT NULL CONSTRAINT reference_rate__valid_from UNIQUE,
    hundredths {int} NOT NULL CHECK (hundredths BETWEEN -10000 AND 10000),
    source text NOT NULL CHECK (source <> '')
) {strict};
CREATE INDEX invoice__open__member_id ON invoice (member_id, kind) WHERE paid + credited <> total;
"
);
