//! Tax decisions of the network as the API has them.

use ::entity::{id::TaxDecisionId, tax_decision};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    activities::{Activity, activity_of},
    batch::{BatchRow, listed},
    cost::list_size,
    database,
    fees::VatRate,
    mutation::mutation,
    scalars::{Date, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    activities::tax_decisions::{self, NewTaxDecision},
    error::{Error, Result, ValidationErrors},
};

/// A kind of fee.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::ChargeKind")]
pub enum FeeKind {
    /// The special fees (särskilda avgifter) of an activity, and what else it earns, as courses.
    SpecialFee,
    /// The service fee (serviceavgift) of members.
    ServiceFee,
    /// The membership fee (medlemsavgift) of members.
    MembershipFee,
}

/// A decision of the network on how VAT is treated on a fee, from a day on. No fee has a VAT
/// treatment until there is one, unless the treatment is stated with the fee, the agreement or the
/// line itself.
#[derive(Clone, Description)]
pub struct TaxDecision(pub BatchRow<tax_decision::Model>);

#[Object(use_type_description)]
impl TaxDecision {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("tax_decision", self.0.id)
    }

    /// The fee.
    async fn fee(&self) -> FeeKind {
        self.0.fee.into()
    }

    /// The activity, for SPECIAL_FEE; null for the fees of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// The first day of issue of invoices that it is for. It counts until the next decision about
    /// the fee.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// The VAT treatment.
    async fn vat_rate(&self) -> VatRate {
        self.0.vat_rate.into()
    }

    /// The reason of the exemption, as invoices say it (BT-120); null unless EXEMPT.
    async fn exemption_reason(&self) -> Option<&str> {
        self.0.exemption_reason.as_deref()
    }

    /// The reason's code of the list VATEX (BT-121), as `VATEX-EU-132-1I`; null when none applies.
    async fn exemption_code(&self) -> Option<&str> {
        self.0.exemption_code.as_deref()
    }

    /// Day of the decision.
    async fn decided_on(&self) -> Date {
        Date(self.0.decided_on)
    }

    /// Where the decision is written, as `Styrelsen 2026-11-20 § 7`.
    async fn reference(&self) -> &str {
        &self.0.reference
    }
}

/// Queries about tax decisions.
#[derive(Default)]
pub struct TaxDecisionQuery;

#[Object]
impl TaxDecisionQuery {
    /// The network's tax decisions, the latest first.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn tax_decisions(&self, ctx: &Context<'_>) -> Result<Vec<TaxDecision>> {
        let found = tax_decisions::all(database(ctx).read()).await?;
        listed(ctx, Some(&BatchRow::each(found)), TaxDecision)
    }
}

/// A tax decision to be recorded.
#[derive(InputObject)]
pub struct TaxDecisionRecordInput {
    /// The fee.
    fee: FeeKind,
    /// The activity; for SPECIAL_FEE alone.
    activity_id: Option<ID>,
    /// The first day of issue of invoices that it is for; the day of the decision when left out.
    valid_from: Option<Parsed<Date>>,
    /// The VAT treatment, not ZERO.
    vat_rate: VatRate,
    /// The reason of the exemption, as invoices say it: needed for EXEMPT, as `Utbildning,
    /// undantagen från moms enligt 10 kap. 13 § mervärdesskattelagen`.
    exemption_reason: Option<String>,
    /// The reason's code of the list VATEX for what is exempt, as `VATEX-EU-132-1I`; left out when
    /// none applies.
    exemption_code: Option<String>,
    /// Day of the decision, not after today.
    decided_on: Parsed<Date>,
    /// Where the decision is written, as `Styrelsen 2026-11-20 § 7`.
    reference: String,
}

/// The result of `taxDecisionRecord`.
#[derive(SimpleObject)]
pub struct TaxDecisionRecordPayload {
    /// The decision.
    tax_decision: TaxDecision,
}

/// Mutations on tax decisions.
#[derive(Default)]
pub struct TaxDecisionMutation;

#[Object]
impl TaxDecisionMutation {
    /// Records the network's decision on how VAT is treated on a fee, from a day on. It takes the
    /// place of one about the same fee that is valid from the same day. It counts for lines that
    /// are drafted without a VAT treatment, for runs of members' fees and for agreements that are
    /// made from a price, and before what the price states; agreements that say their treatment
    /// keep it.
    async fn tax_decision_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: TaxDecisionRecordInput,
    ) -> Option<Result<TaxDecisionRecordPayload>> {
        Some(record(ctx, input).await)
    }
}

async fn record(
    ctx: &Context<'_>,
    input: TaxDecisionRecordInput,
) -> Result<TaxDecisionRecordPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewTaxDecision {
        fee: input.fee.into(),
        activity: input
            .activity_id
            .map(|id| row_id(&id, "activity", "input.activityId", &mut errors)),
        valid_from: take(input.valid_from, "input.validFrom", &mut errors).map(|day| day.0),
        vat_rate: input.vat_rate.into(),
        exemption_reason: input.exemption_reason,
        exemption_code: input.exemption_code,
        decided_on: input.decided_on.take("input.decidedOn", &mut errors).0,
        reference: input.reference,
    };
    let mutation = mutation(ctx);
    let payload = async |id: TaxDecisionId| {
        let found = tax_decisions::by_ids(database(ctx), &[id]).await?.pop();
        let row = found.ok_or_else(|| Error::NotFound("there is no such tax decision".into()))?;
        Ok(TaxDecisionRecordPayload { tax_decision: TaxDecision(BatchRow::single(row)) })
    };
    mutation.perform(tax_decisions::record(mutation.db(), viewer(ctx), new, errors), payload).await
}
