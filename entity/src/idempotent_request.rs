//! A request that shall be done once however often it comes (Idempotency-Key), with its first answer; no part of the register.

use sea_orm::entity::prelude::*;

/// A request that shall be done once.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_request")]
pub struct Model {
    /// Who asked: the token's subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The name that they gave to the request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the request and of the sender's rights, in hexadecimal.
    pub digest: String,
    /// The first entry that it made in the audit trail; null: it made none.
    pub revision: Option<i64>,
    /// When.
    pub at: DateTimeUtc,
    /// The first answer, in JSON; null: the deed was done and nothing more is known.
    pub answer: Option<String>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
