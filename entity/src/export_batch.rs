//! Batches of vouchers that were exported to the bookkeeping program.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::ExportBatchId, partial::partial};

/// A batch of vouchers that was exported to the bookkeeping program, with its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "export_batch")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ExportBatchId,
    /// 1, 2, 3 …
    pub number: i32,
    /// Time of the export.
    pub made_at: DateTime<Utc>,
    /// Last day of its vouchers, inclusive.
    pub through_on: NaiveDate,
    /// Number of vouchers.
    pub vouchers: i32,
    /// SHA-256 of the series, years and numbers of its vouchers, in hexadecimal.
    pub vouchers_sha256: String,
    /// SHA-256 of its file, in hexadecimal.
    pub file_sha256: String,
    /// Its file (SIE 4I).
    pub content: Vec<u8>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, number: Number, made_at: MadeAt, through_on: ThroughOn, vouchers: Vouchers, vouchers_sha256: VouchersSha256, file_sha256: FileSha256, content: Content);
