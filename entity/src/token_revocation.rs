//! Tokens that were called back before they expire.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::{MemberId, TokenRevocationId};

/// Tokens that were called back before they expire: all of a subject, or one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "token_revocation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TokenRevocationId,
    /// SHA-256 of whose tokens they are, in hexadecimal; null: it is one token.
    pub subject_sha256: Option<String>,
    /// Which token (`jti`); null: all of the subject.
    pub token_id: Option<String>,
    /// When; of a subject, those are called back that were issued until then.
    pub revoked_at: DateTimeUtc,
    /// Why.
    pub reason: Option<String>,
    /// The association whose contact has ended: only tokens with the role MEMBER alone, and of it,
    /// are revoked. Null: every token.
    pub member_id: Option<MemberId>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
