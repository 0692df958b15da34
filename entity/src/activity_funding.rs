//! Sources of funding of activities.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::ActivityId, kind::FundingKind, partial::partial};

/// A source of funding of an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "activity_funding")]
pub struct Model {
    /// The activity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_id: ActivityId,
    /// Kind of funding.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: FundingKind,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(activity_id: ActivityId, kind: Kind);
