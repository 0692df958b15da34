//! Erases the contacts and the log lines whose retention period is over.

use super::{kind::Kind, report};
use crate::{audit::reads, config::Retention, contacts, context::Context, error::Result};

/// The result of [`erase`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Number of contacts that were erased.
    pub contacts: u64,
    /// Number of rows that were deleted from the log of contact reads.
    pub reads: u64,
}

/// Erases the data that may be erased today: each contact in a mutation of its own, and the log of
/// contact reads. Data that bokföringslagen protects is never erased here: issued documents and the
/// audit trail reject it.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, CONFLICT with the reason BUSY when other writers
/// hold the database for too long. Data erased before the error stays erased.
pub async fn erase(ctx: Context<'_>, decided: &Retention) -> Result<Erased> {
    let on = ctx.clock.today();
    let mut erased = Erased::default();
    loop {
        let due = report(ctx, decided, on).await?.contacts;
        if due.is_empty() {
            break;
        }
        for contact in due {
            contacts::erase::erase(ctx, contact).await?;
            erased.contacts += 1;
        }
    }
    if let Some(first) = Kind::ContactReads.period(decided).stays_from(on) {
        erased.reads = reads::delete_before(ctx, first).await?;
    }
    Ok(erased)
}
