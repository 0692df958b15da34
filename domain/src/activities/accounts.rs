//! Accounts: the booked costs and grants of an activity.

use ::entity::{
    cost, grant,
    id::{ActivityId, AgreementId, CostId, GrantId, StoredFileId},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};

pub use super::booked_for::{Supplier, unfit_for_cost, unfit_for_grant};
use super::{
    booked_for::{check_cost, check_grant},
    start::find,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
};

/// Input for booking a cost or a grant.
#[derive(Clone, Debug, Default)]
pub struct NewBooking {
    /// The activity.
    pub activity: ActivityId,
    /// Accounting date, which must not be in a closed period.
    pub booked_on: NaiveDate,
    /// Amount in öre; negative for a correction, never zero. For a cost, it excludes deducted VAT.
    pub amount: Money,
    /// Description of a cost, or the funder of a grant.
    pub text: String,
    /// The agreement by which the network owes a cost, or receives a grant.
    pub agreement_id: Option<AgreementId>,
}

/// Details that only a cost has.
#[derive(Clone, Debug, Default)]
pub struct CostDetails {
    /// The supplier; null: the counterparty of the agreement, if there is one.
    pub supplier_id: Option<Supplier>,
    /// The supplier's invoice number.
    pub reference: Option<String>,
    /// Deducted input VAT in öre; null: unknown.
    pub vat: Option<Money>,
    /// The uploaded voucher, if any.
    pub file_id: Option<StoredFileId>,
}

impl NewBooking {
    fn check(&self, text: &str, errors: &mut ValidationErrors) -> String {
        errors.expect(
            self.amount != Money::ZERO,
            "amount",
            FieldErrorCode::OutOfRange.problem("must not be zero"),
        );
        errors.text(text, &self.text, LINE)
    }
}

/// Returns the reason why an amount can't have this VAT; `None` if it can.
#[must_use]
pub fn unfit_vat(amount: Money, vat: Money) -> Option<&'static str> {
    let is_opposite = vat != Money::ZERO && (vat > Money::ZERO) != (amount > Money::ZERO);
    if is_opposite {
        return Some("must have the sign of the amount");
    }
    (vat.0.unsigned_abs() > amount.0.unsigned_abs())
        .then_some("must not be more than the amount, which is without VAT")
}

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
        occurrence: next_cost(change.tx(), new.activity, new.booked_on, &description).await?,
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
        stored_files::attach(&mut change, ctx.viewer, file, owner).await?;
    }
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await?;
    Ok(row.id)
}

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
        occurrence: next_grant(change.tx(), new.activity, new.booked_on, &funder).await?,
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

/// Returns the occurrence number for the next cost of an activity with this day and description.
pub(super) async fn next_cost(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    day: NaiveDate,
    description: &str,
) -> Result<i32> {
    let equal = cost::Entity::find()
        .filter(cost::Column::ActivityId.eq(activity))
        .filter(cost::Column::BookedOn.eq(day))
        .filter(cost::Column::Description.eq(description));
    Ok(next(equal.count(db).await?))
}

/// Returns the occurrence number for the next grant to an activity with this day and funder.
pub(super) async fn next_grant(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    day: NaiveDate,
    funder: &str,
) -> Result<i32> {
    let equal = grant::Entity::find()
        .filter(grant::Column::ActivityId.eq(activity))
        .filter(grant::Column::BookedOn.eq(day))
        .filter(grant::Column::Funder.eq(funder));
    Ok(next(equal.count(db).await?))
}

/// Returns the occurrence number after `count` equal bookings. Bookings are never removed, so
/// counting them is enough.
fn next(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_has_the_sign_of_its_amount_and_is_no_more() {
        for (amount, vat, fits) in [
            (10_000, 2_500, true),
            (10_000, 0, true),
            (-10_000, -2_500, true),
            (10_000, -1, false),
            (-10_000, 1, false),
            (100, 101, false),
        ] {
            assert_eq!(unfit_vat(Money(amount), Money(vat)).is_none(), fits, "{amount} {vat}");
        }
    }
}
