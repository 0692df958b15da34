//! The unit (enhet) of what a line counts.

crate::change!(
    "
ALTER TABLE invoice_line ADD COLUMN unit text NOT NULL DEFAULT 'PIECE'
    CHECK (unit IN ('PIECE', 'PERSON', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR', 'KILOMETER'));
"
);
