//! The context in which a rule is applied: register, time, caller and mutation.

use crate::{
    audit::{item_changes::ItemChanges, pending_reads::ReadMark},
    auth::viewer::{Permission, Viewer},
    clock::Clock,
    database::Database,
    error::Result,
    idempotency::MutationField,
};

/// First argument of every rule that asks for permissions, the time, or writes. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Connections to the register.
    pub db: &'a Database,
    /// Clock of the register.
    pub clock: Clock,
    /// The caller, whose permissions decide.
    pub viewer: &'a Viewer,
    /// The mutation field that applies the rule, and whose outcome is stored with its change;
    /// `None` for queries and commands.
    pub idempotency: Option<&'a MutationField>,
    /// The transaction of a bulk mutation, of which the change of the rule becomes a part; `None`
    /// for a change with a transaction of its own.
    pub(crate) items: Option<&'a ItemChanges>,
    /// Mark of the request, set when the read of a contact is noted for it; `None` if no one asks
    /// for it.
    pub read_mark: Option<&'a ReadMark>,
}

impl<'a> Context<'a> {
    /// Returns the context of a query or a command.
    #[must_use]
    pub fn new(db: &'a Database, clock: Clock, viewer: &'a Viewer) -> Self {
        Self { db, clock, viewer, idempotency: None, items: None, read_mark: None }
    }

    /// Returns the same context for the rule of a mutation field.
    #[must_use]
    pub fn for_mutation(self, field: &'a MutationField) -> Self {
        Self { idempotency: Some(field), ..self }
    }

    /// Returns the same context for an item of a bulk mutation, which stores the outcome of all.
    #[must_use]
    pub(crate) fn for_items(self, items: &'a ItemChanges) -> Self {
        Self { idempotency: None, items: Some(items), ..self }
    }

    /// Returns the same context for a request with this mark.
    #[must_use]
    pub fn with_read_mark(self, read_mark: Option<&'a ReadMark>) -> Self {
        Self { read_mark, ..self }
    }

    /// Returns the same context for another caller.
    #[must_use]
    pub fn with_viewer(self, viewer: &'a Viewer) -> Self {
        Self { viewer, ..self }
    }

    /// Checks that the caller has a permission.
    ///
    /// # Errors
    /// FORBIDDEN with the permission that is missing.
    pub fn require(&self, permission: Permission) -> Result<()> {
        self.viewer.require(permission)
    }

    /// Fails with CONFLICT `REPEATED` if another request with the same key has performed the
    /// mutation, which is then answered from its outcome. A rule calls it before it rejects what it
    /// read before its change: that request may be the reason.
    pub(crate) async fn expect_new(&self) -> Result<()> {
        match self.idempotency.filter(|mutation| mutation.is_by(&self.viewer.subject)) {
            Some(mutation) => mutation.expect_new(self.db.read(), self.clock.now()).await,
            None => Ok(()),
        }
    }
}
