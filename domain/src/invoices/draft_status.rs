//! Status of a draft: it may change until it is issued.

use ::entity::invoice;

use super::naming;
use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result},
};

/// Returns `true` if the viewer may update the invoice: it is a draft.
#[must_use]
pub fn can_update(ctx: Context<'_>, row: &invoice::Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices) && require_draft(row).is_ok()
}

/// Fails with `ALREADY_ISSUED` unless an invoice is a draft.
pub(super) fn require_draft(row: &invoice::Model) -> Result<()> {
    if row.issued_on.is_none() {
        return Ok(());
    }
    let message = format!(
        "{} is issued already, and never changes; credit it, or correct it by another invoice",
        naming::name(row)
    );
    Err(Error::conflict(ConflictReason::AlreadyIssued, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_invoice_never_changes() {
        let mut row = invoice::Model::default();
        assert!(require_draft(&row).is_ok());
        row.number = Some("20260001".into());
        row.issued_on = "2026-10-01".parse().ok();
        let message = require_draft(&row).unwrap_err().to_string();
        assert!(message.starts_with("invoice 20260001 is issued already"), "{message}");
    }
}
