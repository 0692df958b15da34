//! The parameters that agreements are filled in with.

use ::entity::{agreement_parameters, id::AgreementId};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use std::collections::HashMap;

use crate::{database::among, error::Result};

/// Returns the parameters of these agreements' texts, each as a JSON object. An agreement without
/// parameters has no entry.
pub async fn parameters_of(
    db: &impl ConnectionTrait,
    agreements: &[AgreementId],
) -> Result<HashMap<AgreementId, String>> {
    let agreement =
        Expr::col((agreement_parameters::Entity, agreement_parameters::Column::AgreementId));
    let found = agreement_parameters::Entity::find()
        .filter(among(db.get_database_backend(), agreement, agreements.iter().copied()))
        .all(db)
        .await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row.parameters)).collect())
}
