//! Requisitions (rekvisitioner): requests for the payment of a grant, issued under a cooperation
//! agreement with income.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AgreementId, RequisitionId},
    money::Money,
    partial::partial,
};

/// A requisition (rekvisition) of a grant; its content never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "requisition")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RequisitionId,
    /// `R2026-0001`, gapless per year.
    pub number: String,
    /// The agreement about the grant.
    pub agreement_id: AgreementId,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Due date.
    pub due_on: NaiveDate,
    /// Amount, öre.
    pub amount: Money,
    /// First day of the period that the grant is for.
    pub period_from: NaiveDate,
    /// Last day of that period.
    pub period_to: NaiveDate,
    /// Purpose of the grant.
    pub description: String,
    /// The funder's own reference, as a case number (diarienummer).
    pub reference: Option<String>,
    /// Content of the document, as it was issued: a JSON object.
    pub content: String,
    /// Day on which it was withdrawn; null: in force.
    pub withdrawn_on: Option<NaiveDate>,
    /// Reason of the withdrawal.
    pub withdrawal_reason: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, number: Number, agreement_id: AgreementId, issued_on: IssuedOn, due_on: DueOn, amount: Amount, period_from: PeriodFrom, period_to: PeriodTo, description: Description, reference: Reference, content: Content, withdrawn_on: WithdrawnOn, withdrawal_reason: WithdrawalReason);
