//! The one-time correction of agreements that still name a withdrawn agreement as their successor,
//! which departures and mergers used to leave.

use chrono::{DateTime, Utc};
use std::io;

use ::entity::agreement::{Column, Entity, Model};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};

use super::{action::Action, appending::Appender, forms, head::trusted};
use crate::{
    auth::viewer::Viewer,
    database::Database,
    error::{Error, Result},
};

/// Makes withdrawn agreements replace nothing, so that their predecessors continue, each with an
/// entry. Without such agreements nothing happens.
///
/// # Errors
/// INTERNAL if the trail's last entry was not written by a program with the same key.
pub(crate) async fn correct(
    db: &Database,
    tx: &DatabaseTransaction,
    at: DateTime<Utc>,
) -> Result<()> {
    let withdrawn = Entity::find()
        .filter(Column::WithdrawnOn.is_not_null())
        .filter(Column::ReplacesId.is_not_null());
    let rows = withdrawn.order_by_asc(Column::NumberKey).order_by_asc(Column::Id).all(tx).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let no_key = || {
        Error::internal(io::Error::other(
            "agreements are corrected with the key that signs the audit trail",
        ))
    };
    let key = db.trail_key().ok_or_else(no_key)?;
    let (last, hash, _) = trusted(db, tx).await?;
    let mut trail =
        Appender::new(last, hash, Viewer::operator("migrate").subject, Action::TrailMigrate, at);
    for row in rows {
        let replaced = row.replaces_id;
        write(tx, &mut trail, row.clone(), Model { replaces_id: None, ..row }).await?;
        let Some(replaced) = replaced else { continue };
        let row = Entity::find_by_id(replaced).one(tx).await?;
        if let Some(row) = row.filter(|row| row.replaced_from.is_some()) {
            write(tx, &mut trail, row.clone(), Model { replaced_from: None, ..row }).await?;
        }
    }
    trail.write(tx, Some(key)).await
}

async fn write(
    tx: &DatabaseTransaction,
    trail: &mut Appender,
    before: Model,
    after: Model,
) -> Result<()> {
    let with = forms::agreement(tx, before.clone()).await?;
    Entity::update(after.clone().into_active_model().reset_all()).validate()?.exec(tx).await?;
    let [before, after] =
        [forms::Agreement { row: before, ..with.clone() }, forms::Agreement { row: after, ..with }];
    trail.record(Some(&before), Some(&after))
}
