//! Comparison of a proposed service-fee rule to the one in force.

use std::collections::{HashMap, HashSet};

use ::entity::{
    fee_schedule,
    id::MemberId,
    kind::{AllocationBasis, FeeBasis},
    money::{Money, PerMille},
};

use crate::{
    error::{FieldErrorCode, ValidationErrors},
    fees::{
        amounts,
        quote::{Quote, quote},
    },
};

/// Input for a scenario: a proposed rule, and the members to exclude.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// Calendar year.
    pub year: i32,
    /// Proposed rate.
    pub per_mille: PerMille,
    /// Maximum per member in öre (maxtak); null: no cap.
    pub cap: Option<Money>,
    /// Minimum per member in öre; null: no minimum.
    pub minimum: Option<Money>,
    /// The allocation that the rate applies to; null: that of the rule in force, or else that of
    /// all parties.
    pub allocation_basis: Option<AllocationBasis>,
    /// Members to exclude, as if they had left.
    pub without: Vec<MemberId>,
}

impl Proposal {
    /// Adds an error for each invalid field, except for the members to exclude.
    pub(super) fn check(&self, errors: &mut ValidationErrors) {
        errors.expect(
            amounts::YEARS.contains(&self.year),
            "year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        );
        for (path, sum) in [("cap", self.cap), ("minimum", self.minimum)] {
            errors.expect(
                sum.is_none_or(|sum| sum >= Money::ZERO),
                path,
                FieldErrorCode::OutOfRange.problem("must not be negative").with("min", Money::ZERO),
            );
        }
        if let Some((minimum, _)) =
            self.minimum.zip(self.cap).filter(|(minimum, cap)| minimum > cap)
        {
            let problem = FieldErrorCode::OutOfRange
                .problem("must not be below the minimum")
                .with("min", minimum);
            errors.add("cap", problem);
        }
    }

    /// Adds an error for each member to exclude that is not one of `members`.
    pub(super) fn check_excluded(&self, members: &[MemberId], errors: &mut ValidationErrors) {
        for (position, id) in self.without.iter().enumerate() {
            errors.expect(
                members.contains(id),
                &format!("without_member_ids[{position}]"),
                FieldErrorCode::Unknown.problem("is not the id of a member in that year"),
            );
        }
    }
}

/// The fees of a member under both rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The member.
    pub member: MemberId,
    /// Allocation in öre that the rate applies to.
    pub allocation: Money,
    /// Fee under the rule in force, öre; zero if there is no rule.
    pub current: Money,
    /// Fee under the proposed rule, öre.
    pub proposed: Money,
    /// `true` if the proposed cap reduces it.
    pub capped: bool,
    /// Öre by which the proposed cap reduces it.
    pub lost: Money,
}

/// The fees of all members under both rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Each member whose allocation is known, ordered by name in Swedish order.
    pub rows: Vec<Row>,
    /// Total under the proposed rule, öre.
    pub total: Money,
    /// Total under the rule in force, öre.
    pub current_total: Money,
    /// Total of the excluded members under the rule in force, öre.
    pub without_total: Money,
    /// Number of members that pay the cap instead of more.
    pub capped_members: usize,
    /// Total by which the cap reduces the fees, öre.
    pub lost_to_cap: Money,
    /// Members whose allocation of that basis and year is unknown, ordered by name in Swedish
    /// order; they are in no total.
    pub missing: Vec<MemberId>,
    /// `true` if it includes every member. The totals for a viewer who cannot read all allocations
    /// would be false.
    pub is_complete: bool,
}

/// Calculates the rows and their totals; `None` if a total exceeds [`Money::MAX`].
pub(super) fn compare(
    proposal: &Proposal,
    current: Option<(&fee_schedule::Model, &HashMap<MemberId, Money>)>,
    members: &[MemberId],
    allocations: &HashMap<MemberId, Money>,
) -> Option<Scenario> {
    let proposed = fee_schedule::Model {
        basis: FeeBasis::PerMilleOfAllocation,
        per_mille: Some(proposal.per_mille),
        cap: proposal.cap,
        minimum: proposal.minimum,
        ..fee_schedule::Model::default()
    };
    let without: HashSet<MemberId> = proposal.without.iter().copied().collect();
    let mut found = Scenario::default();
    for member in members {
        let Some(allocation) = allocations.get(member).copied() else {
            found.missing.extend((!without.contains(member)).then_some(*member));
            continue;
        };
        let current =
            current.and_then(|(rule, allocations)| quote(rule, allocations.get(member).copied()));
        let current = current.map_or(Money::ZERO, |quote| quote.amount);
        if without.contains(member) {
            found.without_total = checked_sum(found.without_total, current)?;
            continue;
        }
        let Quote { amount, capped, lost, .. } = quote(&proposed, Some(allocation))?;
        found.total = checked_sum(found.total, amount)?;
        found.current_total = checked_sum(found.current_total, current)?;
        found.lost_to_cap = checked_sum(found.lost_to_cap, lost)?;
        found.capped_members += usize::from(capped);
        found.rows.push(Row {
            member: *member,
            allocation,
            current,
            proposed: amount,
            capped,
            lost,
        });
    }
    Some(found)
}

