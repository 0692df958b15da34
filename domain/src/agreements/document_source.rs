//! What an agreement's document says: its template's text with the facts of the register, the
//! parties and the terms.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    activity, activity_text,
    agreement::Model,
    id::{ActivityId, AgreementId, MemberId, OrganisationId, TemplateId, TemplateVersionId},
    kind::TemplateState,
    member, member_billing, organisation, template, template_text, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Map, Value};

use super::documents;
use crate::{
    config::Network,
    database::among,
    documents::agreement as document,
    error::{Error, Result},
    templates::{
        self,
        layout::{self, Heading},
        rendering,
    },
    worker_pool,
};

/// Everything that an agreement's document is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// The agreement.
    pub row: Model,
    /// Its template.
    template: template::Model,
    /// Its version of it.
    pub version: template_version::Model,
    text: template_text::Model,
    counterparty: rendering::Party,
    activity: Option<rendering::Activity>,
    parameters: Map<String, Value>,
}

impl Source {
    /// What a template may tell of the agreement.
    fn facts(&self, network: &Network, number: Option<&str>) -> rendering::Facts {
        let row = &self.row;
        let fee = row.fee_basis.zip(row.vat_rate).map(|(basis, vat_rate)| rendering::Fee {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap: row.fee_cap,
            minimum: row.fee_minimum,
            allocation_basis: row.fee_allocation_basis.unwrap_or_default(),
            vat_rate,
        });
        rendering::Facts {
            network: rendering::Party::network(network),
            counterparty: self.counterparty.clone(),
            is_member: row.member_id.is_some(),
            activity: self.activity.clone(),
            agreement: rendering::Agreement {
                number: number.map(str::to_owned),
                starts_on: row.starts_on,
                ends_on: row.ends_on,
                notice_months: row.notice_months,
                renewal_months: row.renewal_months,
            },
            fee,
        }
    }

    /// The template's text, filled in; `number` is null for a draft.
    ///
    /// # Errors
    /// INVALID naming every missing, unknown and ill-typed parameter as `<path>.<name>`.
    pub fn body(&self, network: &Network, number: Option<&str>, path: &str) -> Result<String> {
        let declared = templates::parameters(&self.text.parameters)?;
        rendering::text(
            &self.text.body,
            &declared,
            &self.parameters,
            &self.facts(network, number),
            path,
        )
    }

    /// The document; `number` is null for a draft.
    ///
    /// # Errors
    /// As [`Source::body`].
    pub fn document(
        &self,
        network: &Network,
        number: Option<&str>,
        dated: NaiveDate,
        path: &str,
    ) -> Result<document::Agreement> {
        let heading = Heading {
            title: self.template.title.clone(),
            kind: self.row.kind,
            direction: self.row.direction,
            language: self.version.language.clone(),
        };
        let body = self.body(network, number, path)?;
        Ok(layout::document(
            heading,
            number.map(str::to_owned),
            &self.facts(network, number),
            body,
            dated,
        ))
    }

    /// Whether its version may be used for a new agreement.
    ///
    /// # Errors
    /// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
    pub fn require_published(&self) -> Result<()> {
        require_published(&self.template, &self.version)
    }
}

/// Whether a version may be used for a new agreement.
///
/// # Errors
/// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
pub(super) fn require_published(
    template: &template::Model,
    version: &template_version::Model,
) -> Result<()> {
    let (reason, words) = match version.state {
        TemplateState::Published => return Ok(()),
        TemplateState::Draft => ("TEMPLATE_NOT_PUBLISHED", "is a draft; publish it first"),
        TemplateState::Retired => {
            ("TEMPLATE_RETIRED", "is retired; use the template's current version")
        }
    };
    Err(Error::conflict(
        reason,
        format!("version {} of {} {words}", version.version, template.slug),
    ))
}

