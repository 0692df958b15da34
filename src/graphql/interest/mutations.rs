//! GraphQL mutations of reference rates and interest invoices.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{InterestInvoiceIssuePayload, ReferenceRateSetPayload},
    types::ReferenceRate,
};
use crate::graphql::{
    batch::BatchRow,
    database,
    invoices::relations::changed,
    mutation::mutation,
    network,
    scalars::{Date, Decimal, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    interest::{
        rates,
        reference_rates::{self, set},
    },
    receivables::interest_invoices::issue,
};

/// Input of `referenceRateSet`.
#[derive(InputObject)]
pub struct ReferenceRateSetInput {
    /// First day of the half-year: 1 January or 1 July.
    valid_from: Parsed<Date>,
    /// Rate in per cent a year, -100 to 100 with at most two decimals.
    percent: Decimal,
    /// Publication, as `SFS 2025:809`.
    source: String,
}

/// Mutations of reference rates.
#[derive(Default)]
pub struct RateMutation;

#[Object]
impl RateMutation {
    /// Records the reference rate (referensränta) of a half-year; replaces a recorded one.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn reference_rate_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reference rate.")] input: Box<ReferenceRateSetInput>,
    ) -> Option<Result<ReferenceRateSetPayload>> {
        let mut errors = ValidationErrors::default();
        let valid_from = input.valid_from.take("valid_from", &mut errors).0;
        let hundredths = errors.take("percent", rates::hundredths(input.percent.as_str()));
        let mutation = mutation(ctx);
        let rule = set::set(mutation.context(), valid_from, hundredths, &input.source, errors);
        let payload = async |id| {
            let row = reference_rates::by_id(database(ctx).read(), id).await?;
            Ok(ReferenceRateSetPayload { reference_rate: ReferenceRate(BatchRow::single(row)) })
        };
        Some(mutation.perform(rule, payload).await)
    }
}

/// Input of `interestInvoiceIssue`.
#[derive(InputObject)]
pub struct InterestInvoiceIssueInput {
    /// Id of an invoice that was paid late, or is overdue.
    invoice_id: ID,
    /// Last day of the claimed interest, not after today; defaults to the day on which the invoice
    /// was settled, or today.
    interest_until: Option<Parsed<Date>>,
}

/// Mutations of interest invoices.
#[derive(Default)]
pub struct InterestMutation;

#[Object]
impl InterestMutation {
    /// Issues an invoice of the late interest of an invoice (ränteräkning), with its own number,
    /// OCR reference, PDF and e-invoice. Interest is outside the scope of VAT. Interest that was
    /// invoiced before, and not credited, is not claimed again.
    ///
    /// CONFLICT with reason DRAFT, CREDIT_NOTE, NOT_LATE, NO_INTEREST, OVERCLAIMED when earlier
    /// interest invoices claim more than is owed, RATE_UNKNOWN when a reference rate is missing
    /// (`referenceRateSet`), or the reasons of `invoiceIssue`.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn interest_invoice_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interest to claim.")] input: Box<InterestInvoiceIssueInput>,
    ) -> Option<Result<InterestInvoiceIssuePayload>> {
        Some(Box::pin(issue_interest(ctx, *input)).await)
    }
}

async fn issue_interest(
    ctx: &Context<'_>,
    input: InterestInvoiceIssueInput,
) -> Result<InterestInvoiceIssuePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.invoice_id, "invoice_id", &mut errors);
    let until = take(input.interest_until, "interest_until", &mut errors).map(|day| day.0);
    let mutation = mutation(ctx);
    let payload = async |id| Ok(InterestInvoiceIssuePayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(issue::issue(mutation.context(), network(ctx), id, until, errors), payload)
        .await
}
