//! Files that people upload: scanned signed agreements, and vouchers of costs. The bytes of equal
//! files are stored a single time.

crate::change!(
    "
CREATE TABLE stored_content (
    sha256 {key} NOT NULL PRIMARY KEY,
    bytes {bytes} NOT NULL
) {strict};
CREATE TABLE stored_file (
    id {id} NOT NULL PRIMARY KEY,
    sha256 {key} NOT NULL REFERENCES stored_content (sha256),
    media_type text NOT NULL,
    name text NOT NULL,
    size {int} NOT NULL CHECK (size > 0),
    uploaded_at {instant} NOT NULL,
    uploaded_by text NOT NULL,
    signature_id {id} CONSTRAINT stored_file__signature_id UNIQUE REFERENCES agreement_signature (id),
    cost_id {id} CONSTRAINT stored_file__cost_id UNIQUE REFERENCES cost (id),
    CHECK (signature_id IS NULL OR cost_id IS NULL)
) {strict};
CREATE INDEX stored_file__sha256 ON stored_file (sha256);
CREATE INDEX stored_file__unused ON stored_file (uploaded_at) WHERE signature_id IS NULL AND cost_id IS NULL;
"
);
