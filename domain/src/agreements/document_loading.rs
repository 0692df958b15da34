//! Loads the sources of agreements' documents, in one statement for each table.

use std::collections::HashMap;

use ::entity::{
    activity, activity_text,
    agreement::Model,
    id::{ActivityId, MemberId, OrganisationId, TemplateId, TemplateVersionId},
    member, member_billing, organisation, template, template_text, template_version,
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Map, Value};

use super::{document_source::Source, parameters};
use crate::{database::among, error::Result, templates::rendering};

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
