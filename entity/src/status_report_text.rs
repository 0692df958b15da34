//! The long texts of a status report, in a table of their own so that lists of reports never drag
//! them along.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::StatusReportId;

/// The long texts of a status report, in a table of their own so that lists of reports never drag
/// them along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "status_report_text")]
pub struct Model {
    /// The report. The audit trail tells of it in the report's own row.
    #[sea_orm(primary_key, auto_increment = false)]
    #[serde(skip)]
    pub status_report_id: StatusReportId,
    /// In a few words.
    pub summary: String,
    /// What went otherwise.
    pub deviations: Option<String>,
    /// What comes next.
    pub next_steps: Option<String>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
