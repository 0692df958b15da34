//! Payments of invoices, and their reversals.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    id::{InvoiceId, PaymentId},
    money::Money,
    partial::partial,
};

/// A payment of an invoice, or the reversal of one (rättelse). A payment is never deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "payment")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Day in the bank; of a reversal, the day from which it counts.
    pub received_on: NaiveDate,
    /// Öre; positive, but of a reversal negative: the whole amount of the payment that it reverses.
    pub amount: Money,
    /// The bank's own reference: a payment with the same reference is the same payment.
    pub reference: String,
    /// The payment that this one reverses; null: this is a payment.
    pub reverses_id: Option<PaymentId>,
    /// Reason for the reversal; null: this is a payment.
    pub reason: Option<String>,
    /// Day in the books, if different from `received_on`; null: the same.
    pub booked_on: Option<NaiveDate>,
}

impl Model {
    /// Returns the day in the books. Lateness and interest depend on `received_on`, revenue and
    /// vouchers on this day.
    #[must_use]
    pub fn day_in_books(&self) -> NaiveDate {
        self.booked_on.unwrap_or(self.received_on)
    }
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, invoice_id: InvoiceId, received_on: ReceivedOn, amount: Amount, reference: Reference, reverses_id: ReversesId, reason: Reason, booked_on: BookedOn);
