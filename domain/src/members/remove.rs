//! Removes members that were admitted by mistake, while nothing refers to them.

use std::collections::HashSet;

use ::entity::{
    agreement, allocation, archived_document, contact, cost, fee_charge, id::MemberId, invoice,
    kind::SubjectKind, member, member_billing, member_former_name, member_municipality,
    token_revocation,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::details::snapshot;
use crate::{
    audit::{self, Action, Person},
    auth::viewer::Permission,
    context::Context,
    database::among,
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
    page,
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

/// Returns those of these members that the viewer may remove: nothing refers to them.
pub async fn removable(ctx: Context<'_>, ids: &[MemberId]) -> Result<HashSet<MemberId>> {
    if !ctx.viewer.has(Permission::ManageRegister) {
        return Ok(HashSet::new());
    }
    let own = || Expr::col((member::Entity, member::Column::Id));
    let mut select = Query::select();
    select.column((member::Entity, member::Column::Id)).from(member::Entity).and_where(among(
        ctx.db.backend(),
        own(),
        ids.iter().copied(),
    ));
    for Kind { mut records, member, .. } in kinds() {
        records.expr(Expr::cust("1")).and_where(member.eq(own()));
        select.and_where(Expr::exists(records).not());
    }
    let found = ctx.db.read().query_all(&select).await?;
    found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// A kind of records that can refer to a member.
struct Kind {
    /// The noun of a record.
    noun: &'static str,
    /// Selects the records.
    records: SelectStatement,
    /// The column of the member.
    member: SimpleExpr,
}

/// Name in statements of the members that have a successor.
const PREDECESSOR: &str = "predecessor";

/// Returns the kinds of records that can refer to a member.
fn kinds() -> Vec<Kind> {
    let mut contacts = kind("contact", contact::Entity, contact::Column::MemberId);
    let erased_at = Expr::col((contact::Entity, contact::Column::ErasedAt));
    contacts.records.and_where(erased_at.is_null());
    vec![
        kind("agreement", agreement::Entity, agreement::Column::MemberId),
        kind("invoice", invoice::Entity, invoice::Column::MemberId),
        kind("fee charge", fee_charge::Entity, fee_charge::Column::MemberId),
        kind("cost", cost::Entity, cost::Column::MemberId),
        kind("document", archived_document::Entity, archived_document::Column::MemberId),
        contacts,
        kind("allocation", allocation::Entity, allocation::Column::MemberId),
        Kind {
            noun: "predecessor",
            records: Query::select().from_as(member::Entity, PREDECESSOR).take(),
            member: Expr::col((PREDECESSOR, member::Column::SuccessorId)),
        },
        kind("token revocation", token_revocation::Entity, token_revocation::Column::MemberId),
    ]
}

/// Returns a kind of records: its noun, the table, and the column of the member.
fn kind<E: EntityTrait>(noun: &'static str, entity: E, column: E::Column) -> Kind {
    let records = Query::select().from(entity).take();
    Kind { noun, records, member: Expr::col((entity, column)) }
}

/// Describes the rows that refer to a member: `2 agreements`.
async fn references(db: &impl ConnectionTrait, id: MemberId) -> Result<Vec<String>> {
    let mut counts = Vec::new();
    for Kind { noun, mut records, member } in kinds() {
        records.and_where(member.eq(id));
        counts.push((noun, page::count(db, records).await?.unsigned_abs()));
    }
    Ok(removal::references(&counts))
}
