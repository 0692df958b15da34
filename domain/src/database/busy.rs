//! The error for writes that were not begun because others write for too long.

use std::time::Duration;

use crate::error::{ConflictReason, Error};

/// Time for which a change waits for earlier changes of this program, and then for those of other
/// programs, before it fails with BUSY.
pub(super) const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the error of a change that was not begun because others write for too long.
pub(crate) fn busy() -> Error {
    Error::conflict(
        ConflictReason::Busy,
        "the register is busy with other changes and this one was not begun; try again in a while",
    )
}
