//! The day in the books of a bank payment that was imported after its own day was closed.

crate::change!(
    "
ALTER TABLE bank_payment ADD COLUMN posted_on {date};
CREATE INDEX bank_payment__posted_on ON bank_payment (posted_on) WHERE posted_on IS NOT NULL;
"
);
