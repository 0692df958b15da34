//! Bytes of uploaded files, stored a single time for equal files.

use sea_orm::entity::prelude::*;

/// The bytes of uploaded files.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stored_content")]
pub struct Model {
    /// SHA-256 of the bytes, in hexadecimal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sha256: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