fn checked_sum(one: Money, other: Money) -> Option<Money> {
    one.0.checked_add(other.0).map(Money).filter(|sum| *sum <= Money::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: u128) -> Vec<MemberId> {
        (1..=count).map(|position| MemberId(uuid::Uuid::from_u128(position))).collect()
    }

    #[test]
    fn a_member_without_allocation_is_missing_and_never_zero() {
        let members = ids(3);
        let allocations =
            HashMap::from([(members[0], Money(432_400_000)), (members[2], Money(6_120_000_000))]);
        let proposal = Proposal {
            year: 2026,
            per_mille: PerMille(4000),
            cap: Some(Money(10_000_000)),
            ..Proposal::default()
        };
        let found = compare(&proposal, None, &members, &allocations).unwrap();
        assert_eq!((found.missing, found.rows.len()), (vec![members[1]], 2));
        assert_eq!(
            (found.total, found.current_total, found.lost_to_cap),
            (Money(11_729_600), Money::ZERO, Money(14_480_000))
        );
        let without = Proposal { without: vec![members[1], members[2]], ..proposal };
        let found = compare(&without, None, &members, &allocations).unwrap();
        assert_eq!(
            (found.missing.len(), found.total, found.capped_members),
            (0, Money(1_729_600), 0)
        );
    }

    #[test]
    fn sums_never_overflow() {
        let members = ids(2000);
        let allocations = members.iter().map(|id| (*id, Money::MAX)).collect();
        assert_eq!(
            compare(
                &Proposal { per_mille: PerMille(1_000_000), ..Proposal::default() },
                None,
                &members,
                &allocations
            ),
            None
        );
    }

    #[test]
    fn each_bad_field_of_a_proposal_is_reported() {
        for (proposal, expected) in [
            (Proposal { year: 2026, ..Proposal::default() }, vec![]),
            (Proposal { year: 1899, ..Proposal::default() }, vec!["year"]),
            (Proposal { year: 2026, cap: Some(Money(-1)), ..Proposal::default() }, vec!["cap"]),
            (
                Proposal {
                    year: 2026,
                    cap: Some(Money(1)),
                    minimum: Some(Money(2)),
                    ..Proposal::default()
                },
                vec!["cap"],
            ),
        ] {
            let mut errors = ValidationErrors::default();
            proposal.check(&mut errors);
            let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            assert_eq!(paths, expected, "{proposal:?}");
        }
    }

    #[test]
    fn only_a_member_of_the_year_can_be_excluded() {
        let members = ids(3);
        let proposal = Proposal { without: vec![members[0], members[2]], ..Proposal::default() };
        let mut errors = ValidationErrors::default();
        proposal.check_excluded(&members[..2], &mut errors);
        let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["without_member_ids[1]"]);
    }

    #[test]
    fn the_rule_in_force_may_apply_to_another_allocation() {
        let members = ids(2);
        let all_parties = members.iter().map(|id| (*id, Money(400_000_000))).collect();
        let of_state = HashMap::from([(members[0], Money(200_000_000))]);
        let rule = fee_schedule::Model {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(2000)),
            ..fee_schedule::Model::default()
        };
        let proposal = Proposal { per_mille: PerMille(1000), ..Proposal::default() };
        let found = compare(&proposal, Some((&rule, &of_state)), &members, &all_parties).unwrap();
        let fees: Vec<_> = found.rows.iter().map(|row| (row.current, row.proposed)).collect();
        assert_eq!(fees, [(Money(400_000), Money(400_000)), (Money::ZERO, Money(400_000))]);
        assert_eq!((found.current_total, found.total), (Money(400_000), Money(800_000)));
    }
}
