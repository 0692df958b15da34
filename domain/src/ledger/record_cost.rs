//! Records costs.

use ::entity::{cost, id::CostId};

use super::{
    booked_for::Supplier,
    booking::{CostDetails, NewBooking, unfit_vat},
    loading::{check_cost, next_occurrence},
};
use crate::{
    activities::loading::find,
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
};

/// Books a cost. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_cost(
    ctx: Context<'_>,
    new: NewBooking,
    details: CostDetails,
    mut errors: ValidationErrors,
) -> Result<CostId> {
    ctx.require(Permission::ManageAccounts)?;
    let description = new.check("description", &mut errors);
    let reference = errors.optional_text("reference", details.reference.as_deref(), LINE);
    if let Some(reason) = details.vat.and_then(|vat| unfit_vat(new.amount, vat)) {
        errors.add("vat", FieldErrorCode::Mismatch.problem(reason));
    }
    let mut change = audit::begin(ctx, Action::CostRecord).await?;
    let supplier =
        check_cost(change.tx(), new.activity, (new.agreement_id, details.supplier_id), &mut errors)
            .await?;
    errors.finish()?;
    Closing::load(change.tx()).await?.require_open(new.booked_on)?;
    find(change.tx(), new.activity).await?;
    let (member_id, organisation_id) = Supplier::columns(supplier);
    let row = cost::Model {
        id: CostId::new(),
        activity_id: new.activity,
        booked_on: new.booked_on,
        amount: new.amount,
        occurrence: next_occurrence::<cost::Model>(
            change.tx(),
            new.activity,
            new.booked_on,
            &description,
        )
        .await?,
        description,
        vat: details.vat,
        member_id,
        organisation_id,
        reference,
        agreement_id: new.agreement_id,
        reverses_id: None,
        reason: None,
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    if let Some(file) = details.file_id {
        let owner = FileOwner::Cost(row.id, row.activity_id, row.booked_on);
        stored_files::attach::attach(ctx, &mut change, file, owner).await?;
    }
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await?;
    Ok(row.id)
}
