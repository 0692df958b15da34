//! How an activity is going, told to the board in a fixed form.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, StatusReportId},
    kind::Health,
    partial::partial,
};

/// How an activity is going, told to the board in a fixed form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "status_report")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StatusReportId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The period told about, as `2026-T2`.
    pub period: String,
    /// In one word.
    pub health: Health,
    /// Who told.
    pub reported_by: String,
    /// When.
    pub reported_at: DateTimeUtc,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, activity_id: ActivityId, period: Period, health: Health, reported_by: ReportedBy, reported_at: ReportedAt);
