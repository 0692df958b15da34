//! Adjustments of invoices: refunds and write-offs.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AdjustmentId, BankPaymentId, InvoiceId},
    kind::AdjustmentKind,
    money::Money,
    partial::partial,
};

/// A refund (återbetalning) or a write-off (öresutjämning) of an invoice, or the reversal of one.
/// None is ever deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "adjustment")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AdjustmentId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Refund or write-off.
    pub kind: AdjustmentKind,
    /// Its own day: of a refund, the day in the bank; of a write-off, the day on which the
    /// difference arose.
    pub dated_on: NaiveDate,
    /// Öre. Of a refund, the repaid sum; of a write-off, the written-off part of the claim,
    /// negative for an overpayment that the network retains. A reversal has the opposite sign of
    /// the adjustment that it reverses.
    pub amount: Money,
    /// The bank's own reference of a refund; a number for a write-off. Unique together with invoice
    /// and kind.
    pub reference: String,
    /// The bank payment that records the refund; null: none.
    pub bank_payment_id: Option<BankPaymentId>,
    /// The adjustment that this one reverses; null: it reverses none.
    pub reverses_id: Option<AdjustmentId>,
    /// Reason for a manual write-off, or for a reversal; null: none was stated.
    pub reason: Option<String>,
    /// Day in the books, if different from `dated_on`; null: the same.
    pub booked_on: Option<NaiveDate>,
}

impl Model {
    /// Returns the day in the books.
    #[must_use]
    pub fn day_in_books(&self) -> NaiveDate {
        self.booked_on.unwrap_or(self.dated_on)
    }
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, invoice_id: InvoiceId, kind: Kind, dated_on: DatedOn, amount: Amount, reference: Reference, bank_payment_id: BankPaymentId, reverses_id: ReversesId, reason: Reason, booked_on: BookedOn);
