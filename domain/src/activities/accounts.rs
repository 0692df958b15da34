//! Accounts: the costs and grants of an activity, as they are booked.

use ::entity::{
    cost, grant,
    id::{ActivityId, AgreementId, CostId, GrantId},
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
    audit,
    auth::viewer::{Permission, Viewer},
    books::Closing,
    database::Database,
    error::{LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// A cost or a grant to be booked.
#[derive(Clone, Debug, Default)]
pub struct NewBooking {
    /// The activity.
    pub activity: ActivityId,
    /// Day in the books, of no closed period.
    pub booked_on: NaiveDate,
    /// Öre; negative when it is taken back, never zero. Of a cost, without the VAT that is
    /// deducted.
    pub amount: Money,
    /// What a cost was for, or who gives a grant.
    pub text: String,
    /// The agreement by which the network owes a cost, or receives a grant.
    pub agreement: Option<AgreementId>,
}

/// The details that a cost has and a grant has not.
#[derive(Clone, Debug, Default)]
pub struct CostDetails {
    /// The supplier; null: the counterparty of the agreement, if there is one.
    pub supplier: Option<Supplier>,
    /// The supplier's own number of its invoice.
    pub reference: Option<String>,
    /// Input VAT that is deducted, öre; null: not known.
    pub vat: Option<Money>,
}

impl NewBooking {
    fn check(&self, text: &str, errors: &mut ValidationErrors) -> String {
        errors.expect(self.amount != Money::ZERO, "input.amount", "must not be zero");
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

/// Books a cost. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_cost(
    db: &Database,
    viewer: &Viewer,
    new: NewBooking,
    details: CostDetails,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAccounts)?;
    let description = new.check("input.description", &mut errors);
    let reference = errors.optional_text("input.reference", details.reference.as_deref(), LINE);
    if let Some(reason) = details.vat.and_then(|vat| unfit_vat(new.amount, vat)) {
        errors.add("input.vat", reason);
    }
    let mut change = audit::begin(db, viewer, "costRecord").await?;
    let supplier =
        check_cost(change.tx(), new.activity, (new.agreement, details.supplier), &mut errors)
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
        agreement_id: new.agreement,
        reverses_id: None,
        reason: None,
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await
}

/// Books a grant. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_grant(
    db: &Database,
    viewer: &Viewer,
    new: NewBooking,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAccounts)?;
    let funder = new.check("input.funder", &mut errors);
    let mut change = audit::begin(db, viewer, "grantRecord").await?;
    check_grant(change.tx(), new.activity, new.agreement, &mut errors).await?;
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
        agreement_id: new.agreement,
        reverses_id: None,
        reason: None,
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await
}

/// Returns the number of the next of the costs of an activity with this day and description.
pub(super) async fn next_cost(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    day: NaiveDate,
    description: &str,
) -> Result<i32> {
    let like_it = cost::Entity::find()
        .filter(cost::Column::ActivityId.eq(activity))
        .filter(cost::Column::BookedOn.eq(day))
        .filter(cost::Column::Description.eq(description));
    Ok(next(like_it.count(db).await?))
}

/// Returns the number of the next of the grants to an activity with this day and funder.
pub(super) async fn next_grant(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    day: NaiveDate,
    funder: &str,
) -> Result<i32> {
    let like_it = grant::Entity::find()
        .filter(grant::Column::ActivityId.eq(activity))
        .filter(grant::Column::BookedOn.eq(day))
        .filter(grant::Column::Funder.eq(funder));
    Ok(next(like_it.count(db).await?))
}

/// The number of the next of several like bookings; nothing is ever removed, so that counting them
/// gives it.
fn next(like_it: u64) -> i32 {
    i32::try_from(like_it).unwrap_or(i32::MAX).saturating_add(1)
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
