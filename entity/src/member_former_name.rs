//! A name that a member had.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::MemberId, partial::partial};

/// A name that a member had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "member_former_name")]
pub struct Model {
    /// The member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: MemberId,
    /// The name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// First day on which it no longer was the name.
    pub until: NaiveDate,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(member_id: MemberId, name: Name, until: Until);
