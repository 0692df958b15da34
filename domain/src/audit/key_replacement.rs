//! The replacement of the key that signs the trail.

use super::{action::Action, change::begin, forms, signature::TrailKey};
use crate::{auth::viewer::Permission, context::Context, error::Result};

/// Appoints another key, which signs the trail from the next commit on; the present key signs the
/// appointment.
///
/// # Errors
/// FORBIDDEN unless the viewer is an operator on the machine, and the errors of [`begin`].
pub async fn replace_key(ctx: Context<'_>, new: &TrailKey) -> Result<()> {
    ctx.require(Permission::ManageKeys)?;
    let mut change = begin(ctx, Action::TrailKeyReplace).await?;
    let replaces = ctx.db.trail_key().map(|key| key.id().to_owned()).unwrap_or_default();
    let appointed =
        forms::TrailKey { key_id: new.id().to_owned(), public_key: new.public_hex(), replaces };
    change.record(None, Some(&appointed))?;
    change.commit().await
}
