//! GraphQL mutations of fees.

use ::entity::id::FeeScheduleId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{FeeScheduleSetPayload, NetworkFeeSetPayload},
    types::{FeeBasis, FeeSchedule, VatRate},
};
use crate::graphql::{
    activities::types::changed,
    batch::BatchRow,
    caller,
    connection::every,
    decisions::types::DecisionInput,
    members::types::AllocationBasis,
    mutation::mutation,
    scalars::{Date, Decimal, Money, Parsed, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    fees::schedules::{self, price::NewSchedule, set::set, set_network_fee::set_network_fee},
};

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
    fn check(self, errors: &mut ValidationErrors) -> NewSchedule {
        let money = |parsed, path: &str, errors: &mut ValidationErrors| {
            take(parsed, path, errors).map(|sum: Money| sum.0)
        };
        NewSchedule {
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
    fn check(self, errors: &mut ValidationErrors) -> NewSchedule {
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
        NewSchedule { activity: Some(activity), ..price.check(errors) }
    }
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
                .perform(set(mutation.context(), new, errors), async |id| {
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
                .perform(set_network_fee(mutation.context(), new, errors), async |id| {
                    Ok(NetworkFeeSetPayload { fee_schedule: changed_schedule(ctx, id).await? })
                })
                .await,
        )
    }
}

async fn changed_schedule(ctx: &Context<'_>, id: FeeScheduleId) -> Result<FeeSchedule> {
    let found = schedules::by_ids(caller(ctx), &[id], &every::<FeeSchedule>()).await?;
    let row =
        found.into_iter().next().ok_or_else(|| Error::NotFound("there is no such fee".into()))?;
    Ok(FeeSchedule(BatchRow::single(row)))
}
