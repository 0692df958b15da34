//! Reading transactions that see the same state of the register, so that checks can run
//! concurrently and agree.

use sea_orm::DatabaseTransaction;

use crate::{
    audit,
    database::Database,
    error::{Error, Result},
};

/// Maximum number of attempts to begin transactions that see the same state.
const MAX_ATTEMPTS: usize = 1000;

/// Begins reading transactions that see the same state of the register, and returns its last
/// revision.
///
/// Every change of the register adds an entry to the trail, so two transactions that see the same
/// last revision see the same rows. If a commit comes between them, they are begun again.
///
/// # Errors
/// INTERNAL if commits follow each other so fast that no two transactions see the same state.
pub(super) async fn open<const COUNT: usize>(
    db: &Database,
) -> Result<(i64, [DatabaseTransaction; COUNT])> {
    for _ in 0..MAX_ATTEMPTS {
        let (mut transactions, mut revisions) =
            (Vec::with_capacity(COUNT), Vec::with_capacity(COUNT));
        for _ in 0..COUNT {
            let transaction = db.snapshot().await?;
            revisions.push(audit::revision_in(&transaction).await?);
            transactions.push(transaction);
        }
        if let (Some(revision), true) =
            (revisions.first(), revisions.windows(2).all(|pair| pair[0] == pair[1]))
            && let Ok(transactions) = transactions.try_into()
        {
            return Ok((*revision, transactions));
        }
    }
    Err(Error::internal(std::io::Error::other(
        "the register changes too fast to be read in one state; try again",
    )))
}
