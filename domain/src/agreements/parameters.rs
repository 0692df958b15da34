//! Reads the parameters that agreements are filled in with, and the payment terms among them.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement, agreement_parameters,
    id::{AgreementId, TemplateVersionId},
    template_text,
};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};
use serde_json::{Map, Value};

use super::payment_terms::PaymentTerms;
use crate::{
    database::{among, rows},
    error::Result,
    templates,
};

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

/// Returns the payment terms of these agreements, in three statements. An agreement without a text
/// has no entry.
///
/// # Errors
/// INTERNAL when a template's stored parameters can't be parsed.
pub async fn payment_terms_of(
    db: &impl ConnectionTrait,
    agreements: BTreeSet<AgreementId>,
) -> Result<HashMap<AgreementId, PaymentTerms>> {
    use agreement::Column as C;
    if agreements.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = db.get_database_backend();
    let columns = [C::Id, C::TemplateVersionId];
    let theirs = among(backend, Expr::col(C::Id), agreements);
    let select = Query::select().columns(columns).from(agreement::Entity).and_where(theirs).take();
    let found: Vec<agreement::Model> = rows(db, &select, &columns).await?;
    let made_from: HashMap<AgreementId, TemplateVersionId> =
        found.into_iter().filter_map(|row| Some((row.id, row.template_version_id?))).collect();
    if made_from.is_empty() {
        return Ok(HashMap::new());
    }
    let versions: BTreeSet<TemplateVersionId> = made_from.values().copied().collect();
    let texts = template_text::Entity::find()
        .filter(among(backend, Expr::col(template_text::Column::VersionId), versions))
        .all(db)
        .await?;
    let mut declared = HashMap::new();
    for text in texts {
        declared.insert(text.version_id, templates::parameters(&text.parameters)?);
    }
    let theirs = among(
        backend,
        Expr::col(agreement_parameters::Column::AgreementId),
        made_from.keys().copied(),
    );
    let values = agreement_parameters::Entity::find().filter(theirs).all(db).await?;
    let values: HashMap<AgreementId, Map<String, Value>> = values
        .into_iter()
        .map(|row| (row.agreement_id, serde_json::from_str(&row.parameters).unwrap_or_default()))
        .collect();
    let (none, empty) = (Vec::new(), Map::new());
    let terms = |(id, version): (AgreementId, TemplateVersionId)| {
        (
            id,
            PaymentTerms::read(
                declared.get(&version).unwrap_or(&none),
                values.get(&id).unwrap_or(&empty),
            ),
        )
    };
    Ok(made_from.into_iter().map(terms).collect())
}
