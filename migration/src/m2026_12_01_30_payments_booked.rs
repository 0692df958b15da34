//! The day in the books of a payment that is matched later than it came, and bank payments that
//! tell of the same money.
//!
//! An entry of a bank file may come as a total first and payment by payment later, so each payment
//! keeps what its entry is known by.

crate::change!(
    "
ALTER TABLE payment ADD COLUMN booked_on {date};
CREATE INDEX payment__booked_on ON payment (booked_on) WHERE booked_on IS NOT NULL;

ALTER TABLE bank_payment ADD COLUMN entry_reference text;
ALTER TABLE bank_payment ADD COLUMN duplicate_of_id {id} REFERENCES bank_payment (id);
CREATE INDEX bank_payment__entry_reference ON bank_payment (entry_reference) WHERE entry_reference IS NOT NULL;
CREATE INDEX bank_payment__duplicate_of_id ON bank_payment (duplicate_of_id) WHERE duplicate_of_id IS NOT NULL;
CREATE INDEX bank_payment__amount__booked_on ON bank_payment (amount, booked_on);
"
);
