//! Audit entries of minted tokens: rights, expiry, and the subject as a digest.

use ::entity::{
    id::MemberId,
    kind::{Form, PersonKind, SubjectKind},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    revocations,
    token::Minted,
    viewer::{Permission, Viewer},
};
use crate::{
    audit::{self, Action, Person, Personal, Recorded, fields},
    context::Context,
    error::Result,
};

/// The audit entry of a minted token.
#[derive(Debug)]
struct Record<'a> {
    /// The token's id as a UUID; equal to `token_id`.
    id: Uuid,
    /// The token's id (`jti`), by which it can be revoked.
    token_id: String,
    /// SHA-256 of the subject in lower case, in hexadecimal, as in revocations.
    subject_sha256: String,
    roles: Vec<&'static str>,
    member_id: Option<MemberId>,
    activities: &'a [String],
    scopes: &'a [String],
    expires_at: DateTime<Utc>,
}

fields!(Record<'_> { token_id, subject_sha256, roles, member_id, activities, scopes, expires_at } skip { id });

impl Recorded for Record<'_> {
    const FORM: Form = Form::TokenMinting;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Token, self.id)
    }

    fn record_id(&self) -> Uuid {
        self.id
    }

    fn personal(&self) -> Vec<Personal> {
        let digest = self.subject_sha256.get(..32).and_then(|digest| Uuid::try_parse(digest).ok());
        let person = Person { kind: PersonKind::Subject, id: digest.unwrap_or(self.id) };
        vec![Personal::of(person, &["/subject_sha256"])]
    }
}

/// Records that a token was minted for `bearer`.
///
/// # Errors
/// FORBIDDEN unless the command runs on the server, CONFLICT `BUSY`.
pub async fn record(ctx: Context<'_>, bearer: &Viewer, minted: &Minted) -> Result<()> {
    ctx.require(Permission::ManageKeys)?;
    let record = Record {
        id: minted.id,
        token_id: minted.id.to_string(),
        subject_sha256: revocations::address(&bearer.subject),
        roles: bearer.roles.iter().map(|role| role.word()).collect(),
        member_id: bearer.member,
        activities: &bearer.activities,
        scopes: &bearer.scopes,
        expires_at: minted.expires_at,
    };
    let mut change = audit::begin(ctx, Action::TokenMint).await?;
    change.record(None, Some(&record))?;
    change.commit().await
}
