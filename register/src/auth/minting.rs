//! Minting in the audit trail: that a token was made, for which rights and until when, with its subject as a digest.

use ::entity::{id::MemberId, kind::SubjectKind};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    revocations,
    token::Minted,
    viewer::{Deed, Viewer},
};
use crate::{audit, database::Database, error::Result};

/// What the trail says of a token that was minted.
#[derive(Serialize)]
struct Record<'a> {
    /// The token's id (`jti`), by which it can be revoked.
    token_id: String,
    /// SHA-256 of the subject in small letters, in hexadecimal, as in revocations.
    subject_sha256: String,
    roles: Vec<&'static str>,
    member_id: Option<MemberId>,
    activities: &'a [String],
    scopes: &'a [String],
    expires_at: DateTime<Utc>,
}

/// Records that a token was minted for `bearer`.
///
/// # Errors
/// FORBIDDEN unless it is done at the machine, CONFLICT `BUSY`.
pub async fn record(db: &Database, viewer: &Viewer, bearer: &Viewer, minted: &Minted) -> Result<()> {
    viewer.require(Deed::KeepKeys)?;
    let record = Record {
        token_id: minted.id.to_string(),
        subject_sha256: revocations::address(&bearer.subject),
        roles: bearer.roles.iter().map(|role| role.word()).collect(),
        member_id: bearer.member,
        activities: &bearer.activities,
        scopes: &bearer.scopes,
        expires_at: minted.expires_at,
    };
    let mut change = audit::begin(db, viewer, "tokenMint").await?;
    change.record(SubjectKind::Token, minted.id, None::<&()>, Some(&record))?;
    change.commit().await
}
