//! Invoice payments that were made of a bank payment, with their reversals: their sum is the
//! matched sum.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{BankPaymentId, PaymentId},
    partial::partial,
};

/// A payment that was made of a bank payment, or the reversal of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "bank_payment_part")]
pub struct Model {
    /// The payment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: PaymentId,
    /// The bank payment.
    pub bank_payment_id: BankPaymentId,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(payment_id: PaymentId, bank_payment_id: BankPaymentId);
