//! A price: of taking part in an activity, or of being a member.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, DecisionId, FeeScheduleId},
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
    partial::partial,
};

/// A price: of taking part in an activity, or of being a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "fee_schedule")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeeScheduleId,
    /// The activity; null: the network's own fee, its service fee when reckoned per mille and its
    /// membership fee when fixed.
    pub activity_id: Option<ActivityId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; null: until further notice.
    pub valid_to: Option<NaiveDate>,
    /// What it is reckoned on.
    pub basis: FeeBasis,
    /// Öre, for every basis but per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Never more than this, öre (maxtak).
    pub cap: Option<Money>,
    /// Never less than this, öre.
    pub minimum: Option<Money>,
    /// The allocation that the rate is of; null: of all parties, or none.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment as it was stated with the price; null: that of the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// Who decided it.
    pub decision_id: Option<DecisionId>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, activity_id: ActivityId, valid_from: ValidFrom, valid_to: ValidTo, basis: Basis, amount: Amount, per_mille: PerMille, cap: Cap, minimum: Minimum, allocation_basis: AllocationBasis, vat_rate: VatRate, decision_id: DecisionId);
