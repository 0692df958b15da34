//! Service-fee scenarios: every member's fee under a proposed rule, compared to its fee under the
//! rule in force.

pub mod comparison;

use ::entity::{
    id::MemberId,
    kind::FeeBasis,
    member::{self, Column, Entity},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, Order,
    sea_query::{Expr, Query},
};

use self::comparison::{Proposal, Scenario, compare};
use super::{allocations, quote::basis_of, rule};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::rows,
    error::{ConflictReason, Error, Result, ValidationErrors},
    members,
};

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
    proposal.check(&mut errors);
    if !errors.is_empty() {
        return Err(Error::Invalid(errors.into_inner()));
    }
    let members = of_year(ctx, proposal.year).await?;
    proposal.check_excluded(&members, &mut errors);
    errors.finish()?;
    let current = rule(ctx, FeeBasis::PerMilleOfAllocation, proposal.year).await?;
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
        .cond_where(members::visible(ctx))
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