/// What the documents of these agreements are made of, by a statement for each table; one without a
/// template is left out.
///
/// # Errors
/// INTERNAL when the database fails, or refers to what is not there.
pub(super) async fn sources(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<Source>> {
    let parameters =
        documents::parameters_of(db, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let with_parameters = rows.into_iter().map(|row| {
        let given = parameters
            .get(&row.id)
            .and_then(|stored| serde_json::from_str(stored).ok())
            .unwrap_or_default();
        (row, given)
    });
    gather(db, with_parameters.collect()).await
}

/// Like [`sources`], for agreements and parameters that are not stored yet.
pub(super) async fn gather(
    db: &impl ConnectionTrait,
    rows: Vec<(Model, Map<String, Value>)>,
) -> Result<Vec<Source>> {
    let ids = |of: fn(&Model) -> Option<uuid::Uuid>| {
        rows.iter().filter_map(|(row, _)| of(row)).collect::<Vec<_>>()
    };
    let versions: HashMap<TemplateVersionId, _> = found::<template_version::Entity>(
        db,
        template_version::Column::Id,
        ids(|row| row.template_version_id.map(Into::into)),
        |row| row.id,
    )
    .await?;
    let texts: HashMap<TemplateVersionId, _> = found::<template_text::Entity>(
        db,
        template_text::Column::VersionId,
        ids(|row| row.template_version_id.map(Into::into)),
        |row| row.version_id,
    )
    .await?;
    let of_versions = versions
        .values()
        .map(|version: &template_version::Model| version.template_id.into())
        .collect();
    let library: HashMap<TemplateId, _> =
        found::<template::Entity>(db, template::Column::Id, of_versions, |row| row.id).await?;
    let activities: HashMap<ActivityId, _> = found::<activity::Entity>(
        db,
        activity::Column::Id,
        ids(|row| row.activity_id.map(Into::into)),
        |row| row.id,
    )
    .await?;
    let of_activities: HashMap<ActivityId, _> = found::<activity_text::Entity>(
        db,
        activity_text::Column::ActivityId,
        ids(|row| row.activity_id.map(Into::into)),
        |row| row.activity_id,
    )
    .await?;
    let members: HashMap<MemberId, _> = found::<member::Entity>(
        db,
        member::Column::Id,
        ids(|row| row.member_id.map(Into::into)),
        |row| row.id,
    )
    .await?;
    let billing: HashMap<MemberId, _> = found::<member_billing::Entity>(
        db,
        member_billing::Column::MemberId,
        ids(|row| row.member_id.map(Into::into)),
        |row| row.member_id,
    )
    .await?;
    let others: HashMap<OrganisationId, _> = found::<organisation::Entity>(
        db,
        organisation::Column::Id,
        ids(|row| row.organisation_id.map(Into::into)),
        |row| row.id,
    )
    .await?;

    let party = |row: &Model| {
        if let Some(id) = row.member_id {
            let (member, billing) = (members.get(&id)?, billing.get(&id));
            return Some(rendering::Party {
                name: member.name.clone(),
                org_number: member.org_number.as_ref().map(ToString::to_string),
                address_line: billing.and_then(|billing| billing.address_line.clone()),
                postal_code: billing.and_then(|billing| billing.postal_code.clone()),
                city: billing.and_then(|billing| billing.city.clone()),
            });
        }
        let other = others.get(&row.organisation_id?)?;
        let org_number = other.org_number.as_ref().map(ToString::to_string);
        Some(rendering::Party {
            name: other.name.clone(),
            org_number,
            address_line: None,
            postal_code: None,
            city: None,
        })
    };
    let source = |(row, parameters): (Model, Map<String, Value>)| {
        let version = versions.get(&row.template_version_id?)?.clone();
        Some(Source {
            template: library.get(&version.template_id)?.clone(),
            text: texts.get(&version.id)?.clone(),
            version,
            counterparty: party(&row)?,
            activity: row.activity_id.and_then(|id| {
                Some(rendering::Activity::of(activities.get(&id)?, of_activities.get(&id)))
            }),
            parameters,
            row,
        })
    };
    Ok(rows.into_iter().filter_map(source).collect())
}

/// Rows by their keys; no statement when there are none to be found.
async fn found<E: EntityTrait>(
    db: &impl ConnectionTrait,
    column: E::Column,
    ids: Vec<uuid::Uuid>,
    key: fn(&E::Model) -> <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType,
) -> Result<HashMap<<E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType, E::Model>>
where
    <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: std::hash::Hash + Eq,
{
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = E::find()
        .filter(among(db.get_database_backend(), Expr::col((E::default(), column)), ids))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
}

/// The documents that these drafts would be offered with, today and without a number; what is no
/// draft is left out, and what was made from no template.
///
/// # Errors
/// INTERNAL when the database fails; each document by itself INVALID when its parameters do not
/// fit.
pub async fn previews(
    db: &crate::database::Database,
    viewer: &crate::auth::viewer::Viewer,
    network: &Network,
    ids: &[AgreementId],
) -> Result<HashMap<AgreementId, Result<document::Agreement>>> {
    use ::entity::partial::PartialRow;
    let rows = super::by_ids(db, viewer, ids, &Model::every_column()).await?;
    let drafts = rows
        .into_iter()
        .filter(|row| row.offered_at.is_none() && row.withdrawn_on.is_none())
        .collect();
    let today = db.clock.today();
    let sources = sources(db.read(), drafts).await?;
    let network = Arc::new(network.clone());
    let mut documents = HashMap::new();
    // One after the other, so that a page of drafts takes one place in the queue at a time.
    for source in sources {
        let (id, network) = (source.row.id, Arc::clone(&network));
        let document = worker_pool::run(&viewer.subject, move || {
            Ok(source.document(&network, None, today, "parameters"))
        })
        .await?;
        documents.insert(id, document);
    }
    Ok(documents)
}
