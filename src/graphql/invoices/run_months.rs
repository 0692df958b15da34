//! Months that an invoice run leaves out or finds to be credited, as the API returns them.

use ::entity::id::InvoiceId;
use async_graphql::{Context, Description, Object};

use super::{Invoice, run::party};
use crate::graphql::{
    agreements::{Agreement, Counterparty, agreement_of, counterparty_of},
    batch::{BatchRow, distinct, grouped},
    connection::{DIRECT, selected_columns},
    database,
    scalars::{Date, Money},
    viewer,
};
use domain::{
    error::Result,
    invoices::{
        self,
        run_months::{InvoicedMonth, ToCredit},
    },
};

/// A month that a run leaves out, since an invoice for an earlier agreement of the same
/// participation has billed it.
#[derive(Clone, Description)]
pub struct InvoiceRunInvoicedMonth(BatchRow<InvoicedMonth>);

#[Object(use_type_description)]
impl InvoiceRunInvoicedMonth {
    /// The counterparty.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |month| party(month.buyer)).await
    }

    /// The agreement in force on the first day of the month.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |month| Some(month.agreement)).await.transpose()
    }

    /// The first day of the month.
    async fn month(&self) -> Date {
        Date(self.0.month)
    }

    /// The invoice that has billed it.
    async fn invoice(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        invoice_of(ctx, &self.0, |month| month.invoice).await.transpose()
    }
}

/// Months that an invoice has billed after the end of an agreement, which ended or was replaced
/// after the invoice: they are to be credited.
#[derive(Clone, Description)]
pub struct InvoiceRunToCredit(BatchRow<ToCredit>);

#[Object(use_type_description)]
impl InvoiceRunToCredit {
    /// The counterparty.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |credit| party(credit.buyer)).await
    }

    /// The agreement that has ended.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |credit| Some(credit.agreement)).await.transpose()
    }

    /// The invoice to credit with `invoiceCredit`.
    async fn invoice(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        invoice_of(ctx, &self.0, |credit| credit.invoice).await.transpose()
    }

    /// The first days of the months.
    async fn months(&self) -> Vec<Date> {
        self.0.months.iter().copied().map(Date).collect()
    }

    /// The amount to credit, without VAT.
    async fn net(&self) -> Money {
        self.0.net.into()
    }
}

/// The invoice that each row of a batch names, by one statement; null when the viewer does not see
/// it.
async fn invoice_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> InvoiceId,
) -> Result<Option<Invoice>> {
    let found = row
        .load(ctx, "invoice", async {
            let ids = distinct(row.batch_rows().iter().map(id));
            let rows = invoices::by_ids(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<Invoice>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&id(row)).and_then(|rows| rows.first()).cloned().map(Invoice))
}

/// Returns the months that are left out, as one batch.
pub(super) fn invoiced_months(found: Vec<InvoicedMonth>) -> Vec<InvoiceRunInvoicedMonth> {
    BatchRow::each(found).into_iter().map(InvoiceRunInvoicedMonth).collect()
}

/// Returns what is to be credited, as one batch.
pub(super) fn to_credit(found: Vec<ToCredit>) -> Vec<InvoiceRunToCredit> {
    BatchRow::each(found).into_iter().map(InvoiceRunToCredit).collect()
}
