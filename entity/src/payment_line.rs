//! A payment's share in one line, so that revenue by activity always adds up to what was paid.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{InvoiceLineId, PaymentId},
    money::Money,
    sparse::sparse,
};

/// A payment's share in one line, so that revenue by activity always adds up to what was paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "payment_line")]
pub struct Model {
    /// The payment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: PaymentId,
    /// The line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: InvoiceLineId,
    /// Öre.
    pub net: Money,
    /// Öre.
    pub vat: Money,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

sparse!(payment_id: PaymentId, line_id: LineId, net: Net, vat: Vat);
