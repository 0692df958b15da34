//! The index of credited invoices holds credit notes alone: most invoices credit none, and
//! statistics over all of them keep SQLite from using it, which then reads every invoice for the
//! notes of a few.

crate::change!(
    "
DROP INDEX invoice__credits_id;
CREATE INDEX invoice__credits_id ON invoice (credits_id) WHERE credits_id IS NOT NULL;
"
);
