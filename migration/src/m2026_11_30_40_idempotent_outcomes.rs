//! The outcomes of idempotent mutations, each written in its mutation's own transaction, instead of
//! full answers.
//!
//! Of what was done before, the mark stays until its day is over, so that nothing is done twice;
//! answers in full go, and with them what they hold of persons.

crate::change!(
    "
CREATE TABLE idempotent_request_new (
    subject text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    revision {int},
    at {instant} NOT NULL,
    CONSTRAINT idempotent_request__subject__key PRIMARY KEY (subject, key)
) {strict};
INSERT INTO idempotent_request_new (subject, key, digest, revision, at)
    SELECT subject, key, digest, revision, at FROM idempotent_request WHERE revision IS NOT NULL;
DROP TABLE idempotent_request;
ALTER TABLE idempotent_request_new RENAME TO idempotent_request;
CREATE INDEX idempotent_request__at ON idempotent_request (at);

CREATE TABLE idempotent_outcome (
    subject text NOT NULL,
    key text NOT NULL,
    response_key text NOT NULL,
    revision {int} NOT NULL,
    outcome text NOT NULL,
    CONSTRAINT idempotent_outcome__subject__key__response_key PRIMARY KEY (subject, key, response_key),
    FOREIGN KEY (subject, key) REFERENCES idempotent_request (subject, key) ON DELETE CASCADE
) {strict};
"
);
