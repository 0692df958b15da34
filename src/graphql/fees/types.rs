//! GraphQL types of fees.

use std::collections::HashMap;

use ::entity::{fee_schedule, id::MemberId};
use async_graphql::{Context, Description, Enum, ID, Object};

use crate::graphql::{
    activities::types::{Activity, activity_of},
    batch::BatchRow,
    connection::{Column, ConnectionNode},
    cost::cost,
    decisions::types::{Decision, decision_of, decision_row_of},
    members::types::AllocationBasis,
    scalars::{Date, DateTime, Decimal, Money, node_id},
    times,
};
use domain::{
    error::Result,
    fees::{
        self,
        quote::{self, basis_of},
        schedules::price::is_decided_late,
    },
};

/// Basis of the calculation of a fee.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::FeeBasis")]
pub enum FeeBasis {
    /// The same amount each year.
    FixedPerYear,
    /// A per mille of the member's allocation (tilldelning) of the year.
    PerMilleOfAllocation,
    /// An amount per participant.
    PerParticipant,
    /// An amount charged a single time.
    OneOff,
}

/// A VAT treatment (momssats).
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::VatRate")]
pub enum VatRate {
    /// 25 %.
    #[graphql(name = "STANDARD_25")]
    Standard25,
    /// 12 %.
    #[graphql(name = "REDUCED_12")]
    Reduced12,
    /// 6 %.
    #[graphql(name = "REDUCED_6")]
    Reduced6,
    /// 0 %. Only in imported history: Swedish law has exemptions and supplies outside the scope of
    /// VAT instead.
    Zero,
    /// Exempt from VAT, with a stated reason.
    Exempt,
    /// Outside the scope of VAT; never on the same invoice as other treatments.
    OutsideScope,
}

/// A calculated fee with its steps: the rule's rate of the allocation (`exact`), rounded to whole
/// öre (`rounding`), raised to the rule's minimum or reduced to its cap.
#[derive(Clone, Description)]
pub struct FeeQuote {
    quote: quote::Quote,
    rule: BatchRow<fee_schedule::Model>,
}

#[Object(use_type_description)]
impl FeeQuote {
    /// Fee of the whole year in kronor, net of VAT.
    async fn amount(&self) -> Money {
        self.quote.amount.into()
    }

    /// Basis of the calculation.
    async fn basis(&self) -> FeeBasis {
        self.quote.basis.into()
    }

    /// Rate in per mille; null unless `basis` is PER_MILLE_OF_ALLOCATION.
    async fn per_mille(&self) -> Option<Decimal> {
        self.quote.per_mille.map(Decimal::new)
    }

    /// Allocation in kronor that the rate applies to; null unless `basis` is
    /// PER_MILLE_OF_ALLOCATION.
    async fn allocation(&self) -> Option<Money> {
        self.quote.allocation.map(Money)
    }

    /// `true` if the rule's cap (maxtak) reduced the fee.
    async fn capped(&self) -> bool {
        self.quote.capped
    }

    /// `true` if the rule's minimum raised the fee.
    async fn raised_to_minimum(&self) -> bool {
        self.quote.raised
    }

    /// Fee in kronor before rounding, minimum and cap, with all its decimals: `8648.666`.
    async fn exact(&self) -> Decimal {
        Decimal::new(self.quote.exact())
    }

    /// Difference in kronor that rounding half up to whole öre added to `exact`: `0.004`; negative
    /// when rounded down.
    async fn rounding(&self) -> Decimal {
        Decimal::new(self.quote.rounding())
    }

    /// Rule that the fee follows, with its decision.
    async fn rule(&self) -> FeeSchedule {
        FeeSchedule(self.rule.clone())
    }
}

/// Fees of the members of a batch under one rule, which they share so that its nested fields are
/// loaded together.
pub struct Quotes {
    rule: Option<BatchRow<fee_schedule::Model>>,
    of: HashMap<MemberId, quote::Quote>,
}

impl From<fees::Quotes> for Quotes {
    fn from(quotes: fees::Quotes) -> Self {
        Self { rule: quotes.rule.map(BatchRow::single), of: quotes.of }
    }
}

impl Quotes {
    /// Returns the fee of a member; `None` when it can't be calculated.
    pub fn of(&self, member: MemberId) -> Option<FeeQuote> {
        Some(FeeQuote { quote: self.of.get(&member)?.clone(), rule: self.rule.clone()? })
    }
}

/// Price of taking part in an activity, or of membership, from a date on.
#[derive(Clone, Description)]
pub struct FeeSchedule(pub BatchRow<fee_schedule::Model>);

#[Object(use_type_description)]
impl FeeSchedule {
    /// Global id of the fee schedule, opaque. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Activity that it is the price of; null for a fee of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// First day on which it applies.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// Last day on which it applies; null: until further notice.
    async fn valid_to(&self) -> Option<Date> {
        self.0.valid_to.map(Date)
    }

    /// Basis of the calculation.
    async fn basis(&self) -> FeeBasis {
        self.0.basis.into()
    }

    /// Amount in kronor, net of VAT; null when `basis` is PER_MILLE_OF_ALLOCATION.
    async fn amount(&self) -> Option<Money> {
        self.0.amount.map(Money)
    }

    /// Rate in per mille; null unless `basis` is PER_MILLE_OF_ALLOCATION.
    async fn per_mille(&self) -> Option<Decimal> {
        self.0.per_mille.map(Decimal::new)
    }

    /// Maximum of a year (maxtak) in kronor; null: no cap.
    async fn cap(&self) -> Option<Money> {
        self.0.cap.map(Money)
    }

    /// Minimum of a year in kronor; null: no minimum.
    async fn minimum(&self) -> Option<Money> {
        self.0.minimum.map(Money)
    }

    /// Allocation (tilldelning) that the rate applies to; null unless `basis` is
    /// PER_MILLE_OF_ALLOCATION.
    async fn allocation_basis(&self) -> Option<AllocationBasis> {
        self.0.per_mille.map(|_| basis_of(&self.0).into())
    }

    /// VAT treatment stated with the price; null: that of the network's tax decision
    /// (`taxDecisions`). A tax decision takes precedence over a stated treatment.
    async fn vat_rate(&self) -> Option<VatRate> {
        self.0.vat_rate.map(Into::into)
    }

    /// Decision on the price; null when not recorded.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// `true` if it was decided after its first day, so that it also applies to days before the
    /// decision; null when the day of the decision is not known.
    async fn decided_late(&self, ctx: &Context<'_>) -> Option<Result<bool>> {
        let decision = decision_row_of(ctx, &self.0, |row| row.decision_id).await.transpose()?;
        decision.map(|decision| is_decided_late(&self.0, &decision)).transpose()
    }
}

impl ConnectionNode for FeeSchedule {
    type Row = fee_schedule::Model;
    const NAME: &'static str = "FeeSchedule";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use fee_schedule::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "activity" => &[C::ActivityId],
            "validFrom" => &[C::ValidFrom],
            "validTo" => &[C::ValidTo],
            "basis" => &[C::Basis],
            "amount" => &[C::Amount],
            "perMille" => &[C::PerMille],
            "cap" => &[C::Cap],
            "minimum" => &[C::Minimum],
            "allocationBasis" => &[C::PerMille, C::AllocationBasis],
            "vatRate" => &[C::VatRate],
            "decision" => &[C::DecisionId],
            "decidedLate" => &[C::DecisionId, C::ValidFrom],
            "id" | "createdAt" | "updatedAt" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[fee_schedule::Column::Id]
    }
}
