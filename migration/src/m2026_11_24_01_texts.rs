//! The long texts of activities and status reports in tables of their own, so that lists never drag
//! them along: SQLite reads a row from its beginning, through every page that a text fills, to a
//! column behind it.
//!
//! What is a line as people write it stays in its row, though a file or a careful clerk may bring
//! more: `agreement.termination_reason`, `invoice.reason`, `invoice_line.description`, and what
//! `bank_payment` keeps as the bank told it. The last three are what their rows' triggers keep from
//! changing, and each of them is selected only by who asks for it.

crate::change!(
    "
CREATE TABLE activity_text (
    activity_id {id} NOT NULL PRIMARY KEY REFERENCES activity (id),
    purpose text,
    goal text
) {strict};
INSERT INTO activity_text (activity_id, purpose, goal) SELECT id, purpose, goal FROM activity;
ALTER TABLE activity DROP COLUMN purpose;
ALTER TABLE activity DROP COLUMN goal;

CREATE TABLE status_report_text (
    status_report_id {id} NOT NULL PRIMARY KEY REFERENCES status_report (id),
    summary text NOT NULL,
    deviations text,
    next_steps text
) {strict};
INSERT INTO status_report_text (status_report_id, summary, deviations, next_steps)
    SELECT id, summary, deviations, next_steps FROM status_report;
ALTER TABLE status_report DROP COLUMN summary;
ALTER TABLE status_report DROP COLUMN deviations;
ALTER TABLE status_report DROP COLUMN next_steps;
"
);
