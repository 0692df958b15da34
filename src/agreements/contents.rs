//! What an agreement is made of beside its row: the parameters and the text that it was offered with, and who signed it.
//!
//! Whoever sees an agreement sees all of this, so the viewer must be known to see the agreements.

use std::collections::HashMap;

use ::entity::{agreement_document, agreement_parameters, id::AgreementId, signature};
use sea_orm::{
    EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use crate::{
    database::{Database, among, rows},
    error::Result,
};

/// What the text of each of these agreements was filled in with: a JSON object; an agreement without parameters is left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn parameters_of(db: &Database, agreements: &[AgreementId]) -> Result<HashMap<AgreementId, String>> {
    let agreement = Expr::col((agreement_parameters::Entity, agreement_parameters::Column::AgreementId));
    let found =
        agreement_parameters::Entity::find().filter(among(db.backend(), agreement, agreements.iter().copied())).all(db.read()).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row.parameters)).collect())
}

/// The text of each of these agreements, frozen when it was offered; one without is left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn documents_of(
    db: &Database,
    agreements: &[AgreementId],
    columns: &[agreement_document::Column],
) -> Result<HashMap<AgreementId, agreement_document::Model>> {
    let agreement = Expr::col((agreement_document::Entity, agreement_document::Column::AgreementId));
    let select = Query::select()
        .from(agreement_document::Entity)
        .columns(columns.iter().map(|column| (agreement_document::Entity, *column)))
        .and_where(among(db.backend(), agreement, agreements.iter().copied()))
        .take();
    let found: Vec<agreement_document::Model> = rows(db.read(), &select, columns).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row)).collect())
}

/// The signatures under these agreements, in the order that they were set.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn signatures_of(db: &Database, agreements: &[AgreementId]) -> Result<Vec<signature::Model>> {
    let agreement = Expr::col((signature::Entity, signature::Column::AgreementId));
    Ok(signature::Entity::find()
        .filter(among(db.backend(), agreement, agreements.iter().copied()))
        .order_by_asc(signature::Column::SignedOn)
        .order_by_asc(signature::Column::Id)
        .all(db.read())
        .await?)
}
