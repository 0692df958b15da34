//! GraphQL mutation of interest invoices.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Invoice, payments::changed};
use crate::graphql::{
    mutation::mutation,
    network,
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    receivables::interest_invoices,
};

/// Input of `interestInvoiceIssue`.
#[derive(InputObject)]
pub struct InterestInvoiceIssueInput {
    /// Id of an invoice that was paid late, or is overdue.
    invoice_id: ID,
    /// Last day of the claimed interest, not after today; defaults to the day on which the invoice
    /// was settled, or today.
    interest_until: Option<Parsed<Date>>,
}

/// Payload of `interestInvoiceIssue`.
#[derive(SimpleObject)]
pub struct InterestInvoiceIssuePayload {
    /// The issued interest invoice.
    invoice: Invoice,
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
        Some(Box::pin(issue(ctx, *input)).await)
    }
}

async fn issue(
    ctx: &Context<'_>,
    input: InterestInvoiceIssueInput,
) -> Result<InterestInvoiceIssuePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.invoice_id, "invoice_id", &mut errors);
    let until = take(input.interest_until, "interest_until", &mut errors).map(|day| day.0);
    let mutation = mutation(ctx);
    let payload = async |id| Ok(InterestInvoiceIssuePayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(
            interest_invoices::issue(mutation.context(), network(ctx), id, until, errors),
            payload,
        )
        .await
}
