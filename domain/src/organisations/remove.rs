//! Removes organisations that were added by mistake, while nothing refers to them.

use std::collections::{HashMap, HashSet};

use ::entity::{
    agreement, archived_document, contact, cost,
    id::OrganisationId,
    invoice,
    kind::SubjectKind,
    organisation::{Entity, Model},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

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

/// Returns those of these organisations that the viewer may remove: nothing refers to them.
pub async fn removable(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<OrganisationId>> {
    if !ctx.viewer.has(Permission::ManageRegister) {
        return Ok(HashSet::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let counts = references_to(ctx.db.read(), &ids).await?;
    let is_free = |id: &OrganisationId| {
        counts.get(id).is_none_or(|counts| removal::references(counts).is_empty())
    };
    Ok(ids.into_iter().filter(is_free).collect())
}

/// The noun of contacts.
const CONTACT: &str = "contact";

/// The kinds of records that can refer to an organisation, each with their number.
type References = Vec<(&'static str, u64)>;

/// Counts the records that refer to these organisations. One that nothing refers to has no entry.
async fn references_to(
    db: &impl ConnectionTrait,
    ids: &[OrganisationId],
) -> Result<HashMap<OrganisationId, References>> {
    let mut found = HashMap::<OrganisationId, References>::new();
    let kinds: [(&str, SelectStatement, SimpleExpr); 5] = [
        of("agreement", agreement::Entity, agreement::Column::OrganisationId),
        of("invoice", invoice::Entity, invoice::Column::OrganisationId),
        of("cost", cost::Entity, cost::Column::OrganisationId),
        of("document", archived_document::Entity, archived_document::Column::OrganisationId),
        of(CONTACT, contact::Entity, contact::Column::OrganisationId),
    ];
    for (noun, mut select, column) in kinds {
        let theirs = ids.iter().copied();
        if noun == CONTACT {
            select.and_where(contact::Column::ErasedAt.is_null());
        }
        select.and_where(among(db.get_database_backend(), column.clone(), theirs));
        for (id, count) in page::count_each(db, select, column).await? {
            found.entry(id.into()).or_default().push((noun, count.unsigned_abs()));
        }
    }
    Ok(found)
}

/// Returns a kind of records: its noun, the records, and the column of the organisation.
fn of<E: EntityTrait>(
    noun: &'static str,
    entity: E,
    column: E::Column,
) -> (&'static str, SelectStatement, SimpleExpr) {
    (noun, Query::select().from(entity).take(), Expr::col((entity, column)))
}

/// Removes an organisation that was added by mistake. Erased contacts do not prevent it. The audit
/// log retains it, without the personal data of its billing details.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `IN_USE` with the number of records that refer to it.
pub async fn remove(
    ctx: Context<'_>,
    id: OrganisationId,
    errors: ValidationErrors,
) -> Result<Removed> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationRemove).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before =
        before.ok_or_else(|| Error::missing("organisation_id", "there is no such organisation"))?;
    let counts = references_to(change.tx(), &[id]).await?.remove(&id).unwrap_or_default();
    let references = removal::references(&counts);
    if !references.is_empty() {
        return Err(Error::conflict(
            ConflictReason::InUse,
            format!("{} has {} and cannot be removed", before.name, references.join(", ")),
        ));
    }
    let of_contact = contact::Column::OrganisationId.eq(id);
    let mut persons = removal::detach_erased_contacts(&mut change, of_contact).await?;
    persons.insert(Person::buyer(id));
    Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change.erase(&persons, (SubjectKind::Organisation, id.0)).await?;
    let outcome = Outcome::default().deleting(id);
    let removed = Removed::from_outcome(&outcome).unwrap_or(Removed { api_id: String::new() });
    change.commit_with(outcome).await?;
    Ok(removed)
}
