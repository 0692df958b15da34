//! GraphQL types, queries and mutations of fees.

use std::collections::HashMap;

use ::entity::{
    fee_schedule,
    id::{FeeScheduleId, MemberId},
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    activities::{Activity, activity_of, changed},
    batch::{BatchRow, listed},
    connection::{Column, ConnectionNode, DIRECT, every, selected_columns},
    cost::{cost, list_size},
    database,
    decisions::{Decision, DecisionInput, decision_of, decision_row_of},
    members::AllocationBasis,
    mutation::mutation,
    scalars::{Date, DateTime, Decimal, Money, Parsed, node_id, row_id, take},
    times,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    fees::{self, schedules},
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
    quote: fees::Quote,
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
    of: HashMap<MemberId, fees::Quote>,
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
        self.0.per_mille.map(|_| fees::basis_of(&self.0).into())
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
        decision.map(|decision| schedules::is_decided_late(&self.0, &decision)).transpose()
    }
}

impl ConnectionNode for FeeSchedule {
    type Row = fee_schedule::Model;
    const NAME: &'static str = "FeeSchedule";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use fee_schedule::Column as C;
        match field {
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
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[fee_schedule::Column::Id]
    }
}

/// Queries of fees.
#[derive(Default)]
pub struct FeeQuery;

#[Object]
impl FeeQuery {
    /// Fees of the network itself, the latest first: PER_MILLE_OF_ALLOCATION is the service fee
    /// (serviceavgift), FIXED_PER_YEAR the membership fee (medlemsavgift).
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn network_fees(&self, ctx: &Context<'_>) -> Result<Vec<FeeSchedule>> {
        let found = Box::pin(schedules::of_network(
            database(ctx),
            &selected_columns::<FeeSchedule>(ctx, DIRECT),
        ))
        .await?;
        listed(ctx, Some(&BatchRow::each(found)), FeeSchedule)
    }
}

/// Input of `feeScheduleSet`: a price of taking part in an activity.
#[derive(InputObject)]
pub struct FeeScheduleSetInput {
    /// Id of the activity.
    activity_id: ID,
    /// First day on which it applies.
    valid_from: Parsed<Date>,
    /// Last day on which it applies; omit: until further notice.
    valid_to: Option<Parsed<Date>>,
    /// Basis of the calculation.
    basis: FeeBasis,
    /// Amount in kronor, net of VAT; required for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// Rate in per mille, 0 to 1000 with at most three decimals; required for
    /// PER_MILLE_OF_ALLOCATION.
    per_mille: Option<Decimal>,
    /// Maximum of a year (maxtak) in kronor; omit: no cap.
    cap: Option<Parsed<Money>>,
    /// Minimum of a year in kronor; omit: no minimum.
    minimum: Option<Parsed<Money>>,
    /// Allocation (tilldelning) that the rate applies to; for PER_MILLE_OF_ALLOCATION. Defaults to
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; ZERO is refused. Defaults to that of the network's tax decision
    /// (`taxDecisionRecord`). Until one is recorded the fee has none, and can't be invoiced
    /// (CONFLICT with reason VAT_UNDECIDED).
    vat_rate: Option<VatRate>,
    /// Decision on the price.
    decision: Option<DecisionInput>,
}

/// Input of `networkFeeSet`: a price of membership.
#[derive(InputObject)]
pub struct NetworkFeeSetInput {
    /// First day on which it applies.
    valid_from: Parsed<Date>,
    /// Last day on which it applies; omit: until further notice.
    valid_to: Option<Parsed<Date>>,
    /// PER_MILLE_OF_ALLOCATION for the service fee (serviceavgift), FIXED_PER_YEAR for the
    /// membership fee (medlemsavgift).
    basis: FeeBasis,
    /// Amount in kronor, net of VAT; required for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// Rate in per mille, 0 to 1000 with at most three decimals; required for
    /// PER_MILLE_OF_ALLOCATION.
    per_mille: Option<Decimal>,
    /// Maximum of a year (maxtak) in kronor; omit: no cap.
    cap: Option<Parsed<Money>>,
    /// Minimum of a year in kronor; omit: no minimum.
    minimum: Option<Parsed<Money>>,
    /// Allocation (tilldelning) that the rate applies to; for PER_MILLE_OF_ALLOCATION. Defaults to
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; ZERO is refused. Defaults to that of the network's tax decision
    /// (`taxDecisionRecord`). Until one is recorded the fee has none, and can't be invoiced
    /// (CONFLICT with reason VAT_UNDECIDED).
    vat_rate: Option<VatRate>,
    /// Decision on the price.
    decision: Option<DecisionInput>,
}

