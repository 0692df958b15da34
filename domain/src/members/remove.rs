//! Removes members that were admitted by mistake, while nothing refers to them.

use ::entity::{
    agreement, allocation, contact, cost, fee_charge, id::MemberId, invoice, kind::SubjectKind,
    member, member_billing, member_former_name, member_municipality, token_revocation,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};

use super::details::snapshot;
use crate::{
    audit::{self, Action, Person},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
    removal::{self, Removed},
};

/// Removes a member that was admitted by mistake. Erased contacts do not prevent it. The audit log
/// retains it, without the personal data of its billing details.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `IN_USE` with the number of records that refer to it.
pub async fn remove(ctx: Context<'_>, id: MemberId, errors: ValidationErrors) -> Result<Removed> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::MemberRemove).await?;
    let before = snapshot(change.tx(), id).await?;
    let references = references(change.tx(), id).await?;
    if !references.is_empty() {
        let message = format!(
            "{} has {}; end its membership instead",
            before.row.name,
            references.join(", ")
        );
        return Err(Error::conflict(ConflictReason::InUse, message));
    }
    let of_contact = contact::Column::MemberId.eq(id);
    let mut persons = removal::detach_erased_contacts(&mut change, of_contact).await?;
    persons.insert(Person::buyer(id));
    member_billing::Entity::delete_by_id(id).exec(change.tx()).await?;
    member_municipality::Entity::delete_many()
        .filter(member_municipality::Column::MemberId.eq(id))
        .exec(change.tx())
        .await?;
    member_former_name::Entity::delete_many()
        .filter(member_former_name::Column::MemberId.eq(id))
        .exec(change.tx())
        .await?;
    member::Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change.erase(&persons, (SubjectKind::Member, id.0)).await?;
    let outcome = Outcome::default().deleting(id);
    let removed = Removed::from_outcome(&outcome).unwrap_or(Removed { api_id: String::new() });
    change.commit_with(outcome).await?;
    Ok(removed)
}

/// Describes the rows that refer to a member: `2 agreements`.
async fn references(db: &impl ConnectionTrait, id: MemberId) -> Result<Vec<String>> {
    let counts = [
        (
            "agreement",
            count(db, agreement::Entity::find().filter(agreement::Column::MemberId.eq(id))).await?,
        ),
        (
            "invoice",
            count(db, invoice::Entity::find().filter(invoice::Column::MemberId.eq(id))).await?,
        ),
        (
            "fee charge",
            count(db, fee_charge::Entity::find().filter(fee_charge::Column::MemberId.eq(id)))
                .await?,
        ),
        ("cost", count(db, cost::Entity::find().filter(cost::Column::MemberId.eq(id))).await?),
        (
            "contact",
            count(
                db,
                contact::Entity::find()
                    .filter(contact::Column::MemberId.eq(id))
                    .filter(contact::Column::ErasedAt.is_null()),
            )
            .await?,
        ),
        (
            "allocation",
            count(db, allocation::Entity::find().filter(allocation::Column::MemberId.eq(id)))
                .await?,
        ),
        (
            "predecessor",
            count(db, member::Entity::find().filter(member::Column::SuccessorId.eq(id))).await?,
        ),
        (
            "token revocation",
            count(
                db,
                token_revocation::Entity::find().filter(token_revocation::Column::MemberId.eq(id)),
            )
            .await?,
        ),
    ];
    Ok(removal::references(&counts))
}

async fn count<E>(db: &impl ConnectionTrait, select: Select<E>) -> Result<u64>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    Ok(select.count(db).await?)
}
