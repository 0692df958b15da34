//! Times of the first and the last change of objects, by the entries of the trail that a viewer
//! may learn of.

use std::collections::HashMap;

use ::entity::{
    audit_entry::{Column, Entity},
    id::PaymentId,
    kind::SubjectKind,
    payment,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use serde::Deserialize;
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

/// Returns the time at which each of these payments was recorded, of which the trail has entries
/// only as parts of their invoices. Their rows must have the invoice.
pub async fn of_payments(
    ctx: Context<'_>,
    payments: &[payment::Model],
) -> Result<HashMap<PaymentId, DateTime<Utc>>> {
    let history = History::Subject(SubjectKind::Invoice);
    let invoices: Vec<Uuid> = payments.iter().map(|payment| payment.invoice_id.0).collect();
    let select = Query::select()
        .columns([(Entity, Column::At), (Entity, Column::After)])
        .from(Entity)
        .cond_where(history.entries(ctx.db.backend(), &invoices))
        .and_where(Column::Action.is_not_in(Action::TrailMigrate.words()))
        .cond_where(known(ctx, history))
        .order_by((Entity, Column::Revision), Order::Asc)
        .take();
    let mut found = HashMap::new();
    for row in &ctx.db.read().query_all(&select).await? {
        let (at, after): (DateTime<Utc>, Option<String>) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        // An entry of another form has no payments.
        let parts = after.and_then(|after| serde_json::from_str::<Parts>(&after).ok());
        for part in parts.unwrap_or_default().payments {
            found.entry(part.id).or_insert(at);
        }
    }
    Ok(found)
}

/// The parts of an invoice, in an entry.
#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default)]
    payments: Vec<Part>,
}

/// A part of an invoice, in an entry.
#[derive(Deserialize)]
struct Part {
    id: PaymentId,
}

/// Selects the entries that the viewer can read in the trail, and those whose events are published
/// to it. Other changes, as of a draft or a snoozed deadline, must not move the time of the last
/// one.
fn known(ctx: Context<'_>, history: History) -> Condition {
    let readable = audit::visible(ctx.viewer);
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
