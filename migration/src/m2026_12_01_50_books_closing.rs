//! The day through which the books are closed: one row, once they have been closed for the first
//! time.

crate::change!(
    "
CREATE TABLE books_closing (
    id {id} NOT NULL PRIMARY KEY,
    closed_through {date},
    reason text CHECK (reason <> '')
) {strict};
"
);
