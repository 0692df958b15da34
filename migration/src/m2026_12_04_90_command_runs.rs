//! The last run of each command that an operator's timers repeat: checkpoint, verify. It is no part
//! of the register, has no entry in the trail, and tells `samregister doctor` and the metrics which
//! of them is late.

crate::change!(
    "CREATE TABLE command_run (
    command {key} NOT NULL PRIMARY KEY,
    finished_at {int} NOT NULL,
    succeeded_at {int},
    findings {int} NOT NULL CHECK (findings >= 0)
) {strict};"
);
