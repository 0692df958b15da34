//! The long texts of an activity, in a table of their own so that lists of activities never drag
//! them along.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::ActivityId;

/// The long texts of an activity, in a table of their own so that lists of activities never drag
/// them along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "activity_text")]
pub struct Model {
    /// The activity. The audit trail tells of it in the activity's own row.
    #[sea_orm(primary_key, auto_increment = false)]
    #[serde(skip)]
    pub activity_id: ActivityId,
    /// Syfte.
    pub purpose: Option<String>,
    /// Mål.
    pub goal: Option<String>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
