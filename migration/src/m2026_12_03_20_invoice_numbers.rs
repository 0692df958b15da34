//! The latest number of invoices and of credit notes is found by an index, without sorting all that
//! were issued on the latest day.

// The day as an expression: with the column itself, SQLite would use the index for questions about
// a few members, too.
crate::change!(
    "
CREATE INDEX invoice__kind__issued_on__number_key ON invoice (kind, COALESCE(issued_on, {never}), number_key) WHERE issued_on IS NOT NULL;
"
);
