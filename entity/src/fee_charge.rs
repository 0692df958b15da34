//! That a run has invoiced a year's fee, and by which line; the same fee has one such row at most,
//! unless it was credited.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AgreementId, InvoiceLineId, MemberId},
    kind::ChargeKind,
};

/// That a run has invoiced a year's fee, and by which line; the same fee has one such row at most,
/// unless it was credited.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fee_charge")]
pub struct Model {
    /// The line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: InvoiceLineId,
    /// Which fee.
    pub kind: ChargeKind,
    /// The calendar year that it is of.
    pub year: i32,
    /// The first time that it is invoiced, or the so manyth, after all that was invoiced before was
    /// credited.
    pub round: i32,
    /// The agreement, for a special fee.
    pub agreement_id: Option<AgreementId>,
    /// The member, for the other two.
    pub member_id: Option<MemberId>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
