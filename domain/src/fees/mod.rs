//! Fees: the yearly fees of membership, and the amounts of agreements' fees.

pub mod amounts;
pub(crate) mod billed_months;
pub mod monthly;
pub mod scenario;
pub mod schedules;
pub(crate) mod unpaid_months;

use std::collections::HashMap;

use ::entity::{
    agreement,
    fee_schedule::{self, Column, Entity},
    id::{AgreementId, MemberId},
    kind::{AllocationBasis, FeeBasis},
    member,
    money::{Money, PerMille},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use crate::{context::Context, database::Database, error::Result, members::allocations, term_sql};

/// The amount of a fee, with its calculation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Öre for the whole year.
    pub amount: Money,
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Rate; null unless it is a per-mille fee.
    pub per_mille: Option<PerMille>,
    /// Allocation in öre that the rate applies to; null unless it is a per-mille fee.
    pub allocation: Option<Money>,
    /// `true` if the rule's cap (maxtak) reduced it.
    pub capped: bool,
    /// Öre before the rule's minimum and cap, rounded.
    pub plain: Money,
    /// Öre by which the cap reduced it.
    pub lost: Money,
    /// `true` if the rule's minimum increased it, before the cap.
    pub raised: bool,
}

impl Quote {
    /// Returns the amount before rounding, minimum and cap, in kronor with as many decimals as
    /// needed, at least two.
    #[must_use]
    pub fn exact(&self) -> String {
        kronor(self.hundred_millionths())
    }

    /// Returns the difference that rounding to whole öre made, in kronor, before the minimum and
    /// the cap.
    #[must_use]
    pub fn rounding(&self) -> String {
        kronor(i128::from(self.plain.0) * 1_000_000 - self.hundred_millionths())
    }

    /// Returns the exact amount in hundred-millionths of a krona: öre times thousandths of a per
    /// mille.
    fn hundred_millionths(&self) -> i128 {
        match self.per_mille.zip(self.allocation) {
            Some((rate, allocation)) => i128::from(allocation.0) * i128::from(rate.0),
            None => i128::from(self.plain.0) * 1_000_000,
        }
    }
}

/// Formats hundred-millionths of a krona as kronor, without trailing zeros after the öre.
fn kronor(hundred_millionths: i128) -> String {
    let sign = if hundred_millionths < 0 { "-" } else { "" };
    let (whole, part) = (
        hundred_millionths.unsigned_abs() / 100_000_000,
        hundred_millionths.unsigned_abs() % 100_000_000,
    );
    let decimals = format!("{part:08}");
    let (ore, rest) = decimals.split_at(2);
    format!("{sign}{whole}.{ore}{}", rest.trim_end_matches('0'))
}

/// A rule of the network, with the fee of each member.
#[derive(Clone, Debug, Default)]
pub struct Quotes {
    /// The rule; null: there is none for the year.
    pub rule: Option<fee_schedule::Model>,
    /// The fee of each member; a member whose fee is unknown has no entry.
    pub of: HashMap<MemberId, Quote>,
}

/// Returns the service fees (serviceavgift) of a year for these members, whose rows must have the
/// days of their membership. A fee exists for members on some day of the year whose allocation of
/// that year the viewer can read. The rule is the network's per-mille rule in force on 1 January;
/// it applies to the allocation that it names. Empty when there is no rule.
pub async fn service_fees(
    ctx: Context<'_>,
    members: &[member::Model],
    year: i32,
) -> Result<Quotes> {
    let Some(rule) = rule(ctx.db, FeeBasis::PerMilleOfAllocation, year).await? else {
        return Ok(Quotes::default());
    };
    let members: Vec<MemberId> =
        members.iter().filter(|row| is_member_in(row, year)).map(|row| row.id).collect();
    let allocations = allocations(ctx, &members, year, basis_of(&rule)).await?;
    let of = allocations
        .into_iter()
        .filter_map(|(member, allocation)| Some((member, quote(&rule, Some(allocation))?)))
        .collect();
    Ok(Quotes { rule: Some(rule), of })
}

/// Returns the membership fees (medlemsavgift) of a year for those of these members that are
/// members on some day of it. Their rows must have the days of their membership. The rule is the
/// network's fixed rule in force on 1 January; the full fee applies also to members that joined or
/// left during the year. It is the same for all members and public. Empty when there is no rule.
pub async fn membership_fees(
    db: &Database,
    members: &[member::Model],
    year: i32,
) -> Result<Quotes> {
    let Some(rule) = rule(db, FeeBasis::FixedPerYear, year).await? else {
        return Ok(Quotes::default());
    };
    let of = members
        .iter()
        .filter(|row| is_member_in(row, year))
        .filter_map(|row| Some((row.id, quote(&rule, None)?)))
        .collect();
    Ok(Quotes { rule: Some(rule), of })
}

/// Returns `true` if it is a member on some day of a year. Such a member pays the full fees of the
/// year.
fn is_member_in(row: &member::Model, year: i32) -> bool {
    row.joined_on.year() <= year && row.left_on.is_none_or(|last| last.year() >= year)
}

