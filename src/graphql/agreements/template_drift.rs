//! GraphQL types of template drift: agreements that differ from the current template
//! versions.

use std::collections::HashMap;

use ::entity::{
    agreement,
    id::{AgreementId, TemplateVersionId},
    template_version,
};
use async_graphql::{Context, Description, Enum, Object};

use super::types::Agreement;
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{Column, ConnectionNode, ListPage, and, selected_columns},
    templates::types::AgreementTemplateVersion,
};
use domain::{
    agreements::{
        self,
        template_deviation::{self, Deviation},
        template_drift,
    },
    error::Result,
    page::PageRequest,
};

/// Reason for which an agreement differs from the current template version.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "template_deviation::Reason")]
pub enum TemplateDeviationReason {
    /// It has no template.
    NoTemplate,
    /// Its template has a newer published version.
    OldVersion,
    /// Its template no longer has a published version.
    NoCurrentVersion,
    /// Its parameters differ from those of the current version: see `missingParameters`,
    /// `unknownParameters` and `differingParameters`.
    Parameters,
}

/// An agreement in force that differs from what its template would produce today.
#[derive(Description)]
pub struct TemplateDeviation(BatchRow<agreement::Model>);

/// Deviations of the agreements of a page.
struct PageDeviations {
    deviations: HashMap<AgreementId, Deviation>,
    versions: HashMap<TemplateVersionId, BatchRow<template_version::Model>>,
}

impl TemplateDeviation {
    fn deviation(&self) -> Option<(&PageDeviations, &Deviation)> {
        let found: &PageDeviations = self.0.extra()?;
        Some((found, found.deviations.get(&self.0.id)?))
    }

    fn one(
        &self,
        which: fn(&Deviation) -> &Option<template_version::Model>,
    ) -> Option<AgreementTemplateVersion> {
        let (found, deviation) = self.deviation()?;
        found.versions.get(&which(deviation).as_ref()?.id).cloned().map(AgreementTemplateVersion)
    }
}

#[Object(use_type_description)]
impl TemplateDeviation {
    /// The agreement.
    async fn agreement(&self) -> Agreement {
        Agreement(self.0.clone())
    }

    /// Reasons of the deviation; at least one.
    async fn reasons(&self) -> Vec<TemplateDeviationReason> {
        self.deviation()
            .into_iter()
            .flat_map(|(_, deviation)| &deviation.reasons)
            .map(|reason| (*reason).into())
            .collect()
    }

    /// Template version of the agreement; null when it has no template.
    async fn version(&self) -> Option<AgreementTemplateVersion> {
        self.one(|deviation| &deviation.version)
    }

    /// Template version that a new agreement would get today; null when its template has none, or
    /// it has no template.
    async fn current_version(&self) -> Option<AgreementTemplateVersion> {
        self.one(|deviation| &deviation.current)
    }

    /// Names of the parameters that the current version requires and the agreement lacks, in the
    /// order of the form.
    async fn missing_parameters(&self) -> &[String] {
        self.deviation().map(|(_, deviation)| deviation.missing.as_slice()).unwrap_or_default()
    }

    /// Names of the parameters of the agreement that the current version does not declare.
    async fn unknown_parameters(&self) -> &[String] {
        self.deviation().map(|(_, deviation)| deviation.unknown.as_slice()).unwrap_or_default()
    }

    /// Names of the parameters whose value would differ under the current version, in the order of
    /// the form: the value has another type or is out of bounds, or the agreement relied on a
    /// default that has changed.
    async fn differing_parameters(&self) -> &[String] {
        self.deviation().map(|(_, deviation)| deviation.differing.as_slice()).unwrap_or_default()
    }

    /// Unified diff of the lines of its version's text and the current one: empty when only the
    /// parameters differ, null when there are not two versions to compare.
    async fn diff(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let pair = |deviation: &Deviation| {
            let (version, current) = (deviation.version.as_ref()?, deviation.current.as_ref()?);
            (version.id != current.id).then_some((version.id, current.id))
        };
        let (found, own) = self.deviation()?;
        let own = pair(own)?;
        let diffs = self.0.load(ctx, "", || async {
            let pairs: Vec<_> = found
                .deviations
                .values()
                .filter(|deviation| pair(deviation).is_some())
                .filter_map(|deviation| {
                    Some((deviation.version.as_ref()?, deviation.current.as_ref()?))
                })
                .collect();
            template_drift::diffs(caller(ctx), &pairs).await
        });
        match diffs.await {
            Ok(diffs) => diffs.get(&own).cloned().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

impl ConnectionNode for TemplateDeviation {
    type Row = agreement::Model;
    const NAME: &'static str = "TemplateDeviation";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(_: &str) -> Option<&'static [Column<Self::Row>]> {
        Some(&[])
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[agreement::Column::Id, agreement::Column::TemplateVersionId]
    }
}

/// Returns a page of deviating agreements, with their deviations.
pub(super) async fn page(
    ctx: &Context<'_>,
    filter: &agreements::Filter,
    requested: &PageRequest<agreement::Model>,
) -> Result<ListPage<agreement::Model>> {
    let caller = caller(ctx);
    let slice = template_drift::list(caller, filter, requested).await?;

    let paths: [&[&str]; 4] = [
        &["edges", "node", "version"],
        &["edges", "node", "currentVersion"],
        &["nodes", "version"],
        &["nodes", "currentVersion"],
    ];
    let columns = selected_columns::<AgreementTemplateVersion>(ctx, &paths);
    let columns =
        and(and(columns, template_version::Column::TemplateId), template_version::Column::Version);
    let agreements: Vec<_> =
        slice.rows.iter().map(|(_, row)| (row.id, row.template_version_id)).collect();
    let deviations = template_drift::deviations_of(caller, &agreements, &columns).await?;
    let each = deviations
        .values()
        .flat_map(|deviation| [&deviation.version, &deviation.current])
        .flatten();
    let versions: HashMap<_, _> = each.map(|version| (version.id, version.clone())).collect();
    let versions = BatchRow::each(versions.into_values().collect())
        .into_iter()
        .map(|version| (version.id, version))
        .collect();
    Ok(ListPage::with_extra(slice, PageDeviations { deviations, versions }))
}
