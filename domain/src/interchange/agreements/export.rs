//! The export of agreements.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{agreement, agreement_parameters, id::AgreementId, template, template_version};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::super::{
    File,
    export::session::{Export, PAGE_SIZE, instant, key_in, optional},
    key_resolution,
    keyed_rows::Keyed,
};
use crate::{database::among, error::Result};

/// Writes agreements.csv.
pub(in crate::interchange) async fn export(export: &mut Export<'_>) -> Result<()> {
    let slugs: HashMap<_, _> = template::Entity::find()
        .all(&export.tx)
        .await?
        .into_iter()
        .map(|row| (row.id, row.slug))
        .collect();
    let versions: HashMap<_, _> = template_version::Entity::find()
        .all(&export.tx)
        .await?
        .into_iter()
        .map(|row| (row.id, (row.template_id, row.version)))
        .collect();
    let order = export.in_order_of_keys::<agreement::Model>().await?;
    let mut sheet = export.begin(File::Agreements, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<agreement::Model> = export.rows(ids).await?;
        let replaced = key_resolution::keys_of::<agreement::Model>(
            &export.tx,
            rows.iter().filter_map(|row| row.replaces_id).map(Into::into).collect(),
        )
        .await?;
        let mut parameters =
            parameters_of(&export.tx, rows.iter().map(|row| row.id).collect()).await?;
        for row in rows {
            let version = row.template_version_id.and_then(|id| versions.get(&id));
            sheet.write([
                row.key(),
                optional(row.number),
                row.kind.to_string(),
                row.direction.to_string(),
                export.activity(row.activity_id),
                export.party(row.member_id, row.organisation_id),
                optional(version.and_then(|(template, _)| slugs.get(template))),
                optional(version.map(|(_, version)| version)),
                row.starts_on.to_string(),
                optional(row.ends_on),
                row.notice_months.to_string(),
                optional(row.renewal_months),
                optional(row.offered_at.map(instant)),
                optional(row.signed_on),
                optional(row.notice_given_on),
                optional(row.fee_basis),
                optional(row.fee_amount),
                optional(row.fee_per_mille),
                optional(row.vat_rate),
                optional(row.withdrawn_on),
                optional(row.termination_reason),
                key_in(&replaced, row.replaces_id),
                optional(parameters.remove(&row.id)),
                optional(row.fee_cap),
                optional(row.fee_minimum),
                optional(row.fee_allocation_basis),
                optional(row.notice_end_decided_on),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Returns the parameters of these agreements.
async fn parameters_of(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<AgreementId>,
) -> Result<HashMap<AgreementId, String>> {
    let theirs =
        among(tx.get_database_backend(), Expr::col(agreement_parameters::Column::AgreementId), ids);
    let found = agreement_parameters::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row.parameters)).collect())
}