/// Returns the network's own rule of this basis that is in force on 1 January of the year; `None`
/// if there is none.
pub(crate) async fn rule(
    db: &Database,
    basis: FeeBasis,
    year: i32,
) -> Result<Option<fee_schedule::Model>> {
    let Some(first) =
        NaiveDate::from_ymd_opt(year, 1, 1).filter(|_| amounts::YEARS.contains(&year))
    else {
        return Ok(None);
    };
    let found = Entity::find()
        .filter(Column::ActivityId.is_null())
        .filter(Column::Basis.eq(basis))
        .filter(Column::ValidFrom.lte(first))
        .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(first)))
        .order_by_desc(Column::ValidFrom)
        .one(db.read())
        .await?;
    Ok(found)
}

/// Calculates the fee by a rule: the rate applied to the allocation and rounded, at least the
/// minimum, at most the cap. `None` when the rate has no allocation.
#[must_use]
pub fn quote(rule: &fee_schedule::Model, allocation: Option<Money>) -> Option<Quote> {
    let allocation = allocation.filter(|_| rule.basis == FeeBasis::PerMilleOfAllocation);
    let plain = match rule.basis {
        FeeBasis::PerMilleOfAllocation => rule.per_mille?.of(allocation?)?,
        FeeBasis::FixedPerYear | FeeBasis::PerParticipant | FeeBasis::OneOff => rule.amount?,
    };
    let raised = rule.minimum.map_or(plain, |minimum| plain.max(minimum));
    let amount = rule.cap.map_or(raised, |cap| raised.min(cap));
    Some(Quote {
        amount,
        basis: rule.basis,
        per_mille: rule.per_mille,
        allocation,
        capped: amount < raised,
        plain,
        lost: raised - amount,
        raised: raised > plain,
    })
}

/// Returns the basis of the allocation that a rule's rate applies to.
#[must_use]
pub fn basis_of(rule: &fee_schedule::Model) -> AllocationBasis {
    rule.allocation_basis.unwrap_or_default()
}

/// Describes an allocation in a message: `of all parties (ALL_PARTIES)`.
#[must_use]
pub fn describe(basis: AllocationBasis) -> &'static str {
    match basis {
        AllocationBasis::AllParties => "of all parties (ALL_PARTIES)",
        AllocationBasis::StateShare => "of the state's share (STATE_SHARE)",
    }
}

/// Returns the allocations of a basis in a year for those of these members whose affairs the viewer
/// can read.
pub async fn allocations(
    ctx: Context<'_>,
    members: &[MemberId],
    year: i32,
    basis: AllocationBasis,
) -> Result<HashMap<MemberId, Money>> {
    let found = allocations_by_basis(ctx, members, year).await?;
    Ok(found
        .into_iter()
        .filter(|((_, own), _)| *own == basis)
        .map(|((member, _), amount)| (member, amount))
        .collect())
}

/// Returns the allocations of both bases.
async fn allocations_by_basis(
    ctx: Context<'_>,
    members: &[MemberId],
    year: i32,
) -> Result<HashMap<(MemberId, AllocationBasis), Money>> {
    if members.is_empty() || !amounts::YEARS.contains(&year) {
        return Ok(HashMap::new());
    }
    let found = allocations::of_members(ctx, members, Some(year)).await?;
    Ok(found.into_iter().map(|row| ((row.member_id, row.basis), row.amount)).collect())
}

/// Returns the columns of an agreement that [`amounts_of`] needs.
#[must_use]
pub fn columns() -> Vec<agreement::Column> {
    use agreement::Column as C;
    let own = [
        C::Id,
        C::MemberId,
        C::FeeBasis,
        C::FeeAmount,
        C::FeePerMille,
        C::FeeCap,
        C::FeeMinimum,
        C::FeeAllocationBasis,
    ];
    own.into_iter().chain(term_sql::COLUMNS).collect()
}

/// Returns the amount of each of these agreements' fees in a year, in at most one statement. The
/// rows must have every column of [`columns`]. An agreement without a fee has no entry, nor has a
/// per-mille fee whose allocation is unknown or not readable by the viewer.
pub async fn amounts_of(
    ctx: Context<'_>,
    agreements: &[agreement::Model],
    year: i32,
) -> Result<HashMap<AgreementId, Money>> {
    let known = with_allocations(ctx, agreements, year).await?;
    let amount = |row: &agreement::Model| {
        let (fee, allocation) = known.get(&row.id)?;
        amounts::amount_for(fee, *allocation, &term_sql::of(row), year)
    };
    Ok(agreements.iter().filter_map(|row| Some((row.id, amount(row)?))).collect())
}

