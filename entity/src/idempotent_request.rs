//! A request with an Idempotency-Key, whose mutations are done once however often it comes; no part
//! of the register.

use sea_orm::entity::prelude::*;

/// A request with an Idempotency-Key. It is there once one of its mutations is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_request")]
pub struct Model {
    /// Subject of the sender's token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The key that the sender gave.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the request and of the sender's rights, in hexadecimal.
    pub digest: String,
    /// First revision of a request that a version of before 2026-11-30 did, which stored no
    /// outcomes; null for all others.
    pub revision: Option<i64>,
    /// Time at which its first mutation was committed.
    pub at: DateTimeUtc,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
