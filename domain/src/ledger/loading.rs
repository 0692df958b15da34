//! Loads what a booking refers to: its supplier, its agreement, and the bookings equal to it.

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId},
    member, organisation,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
};

use super::{
    Booked,
    booked_for::{Supplier, unfit_for_cost, unfit_for_grant},
    booking::occurrence_after,
};
use crate::error::{FieldErrorCode, Result, ValidationErrors};

/// Returns the supplier of a cost: the one stated, or else the counterparty of the agreement. Adds
/// an error for each input that does not fit.
pub(super) async fn check_cost(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    (agreement, supplier): (Option<AgreementId>, Option<Supplier>),
    errors: &mut ValidationErrors,
) -> Result<Option<Supplier>> {
    let counterparty = match find_agreement(db, agreement, unfit_for_cost, activity, errors).await?
    {
        Some(found) => Supplier::of(found.member_id, found.organisation_id),
        None => None,
    };
    let Some(supplier) = supplier else { return Ok(counterparty) };
    if !is_known(supplier, db).await? {
        errors.add(
            "supplier_id",
            FieldErrorCode::Unknown.problem("is not the id of a member or an organisation"),
        );
    }
    errors.expect(
        counterparty.is_none_or(|other| other == supplier),
        "supplier_id",
        FieldErrorCode::Mismatch.problem("must be the counterparty of the agreement"),
    );
    Ok(Some(supplier))
}

/// Adds an error if the agreement of a grant does not fit.
pub(super) async fn check_grant(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    agreement: Option<AgreementId>,
    errors: &mut ValidationErrors,
) -> Result<()> {
    find_agreement(db, agreement, unfit_for_grant, activity, errors).await.map(drop)
}

/// Loads an agreement, and adds an error if it does not exist or if `unfit` rejects it.
async fn find_agreement(
    db: &impl ConnectionTrait,
    agreement: Option<AgreementId>,
    unfit: fn(&agreement::Model, ActivityId) -> Option<&'static str>,
    activity: ActivityId,
    errors: &mut ValidationErrors,
) -> Result<Option<agreement::Model>> {
    let Some(id) = agreement else { return Ok(None) };
    let found = agreement::Entity::find_by_id(id).one(db).await?;
    match &found {
        None => errors
            .add("agreement_id", FieldErrorCode::Unknown.problem("is not the id of an agreement")),
        Some(found) => {
            // An invalid activity id has its own error already.
            if let Some(reason) = unfit(found, activity).filter(|_| !activity.0.is_nil()) {
                errors.add("agreement_id", FieldErrorCode::Mismatch.problem(reason));
            }
        }
    }
    Ok(found)
}

/// Returns `true` if a supplier exists.
async fn is_known(supplier: Supplier, db: &impl ConnectionTrait) -> Result<bool> {
    Ok(match supplier {
        Supplier::Member(id) => member::Entity::find_by_id(id).one(db).await?.is_some(),
        Supplier::Organisation(id) => organisation::Entity::find_by_id(id).one(db).await?.is_some(),
    })
}

/// Returns the occurrence number for the next booking of an activity with this day and text.
pub(super) async fn next_occurrence<M: Booked + FromQueryResult>(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    day: NaiveDate,
    text: &str,
) -> Result<i32>
where
    M::Entity: EntityTrait<Model = M>,
{
    let equal = M::Entity::find()
        .filter(M::COLUMNS.activity.eq(activity))
        .filter(M::COLUMNS.booked_on.eq(day))
        .filter(M::COLUMNS.text.eq(text));
    Ok(occurrence_after(equal.count(db).await?))
}
