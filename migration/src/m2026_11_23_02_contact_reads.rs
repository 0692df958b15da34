//! Who read a contact: a row for each reader, contact and day. The log of a log is not kept:
//! reading it leaves no row.

crate::change!(
    "
CREATE TABLE contact_read (
    id {id} NOT NULL PRIMARY KEY,
    reader text NOT NULL,
    contact_id {id} NOT NULL,
    day {date} NOT NULL,
    first_at {instant} NOT NULL,
    last_at {instant} NOT NULL CHECK (last_at >= first_at),
    times {int} NOT NULL CHECK (times > 0),
    CONSTRAINT contact_read__reader__contact_id__day UNIQUE (reader, contact_id, day)
) {strict};
CREATE INDEX contact_read__contact_id ON contact_read (contact_id, day);
CREATE INDEX contact_read__day ON contact_read (day, id);
"
);
