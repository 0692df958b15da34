//! Acknowledgements of deadlines in effect: those of listed agreements, and their deletion.

use std::collections::HashSet;

use ::entity::{
    acknowledgement::{Column, Entity, Model},
    agreement,
    id::AgreementId,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, sea_query::Expr};

use crate::{
    agreements::{by_ids, visibility::without_member},
    audit::Change,
    auth::viewer::Resource,
    context::Context,
    database::among,
    error::Result,
};

/// Deletes the acknowledgements in effect on `today` and returns the latest one.
pub(in crate::agreements) async fn delete_current(
    change: &mut Change,
    agreement: AgreementId,
    today: NaiveDate,
) -> Result<Option<Model>> {
    let current = Entity::find()
        .filter(Column::AgreementId.eq(agreement))
        .filter(Column::Until.gte(today))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(change.tx())
        .await?;
    for row in &current {
        Entity::delete_by_id(row.id).exec(change.tx()).await?;
    }
    // This rule leaves at most one, but an older register may have several.
    for row in current.iter().skip(1) {
        change.record(Some(row), None)?;
    }
    Ok(current.into_iter().next())
}

/// Returns the acknowledgements of these agreements in effect on `on`, the latest first. The caller
/// has checked that the viewer can read the agreements. Acknowledgements of agreements that the
/// viewer can read only as their member are omitted: they are an internal matter of the network.
pub async fn acknowledgements_of(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    on: NaiveDate,
) -> Result<Vec<Model>> {
    let agreement = Expr::col((Entity, Column::AgreementId));
    let mut rows = Entity::find()
        .filter(among(ctx.db.backend(), agreement, agreements.iter().copied()))
        .filter(Expr::col((Entity, Column::Until)).gte(on))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(ctx.db.read())
        .await?;
    if !rows.is_empty() && ctx.viewer.visibility(Resource::Agreements).member.is_some() {
        let viewer = without_member(ctx);
        let ids: Vec<AgreementId> = rows.iter().map(|row| row.agreement_id).collect();
        let seen: HashSet<AgreementId> =
            by_ids(ctx.with_viewer(&viewer), &ids, &[agreement::Column::Id])
                .await?
                .into_iter()
                .map(|row| row.id)
                .collect();
        rows.retain(|row| seen.contains(&row.agreement_id));
    }
    Ok(rows)
}
