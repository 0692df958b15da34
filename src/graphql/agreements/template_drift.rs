//! The uniformity of the agreements as the API tells of it.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    agreement,
    id::{AgreementId, TemplateVersionId},
    template_version,
};
use async_graphql::{Context, Description, Enum, Object};

use super::{Agreement, AgreementFilter};
use crate::graphql::{
    batch::BatchRow,
    connection::{self, Column, Connection, ConnectionNode, and, selected_columns},
    cost::cost,
    database,
    templates::AgreementTemplateVersion,
    viewer,
};
use domain::{
    agreements::template_drift::{self, Deviation},
    error::{Result, ValidationErrors},
};

/// Why an agreement is not what the template library would make today.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "template_drift::Reason")]
pub enum TemplateDeviationReason {
    /// It was made from no template.
    NoTemplate,
    /// Its template has a newer published version.
    OldVersion,
    /// Its template has no published version any more.
    NoCurrentVersion,
    /// Its parameters are not those that the current version takes: see `missingParameters` and
    /// `unknownParameters`.
    Parameters,
}

/// An agreement in force that is not what the template library would make today.
#[derive(Description)]
pub struct TemplateDeviation(BatchRow<agreement::Model>);

/// What was found out about the agreements of a page.
struct Found {
    deviations: HashMap<AgreementId, Deviation>,
    versions: HashMap<TemplateVersionId, BatchRow<template_version::Model>>,
}

impl TemplateDeviation {
    fn found(&self) -> Option<(&Found, &Deviation)> {
        let found: &Found = self.0.extra()?;
        Some((found, found.deviations.get(&self.0.id)?))
    }

    fn one(
        &self,
        which: fn(&Deviation) -> &Option<template_version::Model>,
    ) -> Option<AgreementTemplateVersion> {
        let (found, deviation) = self.found()?;
        found.versions.get(&which(deviation).as_ref()?.id).cloned().map(AgreementTemplateVersion)
    }
}

#[Object(use_type_description)]
impl TemplateDeviation {
    /// The agreement.
    async fn agreement(&self) -> Agreement {
        Agreement(self.0.clone())
    }

    /// Why it is here; one at least.
    async fn reasons(&self) -> Vec<TemplateDeviationReason> {
        self.found()
            .into_iter()
            .flat_map(|(_, deviation)| &deviation.reasons)
            .map(|reason| (*reason).into())
            .collect()
    }

    /// The version that it was made from; null when it was made from none.
    async fn version(&self) -> Option<AgreementTemplateVersion> {
        self.one(|deviation| &deviation.version)
    }

    /// The version that it would be made from today; null when its template has none, or it was
    /// made from no template.
    async fn current(&self) -> Option<AgreementTemplateVersion> {
        self.one(|deviation| &deviation.current)
    }

    /// Names of the parameters that the current version needs and the agreement lacks, in the order
    /// of the form.
    async fn missing_parameters(&self) -> &[String] {
        self.found().map(|(_, deviation)| deviation.missing.as_slice()).unwrap_or_default()
    }

    /// Names of the parameters that the agreement has and the current version does not take.
    async fn unknown_parameters(&self) -> &[String] {
        self.found().map(|(_, deviation)| deviation.unknown.as_slice()).unwrap_or_default()
    }

    /// Names of the parameters that the agreement has otherwise than the current version would, in
    /// the order of the form: the value is of another type than that takes or out of its bounds, or
    /// the agreement left it to a default that is another one now.
    async fn differing_parameters(&self) -> &[String] {
        self.found().map(|(_, deviation)| deviation.differing.as_slice()).unwrap_or_default()
    }

    /// What the text of its version and that of the current one differ in, as a unified diff of
    /// their lines: empty when only the parameters do, null when there are not two versions to
    /// compare.
    async fn diff(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let pair = |deviation: &Deviation| {
            let (version, current) = (deviation.version.as_ref()?, deviation.current.as_ref()?);
            (version.id != current.id).then_some((version.id, current.id))
        };
        let (found, own) = self.found()?;
        let own = pair(own)?;
        let diffs = self.0.load(ctx, "", async {
            let pairs: Vec<_> = found
                .deviations
                .values()
                .filter(|deviation| pair(deviation).is_some())
                .filter_map(|deviation| {
                    Some((deviation.version.as_ref()?, deviation.current.as_ref()?))
                })
                .collect();
            template_drift::diffs(database(ctx), viewer(ctx), &pairs).await
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

    fn columns(_: &str) -> &'static [Column<Self::Row>] {
        &[]
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[agreement::Column::Id, agreement::Column::TemplateVersionId]
    }
}

/// Questions about the uniformity of the agreements.
#[derive(Default)]
pub struct ConsistencyQuery;

#[Object]
impl ConsistencyQuery {
    /// How uniform the agreements are: those in force on the filter's `asOf` (today when left out)
    /// that are not what the template library would make today, by number. They are on an old
    /// version, without a template, or have other parameters than the current version takes.
    #[graphql(directive = cost::apply("500".into()))]
    async fn template_consistency(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which agreements; all when left out")] filter: Option<AgreementFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<TemplateDeviation>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (db, viewer_, args) =
            (database(ctx), viewer(ctx), connection::args(first, after, last, before));
        let columns = selected_columns::<Agreement>(
            ctx,
            &[&["edges", "node", "agreement"], &["nodes", "agreement"]],
        );
        let columns = and(columns, agreement::Column::TemplateVersionId);
        let slice = template_drift::list(db, viewer_, &filter, &args, &columns, errors).await?;

        let paths: [&[&str]; 4] = [
            &["edges", "node", "version"],
            &["edges", "node", "current"],
            &["nodes", "version"],
            &["nodes", "current"],
        ];
        let columns = selected_columns::<AgreementTemplateVersion>(ctx, &paths);
        let columns = and(
            and(columns, template_version::Column::TemplateId),
            template_version::Column::Version,
        );
        let agreements: Vec<_> =
            slice.rows.iter().map(|(_, row)| (row.id, row.template_version_id)).collect();
        let deviations = template_drift::deviations_of(db, viewer_, &agreements, &columns).await?;
        let each = deviations
            .values()
            .flat_map(|deviation| [&deviation.version, &deviation.current])
            .flatten();
        let versions: HashMap<_, _> = each.map(|version| (version.id, version.clone())).collect();
        let versions = BatchRow::each(versions.into_values().collect())
            .into_iter()
            .map(|version| (version.id, version))
            .collect();

        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(
                async move { template_drift::count(database(ctx), viewer(ctx), &filter).await },
            )
        });
        Ok(Connection::with_extra(slice, Found { deviations, versions }, count))
    }
}
