//! A cost of an activity.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, CostId},
    money::Money,
    sparse::sparse,
};

/// A cost of an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "cost")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CostId,
    /// The activity.
    pub activity_id: ActivityId,
    /// Day in the books.
    pub booked_on: NaiveDate,
    /// Öre; negative when a cost is taken back.
    pub amount: Money,
    /// What for.
    pub description: String,
    /// 1 for the first cost with this activity, day and description, 2 for the next: with them it names the row to the importer.
    pub occurrence: i32,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

sparse!(id: Id, activity_id: ActivityId, booked_on: BookedOn, amount: Amount, description: Description, occurrence: Occurrence);
