//! Long texts of status reports, in a separate table so that lists of reports do not load them.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::StatusReportId;

/// The long texts of a status report, in a separate table so that lists of reports do not load
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "status_report_text")]
pub struct Model {
    /// The report. The audit trail records these texts with the report.
    #[sea_orm(primary_key, auto_increment = false)]
    #[serde(skip)]
    pub status_report_id: StatusReportId,
    /// Summary.
    pub summary: String,
    /// Deviations from the plan.
    pub deviations: Option<String>,
    /// Next steps.
    pub next_steps: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
