//! GraphQL mutation of tax decisions.

use ::entity::id::TaxDecisionId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::TaxDecisionRecordPayload,
    types::{FeeKind, TaxDecision},
};
use crate::graphql::{
    batch::BatchRow,
    caller,
    fees::types::VatRate,
    mutation::mutation,
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    tax_decisions::{self, new_decision::NewTaxDecision},
};

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
        let found = tax_decisions::by_ids(caller(ctx), &[id]).await?.pop();
        let row = found.ok_or_else(|| Error::NotFound("there is no such tax decision".into()))?;
        Ok(TaxDecisionRecordPayload { tax_decision: TaxDecision(BatchRow::single(row)) })
    };
    mutation.perform(tax_decisions::record::record(mutation.context(), new, errors), payload).await
}
