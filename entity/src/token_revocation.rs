//! Revocations of tokens.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::id::{MemberId, TokenRevocationId};

/// A revocation of tokens before they expire: all of a subject, or one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "token_revocation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TokenRevocationId,
    /// SHA-256 of the tokens' subject, in hexadecimal; null: it is one token.
    pub subject_sha256: Option<String>,
    /// Id of the token (`jti`); null: all of the subject.
    pub token_id: Option<String>,
    /// Time of the revocation. Of a subject, tokens issued until then are revoked.
    pub revoked_at: DateTimeUtc,
    /// Reason.
    pub reason: Option<String>,
    /// The association whose contact has ended: only its tokens with MEMBER as the only role are
    /// revoked. Null: every token.
    pub member_id: Option<MemberId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
