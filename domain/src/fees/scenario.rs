//! Service-fee scenarios: what every member would pay under another rule, beside what it pays under
//! the one in force.

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
    auth::viewer::{Resource, Viewer},
    database::{Database, rows},
    error::{Error, Result, ValidationErrors},
    members,
};

/// Another rule than the one in force, and without whom.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Calendar year.
    pub year: i32,
    /// The rate.
    pub per_mille: PerMille,
    /// Nobody pays more, öre (maxtak); null: no cap.
    pub cap: Option<Money>,
    /// Nobody pays less, öre; null: no minimum.
    pub minimum: Option<Money>,
    /// The allocation that the rate is of; null: that of the rule in force, else of all parties.
    pub allocation_basis: Option<AllocationBasis>,
    /// As if these members had left.
    pub without: Vec<MemberId>,
}

/// What a rule would make of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whom.
    pub member: MemberId,
    /// What the rate is of, öre.
    pub allocation: Money,
    /// What it pays under the rule in force, öre; nought when there is none.
    pub current: Money,
    /// What it would pay, öre.
    pub proposed: Money,
    /// Whether the proposed cap makes it less.
    pub capped: bool,
    /// What the proposed cap takes off, öre.
    pub lost: Money,
}

/// What a rule would make of all members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Each member whose allocation is known, in Swedish order of name.
    pub rows: Vec<Row>,
    /// What the rows would pay, öre.
    pub total: Money,
    /// What the rows pay under the rule in force, öre.
    pub current_total: Money,
    /// What those that it is reckoned without pay under the rule in force, öre.
    pub without_total: Money,
    /// How many pay the cap instead of more.
    pub capped_members: usize,
    /// What the cap takes off in all, öre.
    pub lost_to_cap: Money,
    /// Members whose allocation of that basis and year is not known, in Swedish order of name; in
    /// no sum.
    pub missing: Vec<MemberId>,
}

/// What every member of the year whose affairs the viewer sees would pay. A member of the year is
/// one on some day of it, as those are whom the membership fee is for. Changes nothing, and takes
/// the same few statements whatever the number of members. `errors` are those that reading the
/// question has found already.
///
/// # Errors
/// INVALID naming every bad field, `input.without` among them when it names what is no member of
/// the year that the viewer sees; CONFLICT `TOO_LARGE` when a total is beyond [`Money::MAX`].
pub async fn scenario(
    db: &Database,
    viewer: &Viewer,
    ask: &Ask,
    mut errors: ValidationErrors,
) -> Result<Scenario> {
    errors.expect(amounts::YEARS.contains(&ask.year), "input.year", "must be 1900 to 2999");
    for (path, sum) in [("input.cap", ask.cap), ("input.minimum", ask.minimum)] {
        errors.expect(sum.is_none_or(|sum| sum >= Money::ZERO), path, "must not be negative");
    }
    let in_order = ask.minimum.zip(ask.cap).is_none_or(|(minimum, cap)| minimum <= cap);
    errors.expect(in_order, "input.cap", "must not be below the minimum");
    if !errors.is_empty() {
        return Err(Error::Invalid(errors.into_inner()));
    }
    let members = of_year(db, viewer, ask.year).await?;
    for (position, id) in ask.without.iter().enumerate() {
        errors.expect(
            members.contains(id),
            &format!("input.without.{position}"),
            "is not the id of a member in that year",
        );
    }
    errors.finish()?;
    let current = rule(db, FeeBasis::PerMilleOfAllocation, ask.year).await?;
    let of_current = current.as_ref().map(basis_of);
    let basis = ask.allocation_basis.or(of_current).unwrap_or_default();
    let proposed = allocations(db, viewer, &members, ask.year, basis).await?;
    let other = match of_current.filter(|own| *own != basis) {
        Some(own) => Some(allocations(db, viewer, &members, ask.year, own).await?),
        None => None,
    };
    let current = current.as_ref().map(|rule| (rule, other.as_ref().unwrap_or(&proposed)));
    compare(ask, current, &members, &proposed).ok_or_else(|| {
        Error::conflict("TOO_LARGE", format!("the fees add up to more than {} kronor", Money::MAX))
    })
}

/// The members on some day of a year whose affairs the viewer sees, in Swedish order of name.
///
/// # Errors
/// INTERNAL when the database fails.
pub(crate) async fn of_year(db: &Database, viewer: &Viewer, year: i32) -> Result<Vec<MemberId>> {
    let days = NaiveDate::from_ymd_opt(year, 1, 1).zip(NaiveDate::from_ymd_opt(year, 12, 31));
    let Some((first, last)) = days else { return Ok(Vec::new()) };
    let id = Expr::col((Entity, Column::Id));
    let select = Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .cond_where(members::visible(viewer))
        .cond_where(members::of_visible_member(
            &viewer.visibility(Resource::MemberAffairs),
            id.clone(),
        ))
        .and_where(Column::JoinedOn.lte(last))
        .cond_where(Condition::any().add(Column::LeftOn.is_null()).add(Column::LeftOn.gte(first)))
        .order_by((Entity, Column::NameKey), Order::Asc)
        .order_by_expr(id, Order::Asc)
        .take();
    Ok(rows::<member::Model>(db.read(), &select, &[Column::Id])
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect())
}

/// The rows and their sums; null when a sum leaves [`Money::MAX`].
fn compare(
    ask: &Ask,
    current: Option<(&fee_schedule::Model, &HashMap<MemberId, Money>)>,
    members: &[MemberId],
    allocations: &HashMap<MemberId, Money>,
) -> Option<Scenario> {
    let proposed = fee_schedule::Model {
        basis: FeeBasis::PerMilleOfAllocation,
        per_mille: Some(ask.per_mille),
        cap: ask.cap,
        minimum: ask.minimum,
        ..fee_schedule::Model::default()
    };
    let without: HashSet<MemberId> = ask.without.iter().copied().collect();
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
            found.without_total = plus(found.without_total, current)?;
            continue;
        }
        let Quote { amount, capped, lost, .. } = quote(&proposed, Some(allocation))?;
        found.total = plus(found.total, amount)?;
        found.current_total = plus(found.current_total, current)?;
        found.lost_to_cap = plus(found.lost_to_cap, lost)?;
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

fn plus(one: Money, other: Money) -> Option<Money> {
    one.0.checked_add(other.0).map(Money).filter(|sum| *sum <= Money::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: u128) -> Vec<MemberId> {
        (1..=count).map(|position| MemberId(uuid::Uuid::from_u128(position))).collect()
    }

    #[test]
    fn whoever_has_no_allocation_is_missing_and_never_nought() {
        let members = ids(3);
        let allocations =
            HashMap::from([(members[0], Money(432_400_000)), (members[2], Money(6_120_000_000))]);
        let ask = Ask {
            year: 2026,
            per_mille: PerMille(4000),
            cap: Some(Money(10_000_000)),
            ..Ask::default()
        };
        let found = compare(&ask, None, &members, &allocations).unwrap();
        assert_eq!((found.missing, found.rows.len()), (vec![members[1]], 2));
        assert_eq!(
            (found.total, found.current_total, found.lost_to_cap),
            (Money(11_729_600), Money::ZERO, Money(14_480_000))
        );
        let without = Ask { without: vec![members[1], members[2]], ..ask };
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
                &Ask { per_mille: PerMille(1_000_000), ..Ask::default() },
                None,
                &members,
                &allocations
            ),
            None
        );
    }
}
