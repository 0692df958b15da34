//! GraphQL types, query and mutation of tax decisions.

use ::entity::{id::TaxDecisionId, tax_decision};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    activities::{Activity, activity_of},
    batch::{BatchRow, listed},
    cost::{cost, list_size},
    database,
    fees::VatRate,
    mutation::mutation,
    scalars::{Date, DateTime, Parsed, node_id, row_id, take},
    times,
};
use domain::{
    activities::tax_decisions::{self, NewTaxDecision},
    error::{Error, Result, ValidationErrors},
};

/// Kind of a fee.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::ChargeKind")]
pub enum FeeKind {
    /// Special fees (särskilda avgifter) of an activity, and its other revenue, as courses.
    SpecialFee,
    /// Service fee (serviceavgift) of members.
    ServiceFee,
    /// Membership fee (medlemsavgift) of members.
    MembershipFee,
}

/// A decision of the network on the VAT treatment of a fee, from a day on. Without one a fee has no
/// VAT treatment, unless it is stated with the fee, the agreement or the line.
#[derive(Clone, Description)]
pub struct TaxDecision(pub BatchRow<tax_decision::Model>);

#[Object(use_type_description)]
impl TaxDecision {
    /// Global id of the tax decision, opaque.
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

    /// Kind of the fee.
    async fn fee(&self) -> FeeKind {
        self.0.fee.into()
    }

    /// Activity, for SPECIAL_FEE; null for the fees of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// First day of issue of invoices that it applies to, until the next decision on the same fee.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// VAT treatment.
    async fn vat_rate(&self) -> VatRate {
        self.0.vat_rate.into()
    }

    /// Reason of the exemption on invoices (BT-120); null unless `vatRate` is EXEMPT.
    async fn exemption_reason(&self) -> Option<&str> {
        self.0.exemption_reason.as_deref()
    }

    /// Code of the reason in the code list VATEX (BT-121), as `VATEX-EU-132-1I`; null when none
    /// applies.
    async fn exemption_code(&self) -> Option<&str> {
        self.0.exemption_code.as_deref()
    }

    /// Day of the decision.
    async fn decided_on(&self) -> Date {
        Date(self.0.decided_on)
    }

    /// Source of the decision, as `Styrelsen 2026-11-20 § 7`.
    async fn reference(&self) -> &str {
        &self.0.reference
    }
}

/// Queries of tax decisions.
#[derive(Default)]
pub struct TaxDecisionQuery;

#[Object]
impl TaxDecisionQuery {
    /// Tax decisions of the network, the latest first.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn tax_decisions(&self, ctx: &Context<'_>) -> Result<Vec<TaxDecision>> {
        let found = Box::pin(tax_decisions::all(database(ctx).read())).await?;
        listed(ctx, Some(&BatchRow::each(found)), TaxDecision)
    }
}

/// Input of `taxDecisionRecord`.
#[derive(InputObject)]
pub struct TaxDecisionRecordInput {
    /// Kind of the fee.
    fee: FeeKind,
    /// Id of the activity; required for SPECIAL_FEE, and for it only.
    activity_id: Option<ID>,
    /// First day of issue of invoices that it applies to; defaults to the day of the decision.
    valid_from: Option<Parsed<Date>>,
    /// VAT treatment; ZERO is refused.
    vat_rate: VatRate,
    /// Reason of the exemption on invoices, required for EXEMPT, as `Utbildning, undantagen från
    /// moms enligt 10 kap. 13 § mervärdesskattelagen`.
    exemption_reason: Option<String>,
    /// Code of the reason in the code list VATEX for EXEMPT, as `VATEX-EU-132-1I`; omit when none
    /// applies.
    exemption_code: Option<String>,
    /// Day of the decision, not after today.
    decided_on: Parsed<Date>,
    /// Source of the decision, as `Styrelsen 2026-11-20 § 7`.
    reference: String,
}

/// Payload of `taxDecisionRecord`.
#[derive(SimpleObject)]
pub struct TaxDecisionRecordPayload {
    /// The recorded decision.
    tax_decision: TaxDecision,
}

/// Mutations of tax decisions.
#[derive(Default)]
pub struct TaxDecisionMutation;

#[Object]
impl TaxDecisionMutation {
    /// Records the network's decision on the VAT treatment of a fee, from a day on. It replaces a
    /// decision on the same fee from the same day. It applies to lines that are drafted without a
    /// VAT treatment, to runs of members' fees and to agreements made from a price, and takes
    /// precedence over the price; agreements with a stated treatment retain it.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn tax_decision_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision to record.")] input: Box<TaxDecisionRecordInput>,
    ) -> Option<Result<TaxDecisionRecordPayload>> {
        Some(Box::pin(record(ctx, *input)).await)
    }
}

async fn record(
    ctx: &Context<'_>,
    input: TaxDecisionRecordInput,
) -> Result<TaxDecisionRecordPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewTaxDecision {
        fee: input.fee.into(),
        activity_id: input.activity_id.map(|id| row_id(&id, "activity_id", &mut errors)),
        valid_from: take(input.valid_from, "valid_from", &mut errors).map(|day| day.0),
        vat_rate: input.vat_rate.into(),
        exemption_reason: input.exemption_reason,
        exemption_code: input.exemption_code,
        decided_on: input.decided_on.take("decided_on", &mut errors).0,
        reference: input.reference,
    };
    let mutation = mutation(ctx);
    let payload = async |id: TaxDecisionId| {
        let found = tax_decisions::by_ids(database(ctx), &[id]).await?.pop();
        let row = found.ok_or_else(|| Error::NotFound("there is no such tax decision".into()))?;
        Ok(TaxDecisionRecordPayload { tax_decision: TaxDecision(BatchRow::single(row)) })
    };
    mutation.perform(tax_decisions::record(mutation.context(), new, errors), payload).await
}
