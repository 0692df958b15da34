//! Which payments were made of a bank payment; the reversal of one counts to it too, so that their
//! sum is what is matched.

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

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(payment_id: PaymentId, bank_payment_id: BankPaymentId);
