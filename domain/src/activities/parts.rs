//! The parts of an activity in tables of their own: texts and funding; and its contacts.

use ::entity::{
    activity, activity_funding, activity_text, contact, id::ActivityId, kind::FundingKind,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    audit::{self, Change},
    error::{Error, Result},
};

/// Replaces the texts of an activity.
pub(super) async fn write_texts(change: &Change, texts: activity_text::Model) -> Result<()> {
    activity_text::Entity::delete_by_id(texts.activity_id).exec(change.tx()).await?;
    audit::insert(change, texts).await
}

/// Replaces the funding of an activity.
pub(super) async fn write_funding(
    change: &Change,
    activity: ActivityId,
    kinds: &[FundingKind],
) -> Result<()> {
    activity_funding::Entity::delete_many()
        .filter(activity_funding::Column::ActivityId.eq(activity))
        .exec(change.tx())
        .await?;
    for kind in kinds {
        audit::insert(change, activity_funding::Model { activity_id: activity, kind: *kind })
            .await?;
    }
    Ok(())
}

/// Fails with NOT_FOUND if the contact on the board or the lead of an activity does not exist.
pub(super) async fn expect_contacts(change: &Change, row: &activity::Model) -> Result<()> {
    let contacts = [("board_contact_id", row.board_contact_id), ("lead_id", row.lead_contact_id)];
    for (path, id) in contacts {
        let Some(id) = id else { continue };
        let found = contact::Entity::find_by_id(id).one(change.tx()).await?;
        found.ok_or_else(|| Error::missing(path, "there is no such contact"))?;
    }
    Ok(())
}
