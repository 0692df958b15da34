//! Fees as the API tells of them.

use std::collections::HashMap;

use ::entity::{
    fee_schedule,
    id::{FeeScheduleId, MemberId},
    money::PerMille,
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};

use super::{
    activities::{Activity, changed},
    batch::{BatchRow, listed},
    connection::{Column, ConnectionNode, DIRECT, every, selected_columns},
    cost::list_size,
    database,
    decisions::{Decision, DecisionInput, decision_of, decision_row_of},
    members::AllocationBasis,
    mutation::mutation,
    scalars::{Date, Money, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    fees::{self, schedules},
};

/// What a fee is reckoned on.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::FeeBasis")]
pub enum FeeBasis {
    /// The same sum each year.
    FixedPerYear,
    /// A per mille of the member's allocation (tilldelning) of the year.
    PerMilleOfAllocation,
    /// A sum for each participant.
    PerParticipant,
    /// One sum, once.
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
    /// 0 %. Of imported history alone: Swedish law has exemptions and what is outside the scope of
    /// VAT instead.
    Zero,
    /// Exempt, with a reason in words.
    Exempt,
    /// Outside the scope of VAT; never on an invoice with the others.
    OutsideScope,
}

/// What a fee comes to, and how: the rule's rate of the allocation (`exact`), rounded once to öre
/// (`rounding`), raised to the rule's minimum and cut to its cap.
#[derive(Clone, Description)]
pub struct FeeQuote {
    quote: fees::Quote,
    rule: BatchRow<fee_schedule::Model>,
}

#[Object(use_type_description)]
impl FeeQuote {
    /// The fee of the whole year, net of VAT.
    async fn amount(&self) -> Money {
        self.quote.amount.into()
    }

    /// What it is reckoned on.
    async fn basis(&self) -> FeeBasis {
        self.quote.basis.into()
    }

    /// The rate; null unless it is reckoned per mille.
    async fn per_mille(&self) -> Option<f64> {
        self.quote.per_mille.map(PerMille::as_f64)
    }

    /// The allocation that the rate is of; null unless it is reckoned per mille.
    async fn allocation(&self) -> Option<Money> {
        self.quote.allocation.map(Money)
    }

    /// Whether the rule's cap (maxtak) made it less.
    async fn capped(&self) -> bool {
        self.quote.capped
    }

    /// Whether the rule's minimum made it more.
    async fn raised_to_minimum(&self) -> bool {
        self.quote.raised
    }

    /// What the rate or sum comes to before it is rounded, raised or capped: kronor with all its
    /// decimals, `8648.666`.
    async fn exact(&self) -> String {
        self.quote.exact()
    }

    /// What rounding half up to whole öre added to `exact`, kronor: `0.004`, below zero when it
    /// took off.
    async fn rounding(&self) -> String {
        self.quote.rounding()
    }

    /// The rule that it follows, with who decided it and whether that was late.
    async fn rule(&self) -> FeeSchedule {
        FeeSchedule(self.rule.clone())
    }
}

/// What a rule makes of each member of a batch, its rule shared by all, so that what hangs on it is
/// loaded once.
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
    /// The fee of a member; null when it can't be told.
    pub fn of(&self, member: MemberId) -> Option<FeeQuote> {
        Some(FeeQuote { quote: self.of.get(&member)?.clone(), rule: self.rule.clone()? })
    }
}

/// The price of taking part in an activity from a date on, or of being a member.
#[derive(Clone, Description)]
pub struct FeeSchedule(pub BatchRow<fee_schedule::Model>);

#[Object(use_type_description)]
impl FeeSchedule {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("fee_schedule", self.0.id)
    }

    /// First day.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// Last day; null: until further notice.
    async fn valid_to(&self) -> Option<Date> {
        self.0.valid_to.map(Date)
    }

    /// What it is reckoned on.
    async fn basis(&self) -> FeeBasis {
        self.0.basis.into()
    }

    /// The sum, net of VAT; null when it is reckoned per mille.
    async fn amount(&self) -> Option<Money> {
        self.0.amount.map(Money)
    }

    /// The rate; null unless it is reckoned per mille.
    async fn per_mille(&self) -> Option<f64> {
        self.0.per_mille.map(PerMille::as_f64)
    }

    /// Nobody pays more than this (maxtak); null: no cap.
    async fn cap(&self) -> Option<Money> {
        self.0.cap.map(Money)
    }

    /// Nobody pays less than this; null: no minimum.
    async fn minimum(&self) -> Option<Money> {
        self.0.minimum.map(Money)
    }

    /// The allocation (tilldelning) that the rate is of; null unless it is reckoned per mille.
    async fn allocation_basis(&self) -> Option<AllocationBasis> {
        self.0.per_mille.map(|_| fees::basis_of(&self.0).into())
    }

    /// The VAT treatment that was stated with the price; null: that of the network's tax decision
    /// (`taxDecisions`), which counts before a stated one.
    async fn vat_rate(&self) -> Option<VatRate> {
        self.0.vat_rate.map(Into::into)
    }

    /// Who decided it; null when nobody said.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// Whether it was decided after its first day, so that it also counts for days before the
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

/// Questions about fees.
#[derive(Default)]
pub struct FeeQuery;

#[Object]
impl FeeQuery {
    /// The network's own fees, the latest first: what is PER_MILLE_OF_ALLOCATION is the service fee
    /// (serviceavgift), what is FIXED_PER_YEAR the membership fee (medlemsavgift).
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn network_fees(&self, ctx: &Context<'_>) -> Result<Vec<FeeSchedule>> {
        let found =
            schedules::of_network(database(ctx), &selected_columns::<FeeSchedule>(ctx, DIRECT))
                .await?;
        listed(ctx, Some(&BatchRow::each(found)), FeeSchedule)
    }
}

