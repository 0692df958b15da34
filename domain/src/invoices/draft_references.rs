//! Objects that a draft refers to: its buyer, and the invoice that it corrects.

use ::entity::id::InvoiceId;
use sea_orm::ConnectionTrait;

use super::{Buyer, aggregate::InvoiceAggregate, draft_checks, loading, parties::Buyers};
use crate::error::{Error, Result, ValidationErrors};

/// Sets the buyer of a draft, and returns the facts about it.
///
/// # Errors
/// NOT_FOUND for the buyer.
pub(super) async fn set_buyer(
    db: &impl ConnectionTrait,
    after: &mut InvoiceAggregate,
    buyer: Buyer,
    errors: &mut ValidationErrors,
) -> Result<Buyers> {
    (after.row.member_id, after.row.organisation_id) = match buyer {
        Buyer::Member(id) => (Some(id), None),
        Buyer::Organisation(id) => (None, Some(id)),
    };
    // A bad id is reported with all other errors.
    if !errors.is_empty() {
        return Ok(Buyers::default());
    }
    let buyers = Buyers::load(db, [buyer]).await?;
    if !buyers.has(buyer) {
        return Err(Error::missing("buyer_id", "there is no such buyer"));
    }
    Ok(buyers)
}

/// Checks the invoice that this one corrects upwards; the caller refers to it as `name`.
pub(super) async fn correct(
    db: &impl ConnectionTrait,
    name: &str,
    after: &InvoiceAggregate,
    corrected: InvoiceId,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let found = loading::find(db, corrected).await;
    let found = match found.map_err(|error| error.of_field("corrects_id")) {
        Err(Error::NotFound(_)) if !errors.is_empty() => return Ok(()),
        found => found?,
    };
    draft_checks::check_correction(name, after, &found, errors);
    Ok(())
}
