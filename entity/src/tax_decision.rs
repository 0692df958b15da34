//! Tax decisions: the VAT treatment of the special fees of an activity, or of a fee of the network
//! itself, from a day on.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, TaxDecisionId},
    kind::{ChargeKind, VatRate},
    partial::partial,
};

/// A tax decision: the VAT treatment of the special fees of an activity, or of a fee of the network
/// itself, from a day on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "tax_decision")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaxDecisionId,
    /// The fee.
    pub fee: ChargeKind,
    /// The activity, for special fees.
    pub activity_id: Option<ActivityId>,
    /// The first day of issue to which it applies.
    pub valid_from: NaiveDate,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// Reason of the exemption as text, for an exempt fee.
    pub exemption_reason: Option<String>,
    /// Code of the reason in the list VATEX; null: none applies.
    pub exemption_code: Option<String>,
    /// Day of the decision.
    pub decided_on: NaiveDate,
    /// Location of the written decision.
    pub reference: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, fee: Fee, activity_id: ActivityId, valid_from: ValidFrom, vat_rate: VatRate, exemption_reason: ExemptionReason, exemption_code: ExemptionCode, decided_on: DecidedOn, reference: Reference);
