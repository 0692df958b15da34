//! Decisions (beslut): body, day and paragraph.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::DecisionId, kind::DecisionBody, partial::partial};

/// A decision (beslut): body, day and paragraph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "decision")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DecisionId,
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

partial!(id: Id, body: Body, decided_on: DecidedOn, paragraph: Paragraph, document: Document);
