//! Sets the allocation of a member for a year.

use ::entity::{
    allocation::{Column, Entity, Model},
    id::{AllocationId, MemberId},
    member,
};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::new_allocation::NewAllocation;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    bulk::{ItemRule, NewItem},
    context::Context,
    error::{Error, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Sets a member's allocation of a year, and replaces an existing one with the same basis.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the member, INVALID for a bad
/// field.
pub async fn set(ctx: Context<'_>, new: NewAllocation, mut errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageAccounts)?;
    let source = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::AllocationSet).await?;
    let member = member::Entity::find_by_id(new.member).one(change.tx()).await?;
    let member = member.ok_or_else(|| Error::missing("member_id", "there is no such member"))?;
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

/// Sets many allocations: [`set`] for each.
#[derive(Clone, Copy, Debug)]
pub struct SetEach;

impl ItemRule for SetEach {
    type Item = NewAllocation;
    type Output = MemberId;
    const PERMISSION: Permission = Permission::ManageAccounts;

    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        _: usize,
        NewItem { item, errors }: NewItem<NewAllocation>,
    ) -> BoxFuture<'a, Result<MemberId>> {
        Box::pin(async move {
            let member = item.member;
            set(ctx, item, errors).await?;
            Ok(member)
        })
    }
}
