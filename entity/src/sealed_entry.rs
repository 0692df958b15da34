//! Entries of the audit trail with fields that are sealed with a person's key, so that an erasure
//! can list them.

use sea_orm::entity::prelude::*;

/// An entry of the audit trail with fields that are sealed with a key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sealed_entry")]
pub struct Model {
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: Uuid,
    /// The entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
