//! The parts of an activity in tables of their own: texts and funding; and its contacts.

use ::entity::{
    activity_funding, activity_text, contact,
    id::{ActivityId, ContactId},
    kind::FundingKind,
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

/// Fails with NOT_FOUND if one of these contacts does not exist.
pub(super) async fn expect_contacts(
    change: &Change,
    contacts: [Option<ContactId>; 2],
) -> Result<()> {
    for id in contacts.into_iter().flatten() {
        let found = contact::Entity::find_by_id(id).one(change.tx()).await?;
        found.ok_or_else(|| Error::NotFound("there is no such contact".into()))?;
    }
    Ok(())
}
