//! Uses of decisions: the rows of a query over the tables whose rows refer to a decision, not a
//! table.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;

use crate::{
    id::DecisionId,
    kind::{DecisionBody, SubjectKind},
    partial::partial,
};

/// A decision with the activity, agreement or fee schedule that it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decision_use")]
pub struct Model {
    /// Id of the subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    /// Kind of the subject: an activity, an agreement or a fee schedule.
    pub subject_kind: SubjectKind,
    /// The decision.
    pub decision_id: DecisionId,
    /// Body that decided.
    pub body: DecisionBody,
    /// Day of the decision; null: not known.
    pub decided_on: Option<NaiveDate>,
    /// Paragraph of the minutes.
    pub paragraph: Option<String>,
    /// Location of the minutes.
    pub document: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(subject_id: SubjectId, subject_kind: SubjectKind, decision_id: DecisionId, body: Body, decided_on: DecidedOn, paragraph: Paragraph, document: Document);
