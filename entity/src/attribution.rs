//! What of an invoice's payments came to lie on which of its lines, by day.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::InvoiceId, money::Money, partial::partial};

/// What came to lie on a line of an invoice on a day, or was taken from it, of all that is paid of
/// the invoice: by its payments, and by its credit notes, which leave more to the other lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "attribution")]
pub struct Model {
    /// The invoice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: InvoiceId,
    /// The day that it counts on.
    #[sea_orm(primary_key, auto_increment = false)]
    pub counted_on: NaiveDate,
    /// The place of the line in the invoice, 1 for the first; 0 for what pays no line:
    /// overpayments, and the rounding to whole kronor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// Öre; all of it when it pays no line.
    pub net: Money,
    /// Öre; nought when it pays no line.
    pub vat: Money,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(invoice_id: InvoiceId, counted_on: CountedOn, position: Position, net: Net, vat: Vat);
