//! A table of one row, which a server writes after changes have failed, to find out whether they
//! can be written again.

crate::change!(
    "CREATE TABLE write_probe (
    id {int} NOT NULL PRIMARY KEY CHECK (id = 1),
    filler {bytes} NOT NULL
) {strict};"
);
