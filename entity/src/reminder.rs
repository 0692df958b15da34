//! Reminders (påminnelser) of invoices.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{InvoiceId, ReminderId},
    money::Money,
    partial::partial,
};

/// A reminder (påminnelse) of an invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "reminder")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReminderId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Day of the reminder.
    pub sent_on: NaiveDate,
    /// Fee, öre.
    pub fee: Money,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, invoice_id: InvoiceId, sent_on: SentOn, fee: Fee);
