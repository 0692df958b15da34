//! Vouchers of invoices, payments, reminders, adjustments and bank payments, with the batch of
//! their export.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::ExportBatchId, kind::VoucherSource, partial::partial};

/// A voucher, or a correction of one. A voucher without a batch was booked in another system, as
/// imported history was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "voucher")]
pub struct Model {
    /// Its source.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: VoucherSource,
    /// Id of the invoice, payment, reminder, adjustment or bank payment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source_id: Uuid,
    /// 1 for the voucher of the source; 2, 3 … for its corrections.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i32,
    /// Its series, as `F`; null: it was booked in another system.
    pub series: Option<String>,
    /// The year of its day; null: it was booked in another system.
    pub year: Option<i32>,
    /// 1, 2, 3 … in its series and year; null: it was booked in another system.
    pub number: Option<i32>,
    /// The batch of its export; null: it was booked in another system.
    pub batch_id: Option<ExportBatchId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(source: Source, source_id: SourceId, part: Part, series: Series, year: Year, number: Number, batch_id: BatchId);
