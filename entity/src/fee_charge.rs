//! Yearly fees that an invoice run has invoiced, by line. A fee has at most one such row, unless it
//! was credited.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AgreementId, InvoiceLineId, MemberId},
    kind::ChargeKind,
};

/// A yearly fee that an invoice run has invoiced, with its line. A fee has at most one such row,
/// unless it was credited.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fee_charge")]
pub struct Model {
    /// The line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: InvoiceLineId,
    /// Kind of fee.
    pub kind: ChargeKind,
    /// Calendar year of the fee.
    pub year: i32,
    /// 1 for the first invoicing of the fee; one more for each time that it is invoiced again,
    /// after all earlier ones were credited.
    pub round: i32,
    /// The agreement, for a special fee.
    pub agreement_id: Option<AgreementId>,
    /// The member, for the other two kinds.
    pub member_id: Option<MemberId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
