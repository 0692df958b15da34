//! Tokens that were called back before they expire.

crate::change!(
    "
CREATE TABLE token_revocation (
    id {id} NOT NULL PRIMARY KEY,
    subject_sha256 text,
    token_id text,
    revoked_at {instant} NOT NULL,
    reason text,
    CHECK ((subject_sha256 IS NULL) <> (token_id IS NULL))
) {strict};
"
);
