//! Records grants.

use ::entity::{grant, id::GrantId};

use super::{
    booking::NewBooking,
    loading::{check_grant, next_occurrence},
};
use crate::{
    activities::loading::find,
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{Result, ValidationErrors},
    idempotency::Outcome,
};

/// Books a grant. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_grant(
    ctx: Context<'_>,
    new: NewBooking,
    mut errors: ValidationErrors,
) -> Result<GrantId> {
    ctx.require(Permission::ManageAccounts)?;
    let funder = new.check("funder", &mut errors);
    let mut change = audit::begin(ctx, Action::GrantRecord).await?;
    check_grant(change.tx(), new.activity, new.agreement_id, &mut errors).await?;
    errors.finish()?;
    Closing::load(change.tx()).await?.require_open(new.booked_on)?;
    find(change.tx(), new.activity).await?;
    let row = grant::Model {
        id: GrantId::new(),
        activity_id: new.activity,
        booked_on: new.booked_on,
        amount: new.amount,
        occurrence: next_occurrence::<grant::Model>(
            change.tx(),
            new.activity,
            new.booked_on,
            &funder,
        )
        .await?,
        funder,
        agreement_id: new.agreement_id,
        reverses_id: None,
        reason: None,
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await?;
    Ok(row.id)
}
