//! Activities (verksamheter) that the network runs.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, ContactId, DecisionId},
    partial::partial,
};

/// An activity (verksamhet) that the network runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActivityId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// Short name for URLs and filters, unique.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its name folded for search and for Swedish order.
    pub name_key: String,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Contact on the board who is responsible for it.
    pub board_contact_id: Option<ContactId>,
    /// Contact who leads it.
    pub lead_contact_id: Option<ContactId>,
    /// Decision to start it.
    pub decision_id: Option<DecisionId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, slug: Slug, name: Name, name_key: NameKey, starts_on: StartsOn, ends_on: EndsOn, board_contact_id: BoardContactId, lead_contact_id: LeadContactId, decision_id: DecisionId);
