//! Past states of a record, as the entries of the trail have them, for reversals.

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;

/// A change of a record. Fields that name persons are sealed.
#[derive(Clone, Debug)]
pub(crate) struct PastChange {
    /// The revision.
    pub revision: i64,
    /// The time of the commit, which all of its entries have.
    pub at: DateTime<Utc>,
    /// The stored word of the action, which may be one of a newer version.
    pub action: String,
    /// The record.
    pub record_id: Uuid,
    /// The record before; `None` for a new one.
    pub before: Value,
    /// The record after; `None` for a removed one.
    pub after: Value,
}

impl PastChange {
    fn of(entry: Model) -> Option<Self> {
        let parse =
            |text: Option<String>| text.map_or(Ok(Value::Null), |text| serde_json::from_str(&text));
        Some(Self {
            revision: entry.revision,
            at: entry.at,
            action: entry.action,
            record_id: entry.record_id?,
            before: parse(entry.before).ok()?,
            after: parse(entry.after).ok()?,
        })
    }

    /// Returns a day of the state before.
    pub fn day_before(&self, field: &str) -> Option<NaiveDate> {
        day(&self.before, field)
    }

    /// Returns a day of the state after.
    pub fn day_after(&self, field: &str) -> Option<NaiveDate> {
        day(&self.after, field)
    }
}

fn day(state: &Value, field: &str) -> Option<NaiveDate> {
    state.get(field)?.as_str()?.parse().ok()
}

/// Returns the changes of a record, the latest first.
pub(crate) async fn changes_of(
    db: &impl ConnectionTrait,
    form: Form,
    record: Uuid,
) -> Result<Vec<PastChange>> {
    let select = Entity::find()
        .filter(Column::RecordId.eq(record))
        .filter(Column::Form.eq(form))
        .order_by_desc(Column::Revision);
    Ok(select.all(db).await?.into_iter().filter_map(PastChange::of).collect())
}

/// Returns the changes of records of a form that were committed together with a change, in the
/// order of their entries.
pub(crate) async fn committed_with(
    db: &impl ConnectionTrait,
    form: Form,
    change: &PastChange,
) -> Result<Vec<PastChange>> {
    // The last entry of a commit signs all of it. An entry that signs a migrated trail signs many
    // commits, whose times differ.
    let last = Entity::find()
        .filter(Column::Revision.gte(change.revision))
        .filter(Column::SignedFrom.is_not_null());
    let last = last.order_by_asc(Column::Revision).one(db).await?;
    let range = last.and_then(|last| Some((last.signed_from?, last.revision)));
    let (from, to) = range
        .filter(|(from, _)| *from <= change.revision)
        .unwrap_or((change.revision, change.revision));
    let select = Entity::find()
        .filter(Column::Revision.between(from, to))
        .filter(Column::At.eq(change.at))
        .filter(Column::Action.eq(change.action.as_str()))
        .filter(Column::Form.eq(form))
        .order_by_asc(Column::Revision);
    Ok(select.all(db).await?.into_iter().filter_map(PastChange::of).collect())
}
