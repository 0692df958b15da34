//! Interest invoices as the API has them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Invoice, payments::changed};
use crate::graphql::{
    mutation::mutation,
    network,
    scalars::{Date, Parsed, row_id, take},
    viewer,
};
use domain::{
    error::{Result, ValidationErrors},
    receivables::interest_invoices,
};

/// An interest invoice (ränteräkning) to be issued.
#[derive(InputObject)]
pub struct InterestInvoiceIssueInput {
    /// The invoice that was paid late, or is late.
    invoice_id: ID,
    /// The last day to claim interest of, not after today; left out: the day on which it was
    /// settled, or today.
    until: Option<Parsed<Date>>,
}

/// The result of `interestInvoiceIssue`.
#[derive(SimpleObject)]
pub struct InterestInvoiceIssuePayload {
    /// The interest invoice.
    invoice: Invoice,
}

/// Mutations on interest.
#[derive(Default)]
pub struct InterestMutation;

#[Object]
impl InterestMutation {
    /// Issues an invoice of the late interest of an invoice (ränteräkning), with its number, OCR
    /// reference, PDF and e-invoice. Interest is outside the scope of VAT. Interest that was
    /// invoiced before, and not credited, is not claimed again.
    ///
    /// CONFLICT with reason DRAFT, CREDIT_NOTE, NOT_LATE, NO_INTEREST, or RATE_UNKNOWN when a
    /// reference rate is missing (`referenceRateSet`).
    async fn interest_invoice_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to claim")] input: InterestInvoiceIssueInput,
    ) -> Option<Result<InterestInvoiceIssuePayload>> {
        Some(issue(ctx, input).await)
    }
}

async fn issue(
    ctx: &Context<'_>,
    input: InterestInvoiceIssueInput,
) -> Result<InterestInvoiceIssuePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.invoice_id, "invoice", "input.invoiceId", &mut errors);
    let until = take(input.until, "input.until", &mut errors).map(|day| day.0);
    let mutation = mutation(ctx);
    let payload = async |id| Ok(InterestInvoiceIssuePayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(
            interest_invoices::issue(mutation.db(), viewer(ctx), network(ctx), id, until, errors),
            payload,
        )
        .await
}
