//! The error for writes that were not begun because others write.

use crate::error::{ConflictReason, Error};

/// Returns the error of a change that was not begun because others write for too long.
pub(crate) fn busy() -> Error {
    Error::conflict(
        ConflictReason::Busy,
        "the register is busy with other changes and this one was not begun; try again in a while",
    )
}
