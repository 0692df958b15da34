//! Writing of imported agreements.

use std::collections::{BTreeSet, HashMap};

use ::entity::{agreement, agreement_parameters, id::AgreementId};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};

use super::super::{
    bulk_insert::{Batch, insert, replace},
    import::session::Import,
    key_resolution,
};
use crate::{
    agreements::loading,
    audit::forms::{self, Agreement as Aggregate},
    database::among,
    error::Result,
};

/// Writes agreements with their parameters.
pub(super) async fn write(tx: &impl ConnectionTrait, batch: Batch<Aggregate>) -> Result<()> {
    let all = || batch.changed.iter().chain(&batch.added);
    let row = |aggregate: &Aggregate| {
        Some(agreement_parameters::Model {
            agreement_id: aggregate.row.id,
            parameters: aggregate.parameters.clone()?,
        })
    };
    let parameters: Vec<_> = all().filter_map(row).collect();
    let without: Vec<AgreementId> = batch
        .changed
        .iter()
        .filter(|aggregate| aggregate.parameters.is_none())
        .map(|aggregate| aggregate.row.id)
        .collect();
    if !without.is_empty() {
        let theirs = among(
            tx.get_database_backend(),
            Expr::col(agreement_parameters::Column::AgreementId),
            without,
        );
        agreement_parameters::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    rewrite(tx, batch.changed.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    insert(tx, batch.added.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    replace(tx, parameters).await
}

/// Replaces stored rows. Those whose document is stored are replaced one by one, since the database
/// allows only an UPDATE of them.
async fn rewrite(tx: &impl ConnectionTrait, rows: Vec<agreement::Model>) -> Result<()> {
    let frozen = loading::with_document(tx, rows.iter().map(|row| row.id).collect()).await?;
    let (frozen_rows, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| frozen.contains(&row.id));
    for row in frozen_rows {
        agreement::Entity::update(row.into_active_model().reset_all()).validate()?.exec(tx).await?;
    }
    replace(tx, others).await
}

/// Writes the first day of a signed successor into the agreements that it replaces.
pub(super) async fn link_predecessors(
    import: &mut Import<'_>,
    predecessors: BTreeSet<AgreementId>,
) -> Result<()> {
    if predecessors.is_empty() {
        return Ok(());
    }
    let theirs = among(
        import.tx().get_database_backend(),
        Expr::col(agreement::Column::ReplacesId),
        predecessors.iter().copied(),
    );
    let successors = agreement::Entity::find().filter(theirs).all(import.tx()).await?;
    let replaced_from: HashMap<AgreementId, NaiveDate> = successors
        .into_iter()
        .filter(|row| row.signed_on.is_some() && row.withdrawn_on.is_none())
        .filter_map(|row| Some((row.replaces_id?, row.starts_on)))
        .collect();
    let rows = key_resolution::by_ids::<agreement::Model>(
        import.tx(),
        predecessors.into_iter().map(Into::into).collect(),
    )
    .await?;
    let mut changed = Vec::new();
    let is_due = |row: &agreement::Model| row.replaced_from != replaced_from.get(&row.id).copied();
    for before in
        forms::agreements(import.tx(), rows.into_values().filter(is_due).collect()).await?
    {
        let row = agreement::Model {
            replaced_from: replaced_from.get(&before.row.id).copied(),
            ..before.row.clone()
        };
        let after = Aggregate { row, ..before.clone() };
        import.change.record(Some(&before), Some(&after))?;
        changed.push(after.row);
    }
    rewrite(import.tx(), changed).await
}
