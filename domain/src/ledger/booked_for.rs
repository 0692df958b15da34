//! Supplier of a cost, and the agreement by which the network owes a cost or receives a grant.

use ::entity::{
    agreement,
    id::{ActivityId, MemberId, OrganisationId},
    kind::Direction,
};

use crate::agreements::Counterparty;

/// The supplier of a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supplier {
    /// A member, for example one that leads an activity.
    Member(MemberId),
    /// An organisation.
    Organisation(OrganisationId),
}

impl From<Counterparty> for Supplier {
    fn from(counterparty: Counterparty) -> Self {
        match counterparty {
            Counterparty::Member(id) => Self::Member(id),
            Counterparty::Organisation(id) => Self::Organisation(id),
        }
    }
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
