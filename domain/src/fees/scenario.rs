//! Service-fee scenarios: every member's fee under a proposed rule, compared to its fee under the
//! rule in force.

use std::collections::{HashMap, HashSet};

use ::entity::{
    fee_schedule,
    id::MemberId,
    kind::{AllocationBasis, FeeBasis},
    member::{self, Column, Entity},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, Order,
    sea_query::{Expr, Query},
};

use super::{Quote, allocations, amounts, basis_of, quote, rule};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::rows,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    members,
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

/// Calculates the fees of every member of the year whose affairs the viewer can read. A member of
/// the year is a member on some day of it, as for the membership fee. Stores nothing, and uses the
/// same few statements for any number of members. `errors` are those already found in the input.
///
/// # Errors
/// INVALID naming every bad field, among them `without` when it names an id that is not a member of
/// the year that the viewer can read; CONFLICT `TOO_LARGE` when a total exceeds [`Money::MAX`].
pub async fn scenario(
    ctx: Context<'_>,
    proposal: &Proposal,
    mut errors: ValidationErrors,
) -> Result<Scenario> {
    errors.expect(
        amounts::YEARS.contains(&proposal.year),
        "year",
        FieldErrorCode::OutOfRange
            .problem("must be 1900 to 2999")
            .with("min", 1900)
            .with("max", 2999),
    );
    for (path, sum) in [("cap", proposal.cap), ("minimum", proposal.minimum)] {
        errors.expect(
            sum.is_none_or(|sum| sum >= Money::ZERO),
            path,
            FieldErrorCode::OutOfRange.problem("must not be negative").with("min", 0),
        );
    }
    let in_order = proposal.minimum.zip(proposal.cap).is_none_or(|(minimum, cap)| minimum <= cap);
    errors.expect(
        in_order,
        "cap",
        FieldErrorCode::OutOfRange.problem("must not be below the minimum"),
    );
    if !errors.is_empty() {
        return Err(Error::Invalid(errors.into_inner()));
    }
    let members = of_year(ctx, proposal.year).await?;
    for (position, id) in proposal.without.iter().enumerate() {
        errors.expect(
            members.contains(id),
            &format!("without_member_ids[{position}]"),
            FieldErrorCode::Unknown.problem("is not the id of a member in that year"),
        );
    }
    errors.finish()?;
    let current = rule(ctx.db, FeeBasis::PerMilleOfAllocation, proposal.year).await?;
    let of_current = current.as_ref().map(basis_of);
    let basis = proposal.allocation_basis.or(of_current).unwrap_or_default();
    let proposed = allocations(ctx, &members, proposal.year, basis).await?;
    let other = match of_current.filter(|own| *own != basis) {
        Some(own) => Some(allocations(ctx, &members, proposal.year, own).await?),
        None => None,
    };
    let current = current.as_ref().map(|rule| (rule, other.as_ref().unwrap_or(&proposed)));
    let found = compare(proposal, current, &members, &proposed).ok_or_else(|| {
        Error::conflict(
            ConflictReason::TooLarge,
            format!("the fees add up to more than {} kronor", Money::MAX),
        )
    })?;
    Ok(Scenario { is_complete: ctx.viewer.visibility(Resource::MemberAffairs).all, ..found })
}

/// Returns the members on some day of a year whose affairs the viewer can read, ordered by name in
/// Swedish order.
pub(crate) async fn of_year(ctx: Context<'_>, year: i32) -> Result<Vec<MemberId>> {
    let days = NaiveDate::from_ymd_opt(year, 1, 1).zip(NaiveDate::from_ymd_opt(year, 12, 31));
    let Some((first, last)) = days else { return Ok(Vec::new()) };
    let id = Expr::col((Entity, Column::Id));
    let select = Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .cond_where(members::visible(ctx.viewer))
        .cond_where(members::of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            id.clone(),
        ))
        .and_where(Column::JoinedOn.lte(last))
        .cond_where(Condition::any().add(Column::LeftOn.is_null()).add(Column::LeftOn.gte(first)))
        .order_by((Entity, Column::NameKey), Order::Asc)
        .order_by_expr(id, Order::Asc)
        .take();
    Ok(rows::<member::Model>(ctx.db.read(), &select, &[Column::Id])
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect())
}

/// Calculates the rows and their totals; `None` if a total exceeds [`Money::MAX`].
fn compare(
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
}