impl NetworkFeeSetInput {
    fn check(self, errors: &mut ValidationErrors) -> schedules::NewSchedule {
        let money = |parsed, path: &str, errors: &mut ValidationErrors| {
            take(parsed, path, errors).map(|sum: Money| sum.0)
        };
        schedules::NewSchedule {
            activity: None,
            valid_from: self.valid_from.take("valid_from", errors).0,
            valid_to: take(self.valid_to, "valid_to", errors).map(|day| day.0),
            basis: self.basis.into(),
            amount: money(self.amount, "amount", errors),
            per_mille: self.per_mille.map(|rate| rate.read("per_mille", errors)),
            cap: money(self.cap, "cap", errors),
            minimum: money(self.minimum, "minimum", errors),
            allocation_basis: self.allocation_basis.map(Into::into),
            vat_rate: self.vat_rate.map(Into::into),
            decision: self.decision.map(|decision| decision.check("decision", errors)),
        }
    }
}

impl FeeScheduleSetInput {
    fn check(self, errors: &mut ValidationErrors) -> schedules::NewSchedule {
        let activity = row_id(&self.activity_id, "activity_id", errors);
        let price = NetworkFeeSetInput {
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            basis: self.basis,
            amount: self.amount,
            per_mille: self.per_mille,
            cap: self.cap,
            minimum: self.minimum,
            allocation_basis: self.allocation_basis,
            vat_rate: self.vat_rate,
            decision: self.decision,
        };
        schedules::NewSchedule { activity: Some(activity), ..price.check(errors) }
    }
}

/// Payload of `feeScheduleSet`.
#[derive(SimpleObject)]
pub struct FeeScheduleSetPayload {
    /// The price.
    fee_schedule: FeeSchedule,
    /// Activity of the fee schedule.
    activity: Activity,
}

/// Payload of `networkFeeSet`.
#[derive(SimpleObject)]
pub struct NetworkFeeSetPayload {
    /// The fee schedule.
    fee_schedule: FeeSchedule,
}

/// Mutations of fees.
#[derive(Default)]
pub struct FeeMutation;

#[Object]
impl FeeMutation {
    /// Sets a price of taking part in an activity. It replaces a price with the same first day and
    /// basis. A price until further notice that it begins in ends the day before. CONFLICT with
    /// reason OVERLAPS when another price of the basis applies on one of its days.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn fee_schedule_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price.")] input: Box<FeeScheduleSetInput>,
    ) -> Option<Result<FeeScheduleSetPayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let activity = new.activity.unwrap_or_default();
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(schedules::set(mutation.context(), new, errors), async |id| {
                    Ok(FeeScheduleSetPayload {
                        fee_schedule: changed_schedule(ctx, id).await?,
                        activity: changed(ctx, activity).await?,
                    })
                })
                .await,
        )
    }

    /// Sets the network's service or membership fee, as `feeScheduleSet` does for an activity. The
    /// fee in force on 1 January applies to the whole year.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn network_fee_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price.")] input: Box<NetworkFeeSetInput>,
    ) -> Option<Result<NetworkFeeSetPayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(schedules::set(mutation.context(), new, errors), async |id| {
                    Ok(NetworkFeeSetPayload { fee_schedule: changed_schedule(ctx, id).await? })
                })
                .await,
        )
    }
}

async fn changed_schedule(ctx: &Context<'_>, id: FeeScheduleId) -> Result<FeeSchedule> {
    let found = schedules::by_ids(database(ctx), &[id], &every::<FeeSchedule>()).await?;
    let row =
        found.into_iter().next().ok_or_else(|| Error::NotFound("there is no such fee".into()))?;
    Ok(FeeSchedule(BatchRow::single(row)))
}
