//! Rows of the diary (diarium). It has no table of its own: a statement unites the tables of what
//! has a registry number under this name.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;

use crate::partial::partial;

/// A record with a registry number.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "diary_entry")]
pub struct Model {
    /// Identifier of the record.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Type of the record, as the word in global ids.
    pub node_type: String,
    /// Day on which it got its number.
    pub registered_on: NaiveDate,
    /// Its number.
    pub number: String,
    /// Its title, or the name of its kind in Swedish.
    pub title: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, node_type: NodeType, registered_on: RegisteredOn, number: Number, title: Title);
