//! Fees: the yearly fees of membership, and the amounts of agreements' fees.

pub mod amounts;
pub(crate) mod billed_months;
pub mod monthly;
pub mod quote;
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
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use self::quote::{Quote, basis_of, quote};
use crate::{
    context::Context,
    error::Result,
    members::{allocations, status::is_member_in},
    term_sql,
};

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
    let Some(rule) = rule(ctx, FeeBasis::PerMilleOfAllocation, year).await? else {
        return Ok(Quotes::default());
    };
    let members: Vec<MemberId> = members
        .iter()
        .filter(|row| is_member_in(year, row.joined_on, row.left_on))
        .map(|row| row.id)
        .collect();
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
    ctx: Context<'_>,
    members: &[member::Model],
    year: i32,
) -> Result<Quotes> {
    let Some(rule) = rule(ctx, FeeBasis::FixedPerYear, year).await? else {
        return Ok(Quotes::default());
    };
    let of = members
        .iter()
        .filter(|row| is_member_in(year, row.joined_on, row.left_on))
        .filter_map(|row| Some((row.id, quote(&rule, None)?)))
        .collect();
    Ok(Quotes { rule: Some(rule), of })
}

/// Returns the network's own rule of this basis that is in force on 1 January of the year; `None`
/// if there is none.
pub(crate) async fn rule(
    ctx: Context<'_>,
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
        .one(ctx.db.read())
        .await?;
    Ok(found)
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
