//! Reverses costs and grants: the booking stays unchanged, and a reversal books the negative amount
//! on its own day.

use std::collections::{HashMap, HashSet};

use ::entity::{
    cost, grant,
    id::{CostId, GrantId, Identifier},
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter,
};
use uuid::Uuid;

use super::{
    Booked,
    integrity::reversals::Facts,
    loading::next_occurrence,
    reversal::{NewReversal, day_of_reversal, require_in_effect},
};
use crate::{
    audit::{self, Action, Recorded},
    auth::viewer::Permission,
    books::Closing,
    clock::day_of,
    context::Context,
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// A booking that can be reversed.
pub(super) trait Reversible:
    Booked + Recorded + FromQueryResult + IntoActiveModel<Self::Active>
{
    /// Its active model.
    type Active: ActiveModelTrait<Entity = Self::Entity> + ActiveModelBehavior + Send;
    /// Its id.
    type Id: Identifier;
    /// Its name in messages.
    const NAME: &'static str;
    /// The action that reverses it.
    const ACTION: Action;
    /// Returns the error for a booking that does not exist.
    fn unknown() -> Error;
    /// Returns the fields that a reversal must match.
    fn facts(&self) -> Facts;
    /// Returns the description of a cost, or the funder of a grant.
    fn text(&self) -> &str;
    /// Returns its reversal: the negative of every amount.
    fn reversal(self, id: Self::Id, details: Details) -> Self;
}

/// The fields of a reversal that differ from the reversed booking.
pub(super) struct Details {
    booked_on: NaiveDate,
    occurrence: i32,
    reason: String,
}

impl Reversible for cost::Model {
    type Active = cost::ActiveModel;
    type Id = CostId;
    const NAME: &'static str = "cost";
    const ACTION: Action = Action::CostReverse;

    fn unknown() -> Error {
        Error::missing("cost_id", "there is no such cost")
    }

    fn facts(&self) -> Facts {
        self.into()
    }

    fn text(&self) -> &str {
        &self.description
    }

    fn reversal(self, id: CostId, details: Details) -> Self {
        Self {
            id,
            booked_on: details.booked_on,
            amount: -self.amount,
            vat: self.vat.map(|vat| -vat),
            occurrence: details.occurrence,
            reverses_id: Some(self.id),
            reason: Some(details.reason),
            ..self
        }
    }
}

impl Reversible for grant::Model {
    type Active = grant::ActiveModel;
    type Id = GrantId;
    const NAME: &'static str = "grant";
    const ACTION: Action = Action::GrantReverse;

    fn unknown() -> Error {
        Error::missing("grant_id", "there is no such grant")
    }

    fn facts(&self) -> Facts {
        self.into()
    }

    fn text(&self) -> &str {
        &self.funder
    }

    fn reversal(self, id: GrantId, details: Details) -> Self {
        Self {
            id,
            booked_on: details.booked_on,
            amount: -self.amount,
            occurrence: details.occurrence,
            reverses_id: Some(self.id),
            reason: Some(details.reason),
            ..self
        }
    }
}

/// Returns those of these bookings that the viewer may reverse: neither reversals nor reversed. The
/// rows must include the id and the booking that they reverse.
pub(super) async fn reversible<M: Reversible>(
    ctx: Context<'_>,
    rows: &[M],
) -> Result<HashSet<Uuid>> {
    if !ctx.viewer.has(Permission::ManageAccounts) {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(Booked::booking_id).collect();
    let columns = [M::COLUMNS.id, M::COLUMNS.reverses, M::COLUMNS.booked_on];
    let reversals = super::reversals_of::<M>(ctx, &ids, &columns).await?;
    let reversed_on: HashMap<Uuid, NaiveDate> =
        reversals.iter().filter_map(|row| Some((row.reverses()?, row.facts().booked_on))).collect();
    let is_in_effect = |row: &&M| {
        let reversed_on = reversed_on.get(&row.booking_id()).copied();
        require_in_effect(M::NAME, row.reverses().is_some(), reversed_on).is_ok()
    };
    Ok(rows.iter().filter(is_in_effect).map(Booked::booking_id).collect())
}

/// Reverses the full amount of a booking with a new id, and returns that id. A booking can be
/// reversed only one time. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `IS_REVERSAL`, `ALREADY_REVERSED` or `PERIOD_CLOSED`.
pub(super) async fn reverse<M>(
    ctx: Context<'_>,
    reversal_id: M::Id,
    new: NewReversal<M::Id>,
    mut errors: ValidationErrors,
) -> Result<M::Id>
where
    M: Reversible,
    M::Entity: EntityTrait<Model = M>,
{
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, M::ACTION).await?;
    let id: Uuid = new.id.into();
    let found = M::Entity::find().filter(M::COLUMNS.id.eq(id)).one(change.tx()).await?;
    let closing = Closing::load(change.tx()).await?;
    let today = day_of(change.at());
    let day = found.as_ref().map(|row| {
        day_of_reversal(today, closing, row.facts().booked_on, new.reversed_on, &mut errors)
    });
    errors.finish()?;
    let (Some(row), Some(day)) = (found, day) else {
        return Err(M::unknown());
    };
    let facts = row.facts();
    let earlier = M::Entity::find().filter(M::COLUMNS.reverses.eq(id)).one(change.tx()).await?;
    let reversed_on = earlier.map(|earlier| earlier.facts().booked_on);
    require_in_effect(M::NAME, facts.is_reversal, reversed_on)?;
    closing.require_open(day)?;
    let occurrence = next_occurrence::<M>(change.tx(), facts.activity, day, row.text()).await?;
    let reversal = row.reversal(reversal_id, Details { booked_on: day, occurrence, reason });
    audit::insert(&change, reversal.clone()).await?;
    change.record(None, Some(&reversal))?;
    change.commit_with(Outcome::of(reversal_id).with(facts.activity)).await?;
    Ok(reversal_id)
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;

    use super::*;

    #[test]
    fn a_reversal_has_the_negative_amounts_of_the_booking() {
        let details =
            || Details { booked_on: NaiveDate::default(), occurrence: 2, reason: "dubbel".into() };
        let booked = cost::Model {
            id: CostId::new(),
            amount: Money(100),
            vat: Some(Money(25)),
            description: "Lokal".into(),
            reference: Some("17".into()),
            occurrence: 1,
            ..cost::Model::default()
        };
        let id = CostId::new();
        let reversal = booked.clone().reversal(id, details());
        assert_eq!((reversal.id, reversal.reverses_id), (id, Some(booked.id)));
        assert_eq!((reversal.amount, reversal.vat), (Money(-100), Some(Money(-25))));
        assert_eq!((reversal.occurrence, reversal.reason.as_deref()), (2, Some("dubbel")));
        assert_eq!((reversal.text(), &reversal.reference), ("Lokal", &booked.reference));
        let granted = grant::Model { amount: Money(-5), ..grant::Model::default() };
        assert_eq!(granted.reversal(GrantId::new(), details()).amount, Money(5));
    }
}
