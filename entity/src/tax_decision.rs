//! A tax decision: how VAT is treated on the special fees of an activity, or on a fee of the
//! network itself, from a day on.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, TaxDecisionId},
    kind::{ChargeKind, VatRate},
    partial::partial,
};

/// A tax decision: how VAT is treated on the special fees of an activity, or on a fee of the
/// network itself, from a day on.
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
    /// The first day of issue that it is for.
    pub valid_from: NaiveDate,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// The reason of the exemption in words, for what is exempt.
    pub exemption_reason: Option<String>,
    /// The reason's code of the list VATEX; null: none applies.
    pub exemption_code: Option<String>,
    /// Day of the decision.
    pub decided_on: NaiveDate,
    /// Where the decision is written.
    pub reference: String,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, fee: Fee, activity_id: ActivityId, valid_from: ValidFrom, vat_rate: VatRate, exemption_reason: ExemptionReason, exemption_code: ExemptionCode, decided_on: DecidedOn, reference: Reference);
