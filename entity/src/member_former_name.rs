//! Former names of members.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::MemberId, partial::partial};

/// A former name of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "member_former_name")]
pub struct Model {
    /// The member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: MemberId,
    /// The name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// First day on which it was no longer the name.
    pub until: NaiveDate,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(member_id: MemberId, name: Name, until: Until);
