//! Allocations (tilldelning): the yearly amounts that per-mille fees are calculated from.

use ::entity::{
    allocation::{Column, Entity, Model},
    id::{AllocationId, MemberId},
    kind::AllocationBasis,
    money::Money,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use super::of_visible_member;
use crate::{
    audit::{self, Action},
    auth::viewer::{Permission, Resource},
    context::Context,
    database::among,
    error::{Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Returns the allocations of those of these members whose affairs the viewer can read, the latest
/// year first. With `year`, only the allocations of that year.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    year: Option<i32>,
) -> Result<Vec<Model>> {
    let mut find = Entity::find()
        .filter(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            Expr::col(Column::MemberId),
        ))
        .filter(among(ctx.db.backend(), Expr::col(Column::MemberId), members.iter().copied()))
        .order_by_desc(Column::Year)
        // ALL_PARTIES sorts before STATE_SHARE, and is the basis of fees.
        .order_by_asc(Column::Basis);
    if let Some(year) = year {
        find = find.filter(Column::Year.eq(year));
    }
    Ok(find.all(ctx.db.read()).await?)
}

/// Input for setting an allocation.
#[derive(Clone, Debug)]
pub struct NewAllocation {
    /// The member.
    pub member: MemberId,
    /// Calendar year.
    pub year: i32,
    /// Öre.
    pub amount: Money,
    /// The parties whose money the amount includes.
    pub basis: AllocationBasis,
    /// Source of the figure.
    pub source: Option<String>,
}

/// Sets a member's allocation of a year, and replaces an existing one with the same basis.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the member, INVALID for a bad
/// field.
pub async fn set(ctx: Context<'_>, new: NewAllocation, mut errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageAccounts)?;
    errors.expect(
        (1900..=2999).contains(&new.year),
        "year",
        FieldErrorCode::OutOfRange
            .problem("must be 1900 to 2999")
            .with("min", 1900)
            .with("max", 2999),
    );
    errors.expect(
        new.amount >= Money::ZERO,
        "amount",
        FieldErrorCode::OutOfRange.problem("must not be negative").with("min", 0),
    );
    let source = errors.optional_text("source", new.source.as_deref(), LINE);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::AllocationSet).await?;
    let member = ::entity::member::Entity::find_by_id(new.member).one(change.tx()).await?;
    let member = member.ok_or_else(|| Error::NotFound("there is no such member".into()))?;
    let before = Entity::find()
        .filter(Column::MemberId.eq(new.member))
        .filter(Column::Year.eq(new.year))
        .filter(Column::Basis.eq(new.basis))
        .one(change.tx())
        .await?;
    let id = before.as_ref().map_or_else(AllocationId::new, |before| before.id);
    let after = Model {
        id,
        member_id: new.member,
        year: new.year,
        basis: new.basis,
        amount: new.amount,
        source,
    };
    if before.as_ref() == Some(&after) {
        return change.commit_with(Outcome::of(member.id).with(id)).await;
    }
    if before.is_some() {
        audit::replace(&change, after.clone()).await?;
    } else {
        audit::insert(&change, after.clone()).await?;
    }
    change.record(before.as_ref(), Some(&after))?;
    change.commit_with(Outcome::of(member.id).with(id)).await
}
