//! GraphQL types of payments, refunds and write-offs of invoices.

use ::entity::{adjustment, payment};
use async_graphql::{Context, Description, Enum, ID, Object};

use super::bank::types::BankPayment;
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Column, ConnectionNode},
    cost::{cost, unversioned},
    invoices::{
        relations::{invoice_of, original_of, reversal_of},
        types::Invoice,
    },
    request::LongText,
    scalars::{Date, DateTime, Money, node_id},
    times,
};
use domain::{
    change_feed::times::Parts,
    error::Result,
    invoices::differences,
    payments::{bank, refunds, reverse},
};

/// The part of an invoice in whose entries the trail has payments.
const PART: times::PartOf<payment::Model> =
    times::PartOf { parts: Parts::Payments, id: |row| row.id.0, owner: |row| row.invoice_id.0 };

/// A payment of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Payment(pub BatchRow<payment::Model>);

#[Object(use_type_description)]
impl Payment {
    /// Global id of the payment, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time at which it was recorded, as in the audit trail; null when the trail has no entry that
    /// you may learn of.
    #[graphql(directive = cost::apply("10".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.created_at(ctx, &self.0).await
    }

    /// The same as `createdAt`: a payment never changes. A reversal is a payment of its own.
    #[graphql(directive = cost::apply("10".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        PART.created_at(ctx, &self.0).await
    }

    /// Invoice that it pays.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
    }

    /// Day at the bank; of a reversal, the day from which it applies.
    async fn received_on(&self) -> Date {
        Date(self.0.received_on)
    }

    /// Day in the books, which revenue, receivables and vouchers follow; lateness and interest
    /// follow `receivedOn`. It differs when the payment was matched in a later month, or when the
    /// period of `receivedOn` was closed.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Received amount in kronor; of a reversal, the whole payment as a negative amount.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Reference of the bank.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// Payment that this one reverses (`paymentReverse`); null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this payment; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null for a payment.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }

    /// `true` if you may reverse the payment (`paymentReverse`): it is neither a reversal nor
    /// reversed.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_reverse(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || reverse::reversible(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id.0))
    }
}

impl ConnectionNode for Payment {
    type Row = payment::Model;
    const NAME: &'static str = "Payment";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use payment::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "receivedOn" => &[C::ReceivedOn],
            "bookedOn" => &[C::ReceivedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "reverses" | "viewerCanReverse" => &[C::ReversesId],
            "reason" => &[C::Reason],
            "id" | "createdAt" | "updatedAt" | "invoice" | "reversedBy" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[payment::Column::Id, payment::Column::InvoiceId]
    }
}

/// Difference between the paid sum and the total of an invoice.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "differences::Difference")]
pub enum InvoiceDifference {
    /// Less than one krona is unpaid or overpaid.
    OreOnly,
    /// The overpaid sum equals one of two payments of the same amount.
    PaidTwice,
    /// At least twice the total of the invoice was paid.
    PaidDoubleOrMore,
    /// Another sum is overpaid.
    Overpaid,
}

/// A refund (återbetalning) of an overpayment of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Refund(pub BatchRow<adjustment::Model>);

#[Object(use_type_description)]
impl Refund {
    /// Global id of the refund, opaque. Pass it to `node` and to inputs.
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

    /// Invoice whose overpayment it refunds.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
    }

    /// Day at the bank; of a reversal, the day from which it applies.
    async fn paid_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books, which revenue, receivables and vouchers follow. It differs from `paidOn`
    /// when the period of that day was closed, or when a row of the bank's file was recorded again
    /// after a reversal.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Refunded amount in kronor; of a reversal, the whole refund as a negative amount.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Reference of the bank.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// Outgoing bank payment that reported the refund; null when none did, or you may not see it.
    async fn bank_payment(&self, ctx: &Context<'_>) -> Option<Result<BankPayment>> {
        bank_payment_of(ctx, &self.0).await.transpose()
    }

    /// Refund that this one reverses (`refundReverse`); null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this refund; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null for a refund.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }

    /// `true` if you may reverse the refund (`refundReverse`): it is neither a reversal nor
    /// reversed.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_reverse(&self, ctx: &Context<'_>) -> Result<bool> {
        let found =
            self.0.load(ctx, "", || refunds::reverse::reversible(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id.0))
    }
}

impl ConnectionNode for Refund {
    type Row = adjustment::Model;
    const NAME: &'static str = "Refund";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use adjustment::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "paidOn" => &[C::DatedOn],
            "bookedOn" => &[C::DatedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "bankPayment" => &[C::BankPaymentId],
            "reverses" | "viewerCanReverse" => &[C::ReversesId],
            "reason" => &[C::Reason],
            "id" | "createdAt" | "updatedAt" | "invoice" | "reversedBy" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[adjustment::Column::Id, adjustment::Column::InvoiceId]
    }
}

/// Returns the bank payment that reported each row of a batch.
async fn bank_payment_of(
    ctx: &Context<'_>,
    row: &BatchRow<adjustment::Model>,
) -> Result<Option<BankPayment>> {
    connection::referenced::<BankPayment, _, _>(
        ctx,
        row,
        |row| row.bank_payment_id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(bank::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// A write-off (öresutjämning) of a difference of less than one krona, or the reversal of one.
#[derive(Clone, Description)]
pub struct WriteOff(pub BatchRow<adjustment::Model>);

#[Object(use_type_description)]
impl WriteOff {
    /// Global id of the write-off, opaque. Pass it to `node`.
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

    /// Invoice whose difference is written off.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
    }

    /// Day from which it applies.
    async fn written_off_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books, which receivables and vouchers follow. It differs from `writtenOffOn` when
    /// the period of that day was closed, or the payments are booked later.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Written-off amount in kronor; negative for an overpayment that is not refunded.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Write-off that this one reverses because the difference has changed; null unless it is a
    /// reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this write-off; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of a manual write-off or of a reversal; null when it was automatic.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

impl ConnectionNode for WriteOff {
    type Row = adjustment::Model;
    const NAME: &'static str = "WriteOff";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use adjustment::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "writtenOffOn" => &[C::DatedOn],
            "bookedOn" => &[C::DatedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            "id" | "createdAt" | "updatedAt" | "invoice" | "reversedBy" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[adjustment::Column::Id, adjustment::Column::InvoiceId]
    }
}
