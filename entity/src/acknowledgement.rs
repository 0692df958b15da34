//! Acknowledgements of deadlines: a user has seen a deadline and snoozes it until a day.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AcknowledgementId, AgreementId},
    partial::partial,
};

/// An acknowledgement of a deadline, which snoozes it until a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "deadline_acknowledgement")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AcknowledgementId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Subject of the token of the user who acknowledged it.
    pub acknowledged_by: String,
    /// Time of the acknowledgement.
    pub acknowledged_at: DateTimeUtc,
    /// Last day of the snooze.
    pub until: NaiveDate,
    /// Note of the user.
    pub note: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, agreement_id: AgreementId, acknowledged_by: AcknowledgedBy, acknowledged_at: AcknowledgedAt, until: Until, note: Note);
