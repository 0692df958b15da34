//! GraphQL type of reminders.

use ::entity::{id::InvoiceId, reminder};
use async_graphql::{Context, Description, ID, Object};

use crate::graphql::{
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{Column, ConnectionNode},
    cost::{cost, unversioned},
    file_links::link,
    invoices::{relations::invoice_of, types::Invoice},
    scalars::{Date, DateTime, Money, Url, node_id},
    times,
};
use domain::{
    error::Result,
    invoices::documents,
    receivables::{reminder_fees::claimed_fees, reminders},
};

/// A reminder (påminnelse) of an invoice.
#[derive(Clone, Description)]
pub struct Reminder(pub BatchRow<reminder::Model>);

#[Object(use_type_description)]
impl Reminder {
    /// Global id of the reminder, opaque. Pass it to `node`.
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

    /// Invoice that it reminds of.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
    }

    /// Day on which it was sent.
    async fn sent_on(&self) -> Date {
        Date(self.0.sent_on)
    }

    /// Reminder fee (påminnelseavgift) in kronor, at most 60.00 by law 1981:739, or the
    /// compensation for the delay (förseningsersättning), 450.00; zero when none was agreed.
    async fn fee(&self) -> Money {
        self.0.fee.into()
    }

    /// Fees of earlier reminders of the invoice in kronor, which are still owed and listed on its
    /// document in addition to its own fee; zero: none.
    async fn earlier_fees(&self, ctx: &Context<'_>) -> Result<Money> {
        let found = self.0.load(ctx, "", || async {
            let sent = reminders::of_invoices(caller(ctx), &reminded(&self.0)).await?;
            Ok(grouped(sent, |row| row.invoice_id))
        });
        let found = found.await?;
        let all = found.get(&self.0.invoice_id).map(Vec::as_slice).unwrap_or_default();
        Ok(claimed_fees(all, &self.0).earlier_sum().into())
    }

    /// Link to the PDF/A file in Swedish: absolute, and signed so that it opens without a token for
    /// some minutes. It shows the sum that was unpaid on the day, the interest to date that no
    /// interest invoice claims, and the fees. Null for imported history without a document of the
    /// invoice.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Option<Result<Url>> {
        let found = self.0.load(ctx, "", || async {
            documents::with_content(caller(ctx), &reminded(&self.0)).await
        });
        let path = format!("/files/reminders/{}.pdf", node_id(self.0.id).as_str());
        match found.await {
            Ok(found) if !found.contains(&self.0.invoice_id) => None,
            Ok(_) => Some(link(ctx, &path, None, valid_for_seconds)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Returns the invoices of all reminders of the batch.
fn reminded(row: &BatchRow<reminder::Model>) -> Vec<InvoiceId> {
    distinct(row.batch_rows().iter().map(|row| row.invoice_id))
}

impl ConnectionNode for Reminder {
    type Row = reminder::Model;
    const NAME: &'static str = "Reminder";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use reminder::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "sentOn" => &[C::SentOn],
            "fee" => &[C::Fee],
            "earlierFees" => &[C::SentOn, C::Fee],
            "id" | "createdAt" | "updatedAt" | "invoice" | "pdfUrl" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[reminder::Column::Id, reminder::Column::InvoiceId]
    }
}
