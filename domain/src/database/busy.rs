//! The errors for writes that were not begun because others write for too long.

use std::time::Duration;

use crate::error::{ConflictReason, Error};

/// Time for which a change waits for earlier changes of this program, and then for those of other
/// programs, before it fails with BUSY.
pub(crate) const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the error of a change that was not begun because others write for too long.
pub(crate) fn busy() -> Error {
    Error::conflict(
        ConflictReason::Busy,
        "the register is busy with other changes and this one was not begun; try again in a while",
    )
}

/// Returns the error of a change that was not begun because an import blocks others for this time.
pub(super) fn busy_for(left: Duration) -> Error {
    let seconds = left.as_secs().saturating_add(1);
    let message = format!(
        "the register is busy with an import and this change was not begun; the import is expected to end in {seconds} seconds: try again then"
    );
    Error::throttled(ConflictReason::Busy, message, left)
}
