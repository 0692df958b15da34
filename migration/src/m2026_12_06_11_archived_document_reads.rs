//! The log of who opened files of an archived document: a row for each reader, document and day.
//! Reading the log leaves no row.

crate::change!(
    "
CREATE TABLE archived_document_read (
    id {id} NOT NULL PRIMARY KEY,
    reader text NOT NULL,
    document_id {id} NOT NULL,
    day {date} NOT NULL,
    first_at {instant} NOT NULL,
    last_at {instant} NOT NULL CHECK (last_at >= first_at),
    times {int} NOT NULL CHECK (times > 0),
    CONSTRAINT archived_document_read__reader__document_id__day UNIQUE (reader, document_id, day)
) {strict};
CREATE INDEX archived_document_read__document_id ON archived_document_read (document_id, day);
CREATE INDEX archived_document_read__day ON archived_document_read (day, id);
"
);
