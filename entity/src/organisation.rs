//! Any counterparty that is no member: authority, company, university, consultant.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::OrganisationId, number::OrgNumber, sparse::sparse};

/// Any counterparty that is no member: authority, company, university, consultant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "organisation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrganisationId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// Its name.
    pub name: String,
    /// Its name folded for search and for Swedish order.
    pub name_key: String,
    /// Null when not known.
    pub org_number: Option<OrgNumber>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

sparse!(id: Id, import_key: ImportKey, name: Name, name_key: NameKey, org_number: OrgNumber);
