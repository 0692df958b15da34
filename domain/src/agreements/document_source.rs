//! The source of an agreement's document: its template's text with the facts about the agreement,
//! the parties and the terms.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    activity, activity_text,
    agreement::Model,
    id::{ActivityId, AgreementId, MemberId, OrganisationId, TemplateId, TemplateVersionId},
    kind::TemplateState,
    member, member_billing, organisation, template, template_text, template_version,
};
use chrono::NaiveDate;
use documents::agreement as document;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Map, Value};

use super::parameters;
use crate::{
    config::Network,
    context::Context,
    database::among,
    error::{ConflictReason, Error, Result},
    templates::{
        self,
        layout::{self, Heading},
        rendering,
    },
    worker_pool,
};

/// All data that an agreement's document is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// The agreement.
    pub row: Model,
    /// Its template.
    template: template::Model,
    /// The version of the template.
    pub version: template_version::Model,
    text: template_text::Model,
    counterparty: rendering::Party,
    activity: Option<rendering::Activity>,
    parameters: Map<String, Value>,
}

impl Source {
    /// Returns the facts that a template can show.
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

    /// Renders the template's text; `number` is null for a draft.
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

    /// Returns the document; `number` is null for a draft.
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

    /// Fails unless its version can be used for a new agreement.
    ///
    /// # Errors
    /// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
    pub fn require_published(&self) -> Result<()> {
        require_published(&self.template, &self.version)
    }
}

/// Fails unless a version can be used for a new agreement.
///
/// # Errors
/// CONFLICT `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`.
pub(super) fn require_published(
    template: &template::Model,
    version: &template_version::Model,
) -> Result<()> {
    let (reason, words) = match version.state {
        TemplateState::Published => return Ok(()),
        TemplateState::Draft => {
            (ConflictReason::TemplateNotPublished, "is a draft; publish it first")
        }
        TemplateState::Retired => {
            (ConflictReason::TemplateRetired, "is retired; use the template's current version")
        }
    };
    Err(Error::conflict(
        reason,
        format!("version {} of {} {words}", version.version, template.slug),
    ))
}

/// Loads the sources of the documents of these agreements, in one statement for each table. An
/// agreement without a template is omitted.
pub(super) async fn sources(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<Source>> {
    let parameters =
        parameters::parameters_of(db, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let with_parameters = rows.into_iter().map(|row| {
        let values = parameters
            .get(&row.id)
            .and_then(|stored| serde_json::from_str(stored).ok())
            .unwrap_or_default();
        (row, values)
    });
    gather(db, with_parameters.collect()).await
}

/// Loads sources like [`sources`], for agreements and parameters that are not stored yet.
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
    let counterparties = Counterparties::load(
        db,
        ids(|row| row.member_id.map(Into::into)),
        ids(|row| row.organisation_id.map(Into::into)),
    )
    .await?;

    let source = |(row, parameters): (Model, Map<String, Value>)| {
        let version = versions.get(&row.template_version_id?)?.clone();
        Some(Source {
            template: library.get(&version.template_id)?.clone(),
            text: texts.get(&version.id)?.clone(),
            version,
            counterparty: counterparties.of(&row)?,
            activity: row.activity_id.and_then(|id| {
                Some(rendering::Activity::of(activities.get(&id)?, of_activities.get(&id)))
            }),
            parameters,
            row,
        })
    };
    Ok(rows.into_iter().filter_map(source).collect())
}

/// The rows that the counterparties of agreements are described from.
struct Counterparties {
    members: HashMap<MemberId, member::Model>,
    billing: HashMap<MemberId, member_billing::Model>,
    organisations: HashMap<OrganisationId, organisation::Model>,
}

impl Counterparties {
    /// Loads these members and organisations.
    async fn load(
        db: &impl ConnectionTrait,
        members: Vec<uuid::Uuid>,
        organisations: Vec<uuid::Uuid>,
    ) -> Result<Self> {
        use member_billing::Column::MemberId;
        let billing =
            found::<member_billing::Entity>(db, MemberId, members.clone(), |row| row.member_id);
        Ok(Self {
            billing: billing.await?,
            members: found::<member::Entity>(db, member::Column::Id, members, |row| row.id).await?,
            organisations: found::<organisation::Entity>(
                db,
                organisation::Column::Id,
                organisations,
                |row| row.id,
            )
            .await?,
        })
    }

    /// Returns the counterparty of an agreement as its text shows it.
    fn of(&self, row: &Model) -> Option<rendering::Party> {
        if let Some(id) = row.member_id {
            let (member, billing) = (self.members.get(&id)?, self.billing.get(&id));
            return Some(rendering::Party {
                name: member.name.clone(),
                org_number: member.org_number.as_ref().map(ToString::to_string),
                address_line: billing.and_then(|billing| billing.address_line.clone()),
                postal_code: billing.and_then(|billing| billing.postal_code.clone()),
                city: billing.and_then(|billing| billing.city.clone()),
            });
        }
        let other = self.organisations.get(&row.organisation_id?)?;
        Some(rendering::Party {
            name: other.name.clone(),
            org_number: other.org_number.as_ref().map(ToString::to_string),
            address_line: None,
            postal_code: None,
            city: None,
        })
    }
}

/// Loads rows by their keys; runs no statement if there are no ids.
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

/// Returns the documents that these drafts would be offered with today, without a number.
/// Agreements that are not drafts or have no template are omitted.
///
/// # Errors
/// Each document has its own result, INVALID when its parameters do not fit.
pub async fn previews(
    ctx: Context<'_>,
    network: &Network,
    ids: &[AgreementId],
) -> Result<HashMap<AgreementId, Result<document::Agreement>>> {
    use ::entity::partial::PartialRow;
    let rows = super::by_ids(ctx, ids, &Model::every_column()).await?;
    let drafts = rows
        .into_iter()
        .filter(|row| row.offered_at.is_none() && row.withdrawn_on.is_none())
        .collect();
    let today = ctx.clock.today();
    let sources = sources(ctx.db.read(), drafts).await?;
    let network = Arc::new(network.clone());
    let mut documents = HashMap::new();
    // Sequentially, so that a page of drafts takes only one slot of the queue at a time.
    for source in sources {
        let (id, network) = (source.row.id, Arc::clone(&network));
        let document = worker_pool::run(&ctx.viewer.subject, move || {
            Ok(source.document(&network, None, today, "parameters"))
        })
        .await?;
        documents.insert(id, document);
    }
    Ok(documents)
}
