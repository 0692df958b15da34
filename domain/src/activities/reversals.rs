//! Corrections of costs and grants: what was booked stays as it is, and a reversal books the
//! negative on a day of its own.

use ::entity::{
    cost, grant,
    id::{CostId, GrantId},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::accounts::{next_cost, next_grant};
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    clock::day_of,
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// A reversal to be booked.
#[derive(Clone, Debug, Default)]
pub struct NewReversal<I> {
    /// The cost or grant to be reversed.
    pub id: I,
    /// Day in the books; null: today, or the first open day after a closed period.
    pub reversed_on: Option<NaiveDate>,
    /// Reason for it.
    pub reason: String,
}

/// Reverses a cost, whole and once. Returns the reversal. `errors` are those that reading the input
/// has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `IS_REVERSAL`, `ALREADY_REVERSED` or `PERIOD_CLOSED`.
pub async fn reverse_cost(
    db: &Database,
    viewer: &Viewer,
    new: NewReversal<CostId>,
    mut errors: ValidationErrors,
) -> Result<CostId> {
    viewer.require(Permission::ManageAccounts)?;
    let reason = errors.text("input.reason", &new.reason, LINE);
    let mut change = audit::begin(db, viewer, "costReverse").await?;
    let found = cost::Entity::find_by_id(new.id).one(change.tx()).await?;
    let closing = Closing::load(change.tx()).await?;
    let day = found
        .as_ref()
        .map(|row| day_of_reversal(&change, closing, row.booked_on, new.reversed_on, &mut errors));
    errors.finish()?;
    let (Some(row), Some(day)) = (found, day) else {
        return Err(Error::NotFound("there is no such cost".into()));
    };
    require_first(row.reverses_id.is_some(), "cost")?;
    let earlier =
        cost::Entity::find().filter(cost::Column::ReversesId.eq(row.id)).one(change.tx()).await?;
    if let Some(earlier) = earlier {
        return Err(already_reversed("cost", earlier.booked_on));
    }
    closing.require_open(day)?;
    let reversal = cost::Model {
        id: CostId::new(),
        booked_on: day,
        amount: -row.amount,
        vat: row.vat.map(|vat| -vat),
        occurrence: next_cost(change.tx(), row.activity_id, day, &row.description).await?,
        reverses_id: Some(row.id),
        reason: Some(reason),
        ..row
    };
    audit::insert(&change, reversal.clone()).await?;
    change.record(None, Some(&reversal))?;
    change.commit_with(Outcome::of(reversal.id).with(reversal.activity_id)).await?;
    Ok(reversal.id)
}

/// Reverses a grant, whole and once. Returns the reversal. `errors` are those that reading the
/// input has found already.
///
/// # Errors
/// As [`reverse_cost`].
pub async fn reverse_grant(
    db: &Database,
    viewer: &Viewer,
    new: NewReversal<GrantId>,
    mut errors: ValidationErrors,
) -> Result<GrantId> {
    viewer.require(Permission::ManageAccounts)?;
    let reason = errors.text("input.reason", &new.reason, LINE);
    let mut change = audit::begin(db, viewer, "grantReverse").await?;
    let found = grant::Entity::find_by_id(new.id).one(change.tx()).await?;
    let closing = Closing::load(change.tx()).await?;
    let day = found
        .as_ref()
        .map(|row| day_of_reversal(&change, closing, row.booked_on, new.reversed_on, &mut errors));
    errors.finish()?;
    let (Some(row), Some(day)) = (found, day) else {
        return Err(Error::NotFound("there is no such grant".into()));
    };
    require_first(row.reverses_id.is_some(), "grant")?;
    let earlier =
        grant::Entity::find().filter(grant::Column::ReversesId.eq(row.id)).one(change.tx()).await?;
    if let Some(earlier) = earlier {
        return Err(already_reversed("grant", earlier.booked_on));
    }
    closing.require_open(day)?;
    let reversal = grant::Model {
        id: GrantId::new(),
        booked_on: day,
        amount: -row.amount,
        occurrence: next_grant(change.tx(), row.activity_id, day, &row.funder).await?,
        reverses_id: Some(row.id),
        reason: Some(reason),
        ..row
    };
    audit::insert(&change, reversal.clone()).await?;
    change.record(None, Some(&reversal))?;
    change.commit_with(Outcome::of(reversal.id).with(reversal.activity_id)).await?;
    Ok(reversal.id)
}

/// Returns the day in the books of a reversal of what was booked on a day, and notes what is wrong
/// with a given one.
fn day_of_reversal(
    change: &Change,
    closing: Closing,
    booked_on: NaiveDate,
    reversed_on: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) -> NaiveDate {
    // What is booked on a day ahead is reversed on that day, not before it.
    let last = day_of(change.at()).max(booked_on);
    let Some(day) = reversed_on else { return closing.open_day(last) };
    if day < booked_on {
        errors
            .add("input.reversedOn", format!("must not be before {booked_on}, when it was booked"));
    } else if day > last {
        errors.add("input.reversedOn", format!("must not be after {last}"));
    }
    day
}

fn require_first(is_reversal: bool, noun: &str) -> Result<()> {
    if is_reversal {
        return Err(Error::conflict(
            "IS_REVERSAL",
            format!("this reverses a {noun} itself; record the {noun} again instead"),
        ));
    }
    Ok(())
}

fn already_reversed(noun: &str, day: NaiveDate) -> Error {
    Error::conflict(
        "ALREADY_REVERSED",
        format!("the {noun} was reversed on {day} already; record what is right with a new {noun}"),
    )
}
