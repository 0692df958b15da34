//! Revocations of the tokens of one association's contact, in addition to those of every token of a
//! subject.

crate::change!(
    "
ALTER TABLE token_revocation ADD COLUMN member_id {id} REFERENCES member (id);
"
);
