//! GraphQL types of months that an invoice run skips, or that are to be credited.

use async_graphql::{Context, Description, Object};

use super::{Invoice, run::party};
use crate::graphql::{
    agreements::{
        counterparty::{Counterparty, counterparty_of},
        types::{Agreement, agreement_of},
    },
    batch::BatchRow,
    invoices::relations::stored_invoice_of,
    scalars::{Date, Money},
};
use domain::{
    error::Result,
    invoices::run_months::{InvoicedMonth, ToCredit},
};

/// A month that a run skips, since an invoice of an earlier agreement of the same participation
/// covers it.
#[derive(Clone, Description)]
pub struct InvoiceRunInvoicedMonth(BatchRow<InvoicedMonth>);

#[Object(use_type_description)]
impl InvoiceRunInvoicedMonth {
    /// Counterparty of the agreement.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |month| party(month.buyer)).await
    }

    /// Agreement in force on the first day of the month; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |month| Some(month.agreement)).await.transpose()
    }

    /// First day of the month.
    async fn month(&self) -> Date {
        Date(self.0.month)
    }

    /// Invoice that covers the month; null when you may not see it.
    async fn invoice(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        stored_invoice_of(ctx, &self.0, |month| month.invoice).await.transpose()
    }
}

/// Invoiced months after the end of an agreement that ended or was replaced after the invoice; they
/// are to be credited.
#[derive(Clone, Description)]
pub struct InvoiceRunToCredit(BatchRow<ToCredit>);

#[Object(use_type_description)]
impl InvoiceRunToCredit {
    /// Counterparty of the agreement.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |credit| party(credit.buyer)).await
    }

    /// Agreement that has ended; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |credit| Some(credit.agreement)).await.transpose()
    }

    /// Invoice to credit with `invoiceCredit`; null when you may not see it.
    async fn invoice(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        stored_invoice_of(ctx, &self.0, |credit| credit.invoice).await.transpose()
    }

    /// First days of the months.
    async fn months(&self) -> Vec<Date> {
        self.0.months.iter().copied().map(Date).collect()
    }

    /// Amount to credit in kronor, without VAT.
    async fn net(&self) -> Money {
        self.0.net.into()
    }
}

/// Converts the skipped months, as one batch.
pub(super) fn invoiced_months(found: Vec<InvoicedMonth>) -> Vec<InvoiceRunInvoicedMonth> {
    BatchRow::each(found).into_iter().map(InvoiceRunInvoicedMonth).collect()
}

/// Converts the months to credit, as one batch.
pub(super) fn to_credit(found: Vec<ToCredit>) -> Vec<InvoiceRunToCredit> {
    BatchRow::each(found).into_iter().map(InvoiceRunToCredit).collect()
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql::invoices) fn measure(
    sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>,
) {
    use crate::graphql::future_sizes::row;
    sizes.add(&InvoiceRunInvoicedMonth(row()));
    sizes.add(&InvoiceRunToCredit(row()));
}
