//! Contact areas (kontaktmannaskap): the geographic areas that share board contacts.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::ContactAreaId, partial::partial};

/// A contact area (kontaktmannaskap): one of the geographic areas that share board contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "contact_area")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContactAreaId,
    /// Its name, unique.
    pub name: String,
    /// Its name folded for search and for Swedish order.
    pub name_key: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, name: Name, name_key: NameKey);
