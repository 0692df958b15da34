//! Reverses costs and grants: the booking stays unchanged, and a reversal books the negative amount
//! on its own day.

use ::entity::{
    cost, grant,
    id::{CostId, GrantId},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::accounts::{next_cost, next_grant};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    books::Closing,
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Input for booking a reversal.
#[derive(Clone, Debug, Default)]
pub struct NewReversal<I> {
    /// The cost or grant to reverse.
    pub id: I,
    /// Accounting date; null: today, or the first open day after a closed period.
    pub reversed_on: Option<NaiveDate>,
    /// Reason for the reversal.
    pub reason: String,
}

/// Reverses the full amount of a cost and returns the reversal. A cost can be reversed only one
/// time. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `IS_REVERSAL`, `ALREADY_REVERSED` or `PERIOD_CLOSED`.
pub async fn reverse_cost(
    ctx: Context<'_>,
    new: NewReversal<CostId>,
    mut errors: ValidationErrors,
) -> Result<CostId> {
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, Action::CostReverse).await?;
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

/// Reverses the full amount of a grant and returns the reversal. A grant can be reversed only one
/// time. `errors` are those already found in the input.
///
/// # Errors
/// As [`reverse_cost`].
pub async fn reverse_grant(
    ctx: Context<'_>,
    new: NewReversal<GrantId>,
    mut errors: ValidationErrors,
) -> Result<GrantId> {
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, Action::GrantReverse).await?;
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

/// Returns the accounting date for reversing a booking, and adds an error if the requested date is
/// invalid.
fn day_of_reversal(
    change: &Change,
    closing: Closing,
    booked_on: NaiveDate,
    reversed_on: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) -> NaiveDate {
    // A booking with a future date is reversed on that date, not before it.
    let last = day_of(change.at()).max(booked_on);
    let Some(day) = reversed_on else { return closing.open_day(last) };
    if day < booked_on {
        errors.add(
            "reversed_on",
            FieldErrorCode::TooEarly
                .problem(format!("must not be before {booked_on}, when it was booked"))
                .with("min", booked_on),
        );
    } else if day > last {
        errors.add(
            "reversed_on",
            FieldErrorCode::TooLate.problem(format!("must not be after {last}")).with("max", last),
        );
    }
    day
}

fn require_first(is_reversal: bool, noun: &str) -> Result<()> {
    if is_reversal {
        return Err(Error::conflict(
            ConflictReason::IsReversal,
            format!(
                "this is itself the reversal of a {noun} and cannot be reversed; record the {noun} again instead"
            ),
        ));
    }
    Ok(())
}

fn already_reversed(noun: &str, day: NaiveDate) -> Error {
    Error::conflict(
        ConflictReason::AlreadyReversed,
        format!(
            "the {noun} was reversed on {day} already; record the correct amount as a new {noun}"
        ),
    )
}
