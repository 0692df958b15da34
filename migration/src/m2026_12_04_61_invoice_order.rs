//! The order of invoices by number with their day of issue: a list of the invoices that were issued
//! from a day on skips earlier ones in the index, and reads no row of theirs.

crate::change!(
    "
DROP INDEX invoice__number_key__id;
CREATE INDEX invoice__number_key__id__issued_on ON invoice (number_key, id, issued_on);
"
);
