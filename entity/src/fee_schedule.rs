//! Prices of participation in an activity, or of membership.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, DecisionId, FeeScheduleId},
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
    partial::partial,
};

/// A price of participation in an activity, or of membership.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "fee_schedule")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeeScheduleId,
    /// The activity; null: the network's own fee, which is its service fee if calculated per mille
    /// and its membership fee if fixed.
    pub activity_id: Option<ActivityId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; null: until further notice.
    pub valid_to: Option<NaiveDate>,
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Öre, for every basis but per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Maximum, öre (maxtak).
    pub cap: Option<Money>,
    /// Minimum, öre.
    pub minimum: Option<Money>,
    /// Allocation to which the rate applies; null: that of all parties, or no rate.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment as stated with the price; null: that of the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// Decision on the price.
    pub decision_id: Option<DecisionId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, activity_id: ActivityId, valid_from: ValidFrom, valid_to: ValidTo, basis: Basis, amount: Amount, per_mille: PerMille, cap: Cap, minimum: Minimum, allocation_basis: AllocationBasis, vat_rate: VatRate, decision_id: DecisionId);
