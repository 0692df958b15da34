//! Requests that shall be done once however often they come, with their first answers, kept for a
//! day.

crate::change!(
    "
CREATE TABLE idempotent_request (
    subject text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    revision {int},
    at {instant} NOT NULL,
    answer text,
    PRIMARY KEY (subject, key),
    CHECK (revision IS NOT NULL OR answer IS NOT NULL)
) {strict};
CREATE INDEX idempotent_request__at ON idempotent_request (at);
"
);
