//! Supplier of a cost, and the agreement by which the network owes a cost or receives a grant.

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId, MemberId, OrganisationId},
    kind::Direction,
    member, organisation,
};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::error::{FieldErrorCode, Result, ValidationErrors};

/// The supplier of a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supplier {
    /// A member, for example one that leads an activity.
    Member(MemberId),
    /// An organisation.
    Organisation(OrganisationId),
}

impl Supplier {
    /// Returns the supplier of a row.
    #[must_use]
    pub fn of(member: Option<MemberId>, organisation: Option<OrganisationId>) -> Option<Self> {
        member.map(Self::Member).or(organisation.map(Self::Organisation))
    }

    /// Returns the two columns that store a supplier.
    #[must_use]
    pub fn columns(supplier: Option<Self>) -> (Option<MemberId>, Option<OrganisationId>) {
        match supplier {
            Some(Self::Member(id)) => (Some(id), None),
            Some(Self::Organisation(id)) => (None, Some(id)),
            None => (None, None),
        }
    }

    async fn is_known(self, db: &impl ConnectionTrait) -> Result<bool> {
        Ok(match self {
            Self::Member(id) => member::Entity::find_by_id(id).one(db).await?.is_some(),
            Self::Organisation(id) => organisation::Entity::find_by_id(id).one(db).await?.is_some(),
        })
    }
}

/// Returns the reason why a cost of an activity can't be booked for an agreement; `None` if it can.
#[must_use]
pub fn unfit_for_cost(agreement: &agreement::Model, activity: ActivityId) -> Option<&'static str> {
    if agreement.direction != Direction::Cost {
        return Some("must be an agreement by which the network pays");
    }
    unfit(agreement, activity)
}

/// Returns the reason why a grant to an activity can't be booked for an agreement; `None` if it
/// can.
#[must_use]
pub fn unfit_for_grant(agreement: &agreement::Model, activity: ActivityId) -> Option<&'static str> {
    if !agreement.is_grant() {
        return Some("must be a cooperation agreement by which money comes in");
    }
    unfit(agreement, activity)
}

fn unfit(agreement: &agreement::Model, activity: ActivityId) -> Option<&'static str> {
    if agreement.signed_on.is_none() || agreement.withdrawn_on.is_some() {
        return Some("must be signed by both parties");
    }
    let is_of_another = agreement.activity_id.is_some_and(|own| own != activity);
    is_of_another.then_some("must not be about another activity")
}

/// Returns the supplier of a cost: the one stated, or else the counterparty of the agreement. Adds
/// an error for each input that does not fit.
pub(super) async fn check_cost(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    (agreement, supplier): (Option<AgreementId>, Option<Supplier>),
    errors: &mut ValidationErrors,
) -> Result<Option<Supplier>> {
    let counterparty = match find(db, agreement, unfit_for_cost, activity, errors).await? {
        Some(found) => Supplier::of(found.member_id, found.organisation_id),
        None => None,
    };
    let Some(supplier) = supplier else { return Ok(counterparty) };
    if !supplier.is_known(db).await? {
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
    find(db, agreement, unfit_for_grant, activity, errors).await.map(drop)
}

/// Loads an agreement, and adds an error if it does not exist or if `unfit` rejects it.
async fn find(
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

#[cfg(test)]
mod tests {
    use ::entity::kind::AgreementKind;
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_booking_is_for_a_signed_agreement_of_its_direction_and_activity() {
        let (own, other) = (ActivityId(Uuid::from_u128(1)), ActivityId(Uuid::from_u128(2)));
        let signed = agreement::Model {
            signed_on: Some(NaiveDate::default()),
            activity_id: Some(own),
            ..Default::default()
        };
        let cost = agreement::Model {
            kind: AgreementKind::Assignment,
            direction: Direction::Cost,
            ..signed.clone()
        };
        let grant = agreement::Model {
            kind: AgreementKind::Cooperation,
            direction: Direction::Income,
            ..signed
        };
        assert_eq!((unfit_for_cost(&cost, own), unfit_for_grant(&grant, own)), (None, None));
        assert_eq!(
            unfit_for_cost(&grant, own),
            Some("must be an agreement by which the network pays")
        );
        assert_eq!(
            unfit_for_grant(&cost, own),
            Some("must be a cooperation agreement by which money comes in")
        );
        assert_eq!(unfit_for_cost(&cost, other), Some("must not be about another activity"));
        assert_eq!(
            unfit_for_cost(&agreement::Model { activity_id: None, ..cost.clone() }, other),
            None
        );
        assert_eq!(
            unfit_for_cost(&agreement::Model { signed_on: None, ..cost.clone() }, own),
            Some("must be signed by both parties")
        );
        let withdrawn = agreement::Model { withdrawn_on: Some(NaiveDate::default()), ..cost };
        assert_eq!(unfit_for_cost(&withdrawn, own), Some("must be signed by both parties"));
    }
}