/// A price of taking part in an activity.
#[derive(InputObject)]
pub struct FeeScheduleSetInput {
    /// Which activity.
    activity: ID,
    /// First day.
    valid_from: Parsed<Date>,
    /// Last day; leave out: until further notice.
    valid_to: Option<Parsed<Date>>,
    /// What it is reckoned on.
    basis: FeeBasis,
    /// The sum, net of VAT; for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// The rate, 0 to 1000 with at most three decimals; for PER_MILLE_OF_ALLOCATION.
    per_mille: Option<f64>,
    /// Nobody pays more than this (maxtak).
    cap: Option<Parsed<Money>>,
    /// Nobody pays less than this.
    minimum: Option<Parsed<Money>>,
    /// The allocation (tilldelning) that the rate is of; for PER_MILLE_OF_ALLOCATION. Leave out:
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// The VAT treatment, not ZERO. Leave out: that of the network's tax decision
    /// (`taxDecisionRecord`); until one is recorded the fee has none, and is not invoiced (CONFLICT
    /// with reason VAT_UNDECIDED).
    vat_rate: Option<VatRate>,
    /// Who decided it.
    decision: Option<DecisionInput>,
}

/// A price of being a member.
#[derive(InputObject)]
pub struct NetworkFeeSetInput {
    /// First day.
    valid_from: Parsed<Date>,
    /// Last day; leave out: until further notice.
    valid_to: Option<Parsed<Date>>,
    /// PER_MILLE_OF_ALLOCATION: the service fee (serviceavgift). FIXED_PER_YEAR: the membership fee
    /// (medlemsavgift).
    basis: FeeBasis,
    /// The sum, net of VAT; for every basis but PER_MILLE_OF_ALLOCATION.
    amount: Option<Parsed<Money>>,
    /// The rate, 0 to 1000 with at most three decimals; for PER_MILLE_OF_ALLOCATION.
    per_mille: Option<f64>,
    /// Nobody pays more than this (maxtak).
    cap: Option<Parsed<Money>>,
    /// Nobody pays less than this.
    minimum: Option<Parsed<Money>>,
    /// The allocation (tilldelning) that the rate is of; for PER_MILLE_OF_ALLOCATION. Leave out:
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// The VAT treatment, not ZERO. Leave out: that of the network's tax decision
    /// (`taxDecisionRecord`); until one is recorded the fee has none, and is not invoiced (CONFLICT
    /// with reason VAT_UNDECIDED).
    vat_rate: Option<VatRate>,
    /// Who decided it.
    decision: Option<DecisionInput>,
}

impl NetworkFeeSetInput {
    fn check(self, errors: &mut ValidationErrors) -> schedules::NewSchedule {
        let money = |parsed, path: &str, errors: &mut ValidationErrors| {
            take(parsed, path, errors).map(|sum: Money| sum.0)
        };
        schedules::NewSchedule {
            activity: None,
            valid_from: self.valid_from.take("input.validFrom", errors).0,
            valid_to: take(self.valid_to, "input.validTo", errors).map(|day| day.0),
            basis: self.basis.into(),
            amount: money(self.amount, "input.amount", errors),
            per_mille: self
                .per_mille
                .map(|rate| errors.take("input.perMille", schedules::rate(rate))),
            cap: money(self.cap, "input.cap", errors),
            minimum: money(self.minimum, "input.minimum", errors),
            allocation_basis: self.allocation_basis.map(Into::into),
            vat_rate: self.vat_rate.map(Into::into),
            decision: self.decision.map(|decision| decision.check("input.decision", errors)),
        }
    }
}

impl FeeScheduleSetInput {
    fn check(self, errors: &mut ValidationErrors) -> schedules::NewSchedule {
        let activity = row_id(&self.activity, "activity", "input.activity", errors);
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

/// Deeds on fees.
#[derive(Default)]
pub struct FeeMutation;

#[Object]
impl FeeMutation {
    /// Sets a price of taking part in an activity. It takes the place of one with the same first
    /// day and basis; an open-ended one that it begins in ends the day before. CONFLICT with reason
    /// OVERLAPS when another of the basis holds on a day of it.
    async fn fee_schedule_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price.")] input: FeeScheduleSetInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let activity = new.activity.unwrap_or_default();
        let mutation = mutation(ctx);
        mutation
            .perform(schedules::set(mutation.db(), viewer(ctx), new, errors), |_| {
                changed(ctx, activity)
            })
            .await
    }

    /// Sets the network's own service or membership fee, as `feeScheduleSet` does for an activity.
    /// The one in force on 1 January counts for the year.
    async fn network_fee_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price.")] input: NetworkFeeSetInput,
    ) -> Result<FeeSchedule> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(schedules::set(mutation.db(), viewer(ctx), new, errors), |id| {
                changed_schedule(ctx, id)
            })
            .await
    }
}

async fn changed_schedule(ctx: &Context<'_>, id: FeeScheduleId) -> Result<FeeSchedule> {
    let found = schedules::by_ids(database(ctx), &[id], &every::<FeeSchedule>()).await?;
    let row =
        found.into_iter().next().ok_or_else(|| Error::NotFound("there is no such fee".into()))?;
    Ok(FeeSchedule(BatchRow::single(row)))
}
