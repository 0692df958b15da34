//! Attribution of an invoice's payments to its lines, by day.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::InvoiceId, money::Money, partial::partial};

/// The change on a day of the paid sum that is attributed to a line of an invoice. It comes from
/// payments, and from credit notes, which leave more to the other lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "attribution")]
pub struct Model {
    /// The invoice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: InvoiceId,
    /// The day on which it counts.
    #[sea_orm(primary_key, auto_increment = false)]
    pub counted_on: NaiveDate,
    /// The position of the line in the invoice, 1 for the first; 0 for sums that pay no line:
    /// overpayments, and the rounding to whole kronor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// Öre; the whole sum if it pays no line.
    pub net: Money,
    /// Öre; zero if it pays no line.
    pub vat: Money,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(invoice_id: InvoiceId, counted_on: CountedOn, position: Position, net: Net, vat: Vat);
