//! Times of the first and the last change of objects, by the entries of the trail that a viewer
//! may learn of.

use std::collections::HashMap;

use ::entity::{
    audit_entry::{Column, Entity},
    kind::SubjectKind,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use serde_json::Value;
use uuid::Uuid;

use super::audience::{is_whole_object, published};
use crate::{
    audit::{self, Action, History},
    context::Context,
    error::Result,
};

/// The times of an object's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Time of the first change.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
}

/// Returns the times of these objects. An object without an entry that the viewer may learn of has
/// none. The caller has checked that the viewer can read the objects.
pub async fn of_each(
    ctx: Context<'_>,
    history: History,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Times>> {
    let at = || Expr::col((Entity, Column::At));
    let select = Query::select()
        .expr(history.id())
        .expr(at().min())
        .expr(at().max())
        .from(Entity)
        .cond_where(history.entries(ctx.db.backend(), ids))
        // A migration records only what existed before.
        .and_where(Column::Action.is_not_in(Action::TrailMigrate.words()))
        .cond_where(known(ctx, history))
        .add_group_by([history.id()])
        .take();
    let found = ctx.db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            let times = Times {
                created_at: row.try_get_by_index(1)?,
                updated_at: row.try_get_by_index(2)?,
            };
            Ok((row.try_get_by_index(0)?, times))
        })
        .collect()
}

/// Parts of an object of which the trail has no entries, but lists in those of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Lines of invoices.
    InvoiceLines,
    /// Payments of invoices.
    Payments,
    /// Signatures of agreements.
    Signatures,
}

impl Parts {
    /// Returns the kind of the objects.
    fn owners(self) -> SubjectKind {
        match self {
            Self::InvoiceLines | Self::Payments => SubjectKind::Invoice,
            Self::Signatures => SubjectKind::Agreement,
        }
    }

    /// Returns the field of the list in an entry.
    fn field(self) -> &'static str {
        match self {
            Self::InvoiceLines => "lines",
            Self::Payments => "payments",
            Self::Signatures => "signatures",
        }
    }
}

/// Returns the times of the parts of these objects: that of the first entry with the part, and that
/// of the last one with another value in one of its fields. The caller has checked that the viewer
/// can read the objects.
pub async fn of_parts(
    ctx: Context<'_>,
    parts: Parts,
    owners: &[Uuid],
) -> Result<HashMap<Uuid, Times>> {
    let history = History::Subject(parts.owners());
    let select = Query::select()
        .columns([(Entity, Column::At), (Entity, Column::After)])
        .from(Entity)
        .cond_where(history.entries(ctx.db.backend(), owners))
        .and_where(Column::Action.is_not_in(Action::TrailMigrate.words()))
        .cond_where(known(ctx, history))
        .order_by((Entity, Column::Revision), Order::Asc)
        .take();
    let mut found = PartTimes::default();
    for row in &ctx.db.read().query_all(&select).await? {
        let (at, after): (DateTime<Utc>, Option<String>) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        // An entry of another form has no parts.
        let entry = after.and_then(|after| serde_json::from_str::<Value>(&after).ok());
        let list = entry.and_then(|mut entry| entry.get_mut(parts.field()).map(Value::take));
        let Some(Value::Array(list)) = list else { continue };
        list.into_iter().for_each(|part| found.add(at, part));
    }
    Ok(found.times)
}

/// Times of parts, from the entries read so far.
#[derive(Default)]
struct PartTimes {
    times: HashMap<Uuid, Times>,
    /// The last value of each part.
    last: HashMap<Uuid, Value>,
}

impl PartTimes {
    /// Adds a part in an entry of this time. A field that only one of two versions of the program
    /// writes is no change.
    fn add(&mut self, at: DateTime<Utc>, part: Value) {
        let id = part.get("id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
        let Some(id) = id else { return };
        let times = self.times.entry(id).or_insert(Times { created_at: at, updated_at: at });
        let before = self.last.get(&id).and_then(Value::as_object);
        let differs = |(name, value): (&String, &Value)| {
            before.and_then(|before| before.get(name)).is_some_and(|before| before != value)
        };
        if part.as_object().is_some_and(|part| part.iter().any(differs)) {
            times.updated_at = at;
        }
        self.last.insert(id, part);
    }
}

/// Selects the entries that the viewer can read in the trail, and those whose events are published
/// to it. Other changes, as of a draft or a snoozed deadline, must not move the time of the last
/// one.
fn known(ctx: Context<'_>, history: History) -> Condition {
    let readable = audit::visible(ctx);
    if readable.is_empty() {
        return readable;
    }
    history.subjects().iter().fold(Condition::any().add(readable), |any, kind| {
        let own = published(ctx, *kind);
        any.add(match history {
            History::Subject(_) => own.add(is_whole_object()),
            History::Record(..) => own,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_changed_by_another_value_of_a_field() {
        let (id, mut found) = (Uuid::now_v7(), PartTimes::default());
        let times = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        for (hour, part) in [
            (1, serde_json::json!({ "id": id, "net": 100 })),
            (2, serde_json::json!({ "id": id, "net": 200 })),
            // A field that was added to the form later.
            (3, serde_json::json!({ "id": id, "net": 200, "unit": "PIECE" })),
            (4, serde_json::json!({ "net": 300 })),
        ] {
            found.add(times(hour), part);
        }
        let own = Times { created_at: times(1), updated_at: times(2) };
        assert_eq!(found.times, HashMap::from([(id, own)]));
    }
}
