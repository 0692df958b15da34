//! Municipalities (kommuner) of members.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::MemberId, partial::partial};

/// A municipality (kommun) of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "member_municipality")]
pub struct Model {
    /// The member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: MemberId,
    /// The municipality's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub municipality: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(member_id: MemberId, municipality: Municipality);
