//! Files of issued invoices, stored byte for byte.

use sea_orm::entity::prelude::*;

use crate::{id::InvoiceId, kind::FileFormat};

/// A file of an issued invoice, stored byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_file")]
pub struct Model {
    /// The invoice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: InvoiceId,
    /// Format of the file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub format: FileFormat,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
