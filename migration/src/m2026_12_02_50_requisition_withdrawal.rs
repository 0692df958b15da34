//! Withdrawal of requisitions: the document stays as it was issued, and the grant can be
//! requisitioned again.

crate::change!(
    "
ALTER TABLE requisition ADD COLUMN withdrawn_on {date};
ALTER TABLE requisition ADD COLUMN withdrawal_reason text;
"
);
