//! Status reports on activities, for the board, in a fixed form.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, StatusReportId},
    kind::Health,
    partial::partial,
};

/// A status report on an activity, for the board, in a fixed form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "status_report")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StatusReportId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The reported period, as `2026-T2`.
    pub period: String,
    /// Health of the activity.
    pub health: Health,
    /// Author of the report.
    pub reported_by: String,
    /// Time of the report.
    pub reported_at: DateTimeUtc,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, activity_id: ActivityId, period: Period, health: Health, reported_by: ReportedBy, reported_at: ReportedAt);
