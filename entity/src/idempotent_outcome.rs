//! Outcomes of mutations of idempotent requests, from which retries are answered; no part of the
//! register.

use sea_orm::entity::prelude::*;

/// The outcome of one mutation of an idempotent request.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_outcome")]
pub struct Model {
    /// Subject of the request's token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Key of the request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Response key of the mutation in its document: its alias or its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub response_key: String,
    /// Last revision of the audit trail when the mutation was committed.
    pub revision: i64,
    /// Source of its payload, in JSON: ids, deleted ids, warnings, and details that belong to no
    /// object.
    pub outcome: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
