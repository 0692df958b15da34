//! Somebody has seen a deadline and wants to hear no more of it until a day.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AcknowledgementId, AgreementId},
    partial::partial,
};

/// Somebody has seen a deadline and wants to hear no more of it until a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "deadline_acknowledgement")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AcknowledgementId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Who.
    pub acknowledged_by: String,
    /// When.
    pub acknowledged_at: DateTimeUtc,
    /// Last quiet day.
    pub until: NaiveDate,
    /// Why.
    pub note: Option<String>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, agreement_id: AgreementId, acknowledged_by: AcknowledgedBy, acknowledged_at: AcknowledgedAt, until: Until, note: Note);
