//! An adjustment of an invoice: what was paid back of it, or a small difference that was written
//! off.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AdjustmentId, BankPaymentId, InvoiceId},
    kind::AdjustmentKind,
    money::Money,
    partial::partial,
};

/// A refund (återbetalning) or a write-off (öresutjämning) of an invoice, or the reversal of one:
/// none is ever removed.
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
    /// Its own day: of a refund, that in the bank; of a write-off, that on which the difference
    /// arose.
    pub dated_on: NaiveDate,
    /// Öre. Of a refund, what was paid back; of a write-off, what of the claim was given up, below
    /// zero for an overpayment that is kept. A reversal has the opposite sign of what it reverses.
    pub amount: Money,
    /// The bank's own reference of a refund; a number for a write-off. With invoice and kind it
    /// names the row.
    pub reference: String,
    /// The row of the bank's file that tells of the refund; null: none does.
    pub bank_payment_id: Option<BankPaymentId>,
    /// The adjustment that this one reverses; null: it reverses none.
    pub reverses_id: Option<AdjustmentId>,
    /// Reason for writing it off manually, or for reversing it; null: none was given.
    pub reason: Option<String>,
    /// Day in the books, when it is another than `dated_on`; null: the same.
    pub booked_on: Option<NaiveDate>,
}

impl Model {
    /// Returns the day in the books.
    #[must_use]
    pub fn day_in_books(&self) -> NaiveDate {
        self.booked_on.unwrap_or(self.dated_on)
    }
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, invoice_id: InvoiceId, kind: Kind, dated_on: DatedOn, amount: Amount, reference: Reference, bank_payment_id: BankPaymentId, reverses_id: ReversesId, reason: Reason, booked_on: BookedOn);
