//! Details of a member that several of its mutations read or write.

use ::entity::{
    contact_area,
    id::{ContactAreaId, MemberId},
    member, member_municipality,
    number::OrgNumber,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{
    audit::{
        self, Change,
        forms::{Member, members},
    },
    collation,
    error::{ConflictReason, Error, Result},
};

/// Returns the current form of a member for the audit trail.
///
/// # Errors
/// NOT_FOUND when the member does not exist.
pub(super) async fn snapshot(db: &impl ConnectionTrait, id: MemberId) -> Result<Member> {
    let row = member::Entity::find_by_id(id).one(db).await?;
    let row = row.ok_or_else(|| Error::missing("member_id", "there is no such member"))?;
    let alone = Member { row: row.clone(), ..Member::default() };
    Ok(members(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Returns the contact area with this name, and creates it if none exists.
pub(super) async fn contact_area(change: &mut Change, name: &str) -> Result<ContactAreaId> {
    let key = collation::key(name);
    if let Some(area) = contact_area::Entity::find()
        .filter(contact_area::Column::NameKey.eq(&key))
        .one(change.tx())
        .await?
    {
        return Ok(area.id);
    }
    let area =
        contact_area::Model { id: ContactAreaId::new(), name: name.to_owned(), name_key: key };
    audit::insert(change, area.clone()).await?;
    change.record(None, Some(&area))?;
    Ok(area.id)
}

/// Replaces the municipalities of a member.
pub(super) async fn write_municipalities(
    change: &Change,
    member: MemberId,
    names: &[String],
) -> Result<()> {
    member_municipality::Entity::delete_many()
        .filter(member_municipality::Column::MemberId.eq(member))
        .exec(change.tx())
        .await?;
    for name in names {
        audit::insert(
            change,
            member_municipality::Model { member_id: member, municipality: name.clone() },
        )
        .await?;
    }
    Ok(())
}

/// Returns the conflict for an organisation number that another member has.
pub(super) fn org_number_taken(number: Option<&OrgNumber>) -> Error {
    let number = number.map(ToString::to_string).unwrap_or_default();
    Error::conflict(
        ConflictReason::OrgNumberTaken,
        format!("another member has the organisation number {number}"),
    )
}
