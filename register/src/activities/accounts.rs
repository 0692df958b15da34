//! Accounts: the costs and grants of an activity, as they are booked.

use ::entity::{
    cost, grant,
    id::{ActivityId, CostId, GrantId},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::launch::find;
use crate::{
    audit,
    auth::viewer::{Deed, Viewer},
    closing::Closing,
    database::Database,
    error::{Faults, LINE, Result},
    idempotency::Outcome,
};

/// A cost or a grant to be booked.
#[derive(Clone, Debug, Default)]
pub struct NewBooking {
    /// The activity.
    pub activity: ActivityId,
    /// Day in the books, of no closed period.
    pub booked_on: NaiveDate,
    /// Öre; negative when it is taken back, never nought.
    pub amount: Money,
    /// What a cost was for, or who gives a grant.
    pub text: String,
}

impl NewBooking {
    fn check(&self, text: &str, faults: &mut Faults) -> String {
        faults.expect(self.amount != Money::ZERO, "input.amount", "must not be nought");
        faults.text(text, &self.text, LINE)
    }
}

/// Books a cost. `faults` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, NOT_FOUND for the activity, INVALID naming every bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_cost(db: &Database, viewer: &Viewer, new: NewBooking, mut faults: Faults) -> Result<()> {
    viewer.require(Deed::KeepAccounts)?;
    let description = new.check("input.description", &mut faults);
    faults.finish()?;
    let mut change = audit::begin(db, viewer, "costRecord").await?;
    Closing::load(change.tx()).await?.require_open(new.booked_on)?;
    find(change.tx(), new.activity).await?;
    let like_it = cost::Entity::find()
        .filter(cost::Column::ActivityId.eq(new.activity))
        .filter(cost::Column::BookedOn.eq(new.booked_on))
        .filter(cost::Column::Description.eq(&description))
        .count(change.tx())
        .await?;
    let row = cost::Model {
        id: CostId::new(),
        activity_id: new.activity,
        booked_on: new.booked_on,
        amount: new.amount,
        description,
        occurrence: next(like_it),
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await
}

/// Books a grant. `faults` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, NOT_FOUND for the activity, INVALID naming every bad field, CONFLICT `PERIOD_CLOSED`.
pub async fn record_grant(db: &Database, viewer: &Viewer, new: NewBooking, mut faults: Faults) -> Result<()> {
    viewer.require(Deed::KeepAccounts)?;
    let funder = new.check("input.funder", &mut faults);
    faults.finish()?;
    let mut change = audit::begin(db, viewer, "grantRecord").await?;
    Closing::load(change.tx()).await?.require_open(new.booked_on)?;
    find(change.tx(), new.activity).await?;
    let like_it = grant::Entity::find()
        .filter(grant::Column::ActivityId.eq(new.activity))
        .filter(grant::Column::BookedOn.eq(new.booked_on))
        .filter(grant::Column::Funder.eq(&funder))
        .count(change.tx())
        .await?;
    let row = grant::Model {
        id: GrantId::new(),
        activity_id: new.activity,
        booked_on: new.booked_on,
        amount: new.amount,
        funder,
        occurrence: next(like_it),
    };
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(row.activity_id)).await
}

/// The number of the next of several like bookings; nothing is ever removed, so that counting them gives it.
fn next(like_it: u64) -> i32 {
    i32::try_from(like_it).unwrap_or(i32::MAX).saturating_add(1)
}
