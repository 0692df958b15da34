//! Tokens that are called back before they expire.
//!
//! Every request is held against what the server knows of them, and asks the database nothing: it reads them when it starts, and again
//! when the trail says that there are more.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use ::entity::{
    audit_entry,
    id::TokenRevocationId,
    kind::SubjectKind,
    token_revocation::{Entity, Model},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    token::Verified,
    viewer::{Deed, Viewer},
};
use crate::{
    audit::{self, Change},
    database::Database,
    error::{Error, Faults, LINE, Result},
};

/// Which tokens are called back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one of this subject that was issued until now.
    Subject(String),
    /// The one with this id (`jti`).
    Token(String),
}

/// Calls tokens back. Whose they were stands in the register only as a digest, which tells nobody who that is.
///
/// # Errors
/// FORBIDDEN unless it is done at the machine, INVALID naming every bad field.
pub async fn revoke(db: &Database, viewer: &Viewer, which: &Which, reason: Option<&str>) -> Result<()> {
    viewer.require(Deed::KeepKeys)?;
    let mut faults = Faults::default();
    let reason = faults.optional_text("reason", reason, LINE);
    let (subject, token) = match which {
        Which::Subject(subject) => (Some(faults.text("subject", subject, LINE)), None),
        Which::Token(id) => (None, Some(faults.text("id", id, LINE))),
    };
    faults.finish()?;
    let mut change = audit::begin(db, viewer, "tokenRevoke").await?;
    note(&mut change, subject.as_deref(), token, reason).await?;
    change.commit().await
}

/// Calls back the tokens of somebody who has no part any more, within the change that says so. A contact's subject is the e-mail address.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn end(change: &mut Change, subject: &str) -> Result<()> {
    note(change, Some(subject), None, Some("the contact has ended".to_owned())).await
}

async fn note(change: &mut Change, subject: Option<&str>, token_id: Option<String>, reason: Option<String>) -> Result<()> {
    let row = Model { id: TokenRevocationId::new(), subject_sha256: subject.map(digest), token_id, revoked_at: change.at(), reason };
    audit::insert(change, row.clone()).await?;
    change.record(SubjectKind::Token, row.id, None::<&()>, Some(&row))
}

/// What a subject is known by here.
fn digest(subject: &str) -> String {
    Sha256::digest(subject).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was called back.
#[derive(Debug, Default)]
struct Known {
    /// By the digest of a subject, the last second in which a token that is called back was issued.
    subjects: HashMap<String, i64>,
    /// Ids of tokens.
    tokens: HashSet<String>,
}

impl Known {
    fn has(&self, token: &Verified) -> bool {
        if token.id.as_ref().is_some_and(|id| self.tokens.contains(id)) {
            return true;
        }
        // Most of the time there is nobody to be compared with, and so nothing to be reckoned.
        let until = if self.subjects.is_empty() { None } else { self.subjects.get(&digest(&token.viewer.subject)) };
        // One that does not say when it was issued may have been issued before.
        until.is_some_and(|until| token.issued.is_none_or(|issued| issued <= *until))
    }
}

/// The tokens that a server knows to be called back.
#[derive(Clone, Debug, Default)]
pub struct Revocations(watch::Sender<Arc<Known>>);

impl Revocations {
    /// # Errors
    /// UNAUTHENTICATED when the token was called back.
    pub fn check(&self, token: &Verified) -> Result<()> {
        let is_revoked = self.0.borrow().has(token);
        if is_revoked { Err(Error::Unauthenticated("the token was revoked; get a new one".into())) } else { Ok(()) }
    }

    /// Tells when more are called back.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// Reads all that were called back.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn read(&self, db: &Database) -> Result<()> {
        let mut known = Known::default();
        for row in Entity::find().all(db.read()).await? {
            if let Some(subject) = row.subject_sha256 {
                let until = known.subjects.entry(subject).or_insert(i64::MIN);
                *until = row.revoked_at.timestamp().max(*until);
            }
            known.tokens.extend(row.token_id);
        }
        self.0.send_replace(Arc::new(known));
        Ok(())
    }

    /// Reads them again when the trail has more of them after this revision, for as long as it is polled.
    pub async fn keep(&self, db: &Database, mut read: i64) {
        let mut changed = db.changed();
        loop {
            let Ok(last) = changed.wait_for(|last| *last > read).await.map(|last| *last) else { return };
            match self.read_between(db, read, last).await {
                Ok(()) => read = last,
                Err(cause) => {
                    tracing::warn!(?cause, "revoked tokens can't be read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn read_between(&self, db: &Database, after: i64, upto: i64) -> Result<()> {
        use audit_entry::Column;
        let more = audit_entry::Entity::find().select_only().column(Column::Revision);
        let more = more.filter(Column::Revision.gt(after)).filter(Column::Revision.lte(upto));
        let more: Option<i64> = more.filter(Column::SubjectKind.eq(SubjectKind::Token)).into_tuple().one(db.read()).await?;
        if more.is_some() { self.read(db).await } else { Ok(()) }
    }
}

/// Tells when more tokens are called back.
#[derive(Debug)]
pub struct Changes(watch::Receiver<Arc<Known>>);

impl Changes {
    /// Ready when there are more than there were.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
