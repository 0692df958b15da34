//! The changes of a bulk mutation that is all or nothing: each item is a change of its own, and all
//! are committed together with the outcome of the mutation.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::{
    database::{Database, Parts, Transaction},
    error::Result,
    idempotency::{MutationField, Outcome},
};

/// A transaction with a change for each item. Dropped without [`ItemChanges::commit`], it is rolled
/// back.
#[derive(Debug)]
pub(crate) struct ItemChanges {
    tx: Transaction,
    parts: Arc<Parts>,
    outcomes: ItemOutcomes,
}

/// The outcomes of the changes of the items, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemOutcomes(Arc<Mutex<Vec<Outcome>>>);

impl ItemOutcomes {
    /// Adds the outcome of a change that is done.
    pub(crate) fn add(&self, outcome: Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    fn take(&self) -> Vec<Outcome> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ItemChanges {
    /// Begins the transaction of a mutation.
    ///
    /// # Errors
    /// CONFLICT `BUSY` or `PROGRAM_TOO_OLD`; `REPEATED` if another request with the same key has
    /// performed the mutation.
    pub(crate) async fn begin(
        db: &Database,
        mutation: Option<&MutationField>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let tx = db.write().await?;
        if let Some(mutation) = mutation {
            mutation.expect_new(&tx, now).await?;
        }
        Ok(Self { tx, parts: Arc::default(), outcomes: ItemOutcomes::default() })
    }

    /// Begins the change of the next item. That of the item before has ended: it is rolled back if
    /// it failed.
    pub(crate) async fn begin_item(&self) -> Result<Transaction> {
        Ok(self.tx.begin_part(&self.parts).await?)
    }

    /// Returns the list to which the change of an item adds its outcome.
    pub(crate) fn outcomes(&self) -> ItemOutcomes {
        self.outcomes.clone()
    }

    /// Commits the changes of all items with the outcome of the mutation.
    pub(crate) async fn commit(
        self,
        db: &Database,
        mutation: Option<&MutationField>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Self { tx, parts, outcomes } = self;
        tx.end_part(&parts).await?;
        let (outcome, end) = (Outcome::of_items(&outcomes.take())?, parts.end());
        let last = end.as_ref().map(|(revision, hash)| (*revision, hash.as_str()));
        let revision = last.map_or_else(|| db.trail_head.get().0, |(revision, _)| revision);
        if let Some(mutation) = mutation {
            mutation.store(&tx, &outcome, revision, now).await?;
        }
        if last.is_some() || mutation.is_some_and(MutationField::has_key) {
            db.commit(tx, last).await?;
        } else {
            db.leave_unchanged(tx).await?;
        }
        if let Some(mutation) = mutation {
            mutation.committed(outcome, revision);
        }
        Ok(())
    }

    /// Rolls back the changes of all items.
    pub(crate) async fn undo(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}
