//! Requests with an Idempotency-Key, whose mutations are performed exactly one time, however often
//! they are sent; no part of the register.

use sea_orm::entity::prelude::*;

/// A request with an Idempotency-Key. The row is created with the commit of its first mutation.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_request")]
pub struct Model {
    /// Subject of the sender's token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The sender's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the request and of the sender's rights, in hexadecimal.
    pub digest: String,
    /// First revision of a request that a version before 2026-11-30 performed, which stored no
    /// outcomes; null for all others.
    pub revision: Option<i64>,
    /// Time at which its first mutation was committed.
    pub at: DateTimeUtc,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
