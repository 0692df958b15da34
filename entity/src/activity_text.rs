//! Long texts of activities, in a separate table so that lists of activities do not load them.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::ActivityId;

/// The long texts of an activity, in a separate table so that lists of activities do not load them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "activity_text")]
pub struct Model {
    /// The activity. The audit trail records these texts with the activity.
    #[sea_orm(primary_key, auto_increment = false)]
    #[serde(skip)]
    pub activity_id: ActivityId,
    /// Syfte.
    pub purpose: Option<String>,
    /// Mål.
    pub goal: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