/// Returns the fee of each of these agreements, and the allocation of the year that it applies to,
/// if it is known and the viewer can read it. The rows must have every column of [`columns`]. An
/// agreement without a fee has no entry.
pub(crate) async fn with_allocations(
    ctx: Context<'_>,
    agreements: &[agreement::Model],
    year: i32,
) -> Result<HashMap<AgreementId, (amounts::Fee, Option<Money>)>> {
    let per_mille =
        agreements.iter().filter(|row| row.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    let mut members: Vec<MemberId> = per_mille.filter_map(|row| row.member_id).collect();
    members.sort();
    members.dedup();
    let allocations = allocations_by_basis(ctx, &members, year).await?;
    let known = |row: &agreement::Model| {
        let basis = row.fee_allocation_basis.unwrap_or_default();
        let allocation =
            row.member_id.and_then(|member| allocations.get(&(member, basis)).copied());
        Some((row.id, (amounts::Fee::of(row)?, allocation)))
    };
    Ok(agreements.iter().filter_map(known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The allocations of the members in the report's table, with Göteborg, in öre.
    const ALLOCATIONS: [i64; 4] = [432_400_000, 1_340_000_000, 3_200_000_000, 6_120_000_000];

    fn per_mille(rate: i64, cap: Option<i64>, minimum: Option<i64>) -> fee_schedule::Model {
        fee_schedule::Model {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(rate)),
            cap: cap.map(Money),
            minimum: minimum.map(Money),
            ..fee_schedule::Model::default()
        }
    }

    fn quotes(rule: &fee_schedule::Model) -> Vec<Quote> {
        ALLOCATIONS.iter().filter_map(|allocation| quote(rule, Some(Money(*allocation)))).collect()
    }

    fn total(quotes: &[Quote]) -> Money {
        quotes.iter().map(|quote| quote.amount).sum()
    }

    #[test]
    fn the_published_table_is_reproduced_exactly() {
        for (rate, ore) in [
            (2000, [864_800, 2_680_000, 6_400_000, 12_240_000]),
            (4000, [1_729_600, 5_360_000, 12_800_000, 24_480_000]),
        ] {
            let amounts: Vec<_> = quotes(&per_mille(rate, None, None))
                .into_iter()
                .map(|quote| quote.amount.0)
                .collect();
            assert_eq!(amounts, ore);
        }
        assert_eq!(total(&quotes(&per_mille(3000, None, None))), Money(33_277_200));
        assert_eq!(
            quote(&per_mille(2000, None, None), Some(Money(432_433_300))).map(|quote| quote.amount),
            Some(Money(864_867))
        );
    }

    #[test]
    fn a_cap_reduces_large_fees_and_is_reported() {
        let (capped, plain) = (
            quotes(&per_mille(4000, Some(10_000_000), None)),
            quotes(&per_mille(4000, None, None)),
        );
        assert_eq!(total(&capped), Money(27_089_600));
        assert_eq!(capped.iter().filter(|quote| quote.capped).count(), 2);
        assert_eq!(total(&plain) - total(&capped), Money(17_280_000));
        assert_eq!(capped.iter().map(|quote| quote.lost).sum::<Money>(), Money(17_280_000));
    }

    #[test]
    fn a_minimum_raises_small_fees_and_the_cap_takes_precedence() {
        let lifted =
            quote(&per_mille(2000, Some(10_000_000), Some(1_000_000)), Some(Money(432_400_000)));
        assert_eq!(
            lifted.map(|quote| (quote.amount, quote.capped, quote.raised)),
            Some((Money(1_000_000), false, true))
        );
        // The database rejects a minimum above the cap. Even then, no one pays more than the cap.
        let both =
            quote(&per_mille(2000, Some(500_000), Some(1_000_000)), Some(Money(432_400_000)));
        assert_eq!(both.map(|quote| (quote.amount, quote.capped)), Some((Money(500_000), true)));
    }

    #[test]
    fn an_unknown_allocation_gives_no_quote() {
        assert_eq!(quote(&per_mille(2000, None, Some(1_000_000)), None), None);
        let fixed = fee_schedule::Model {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(500_000)),
            ..fee_schedule::Model::default()
        };
        let fixed = quote(&fixed, Some(Money(1)));
        assert_eq!(
            fixed.map(|quote| (quote.amount, quote.allocation)),
            Some((Money(500_000), None))
        );
    }

    #[test]
    fn a_quote_has_its_exact_amount_and_rounding() {
        for (rate, allocation, exact, rounding) in [
            (2000, 432_433_300, "8648.666", "0.004"),
            (2000, 432_400_000, "8648.00", "0.00"),
            (2125, 100, "0.002125", "-0.002125"),
            (3333, 1_000_050, "33.3316665", "-0.0016665"),
        ] {
            let quote = quote(&per_mille(rate, None, None), Some(Money(allocation))).unwrap();
            assert_eq!((quote.exact().as_str(), quote.rounding().as_str()), (exact, rounding));
        }
        let fixed = fee_schedule::Model {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(500_005)),
            ..fee_schedule::Model::default()
        };
        let fixed = quote(&fixed, None).unwrap();
        assert_eq!((fixed.exact().as_str(), fixed.rounding().as_str()), ("5000.05", "0.00"));
    }
}
