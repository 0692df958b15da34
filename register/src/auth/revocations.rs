//! Tokens that no longer hold before they expire: those that were called back, and those of contacts that have ended.
//!
//! Every request is held against what the server knows of them, and asks the database nothing: it reads them when it starts, and again
//! when the trail says that there are more.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use ::entity::{
    audit_entry, contact,
    id::TokenRevocationId,
    kind::SubjectKind,
    token_revocation::{Entity, Model},
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    token::Verified,
    viewer::{Deed, Viewer},
};
use crate::{
    audit::{self, Change},
    clock::start_of,
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

/// Calls back the tokens of a contact, whose subject is the e-mail address, within the change that ends it: those too that were issued after
/// its last day, when that is told afterwards.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn end(change: &mut Change, email: &str) -> Result<()> {
    note(change, Some(email), None, Some("the contact has ended".to_owned())).await
}

async fn note(change: &mut Change, subject: Option<&str>, token_id: Option<String>, reason: Option<String>) -> Result<()> {
    let row = Model { id: TokenRevocationId::new(), subject_sha256: subject.map(address), token_id, revoked_at: change.at(), reason };
    audit::insert(change, row.clone()).await?;
    change.record(SubjectKind::Token, row.id, None::<&()>, Some(&row))
}

/// What a subject is known by here.
fn digest(subject: &str) -> String {
    Sha256::digest(subject).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same of an e-mail address, in capitals or small letters: whoever issues tokens may write it otherwise.
fn address(subject: &str) -> String {
    digest(&subject.to_lowercase())
}

/// Why a token no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has expired.
    Expired,
    /// It was called back.
    Revoked,
    /// It was issued to a contact that has ended since.
    Ended,
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self::Unauthenticated(match reason {
            Reason::Expired => "the token has expired".into(),
            Reason::Revoked => "the token was revoked; get a new one".into(),
            Reason::Ended => "the token was issued to a contact that has ended; get a new one".into(),
        })
    }
}

/// What was called back, and who has ended.
#[derive(Debug, Default)]
struct Known {
    /// By the digest of a subject, the last second in which a token that is called back was issued.
    subjects: HashMap<String, i64>,
    /// Ids of tokens.
    tokens: HashSet<String>,
    /// By the digest of an e-mail address, the first instant after the last day of the last contact that has it, past or to come.
    ended: HashMap<String, DateTime<Utc>>,
}

impl Known {
    /// Until when the token holds, and why no longer. One that does not say when it was issued may have been issued before anything.
    fn until(&self, token: &Verified) -> (DateTime<Utc>, Reason) {
        let revoked = (DateTime::<Utc>::MIN_UTC, Reason::Revoked);
        if token.id.as_ref().is_some_and(|id| self.tokens.contains(id)) {
            return revoked;
        }
        let expires = (token.until, Reason::Expired);
        // Most of the time there is nobody to be compared with, and so nothing to be reckoned.
        if self.subjects.is_empty() && self.ended.is_empty() {
            return expires;
        }
        let (own, exact) = (address(&token.viewer.subject), digest(&token.viewer.subject));
        // Rows of before are of subjects as they were written.
        let last = self.subjects.get(&own).max(self.subjects.get(&exact));
        if last.is_some_and(|last| token.issued.is_none_or(|issued| issued <= *last)) {
            return revoked;
        }
        match self.ended.get(&own) {
            Some(end) if *end < token.until && token.issued.is_none_or(|issued| issued < end.timestamp()) => (*end, Reason::Ended),
            _ => expires,
        }
    }
}

/// The tokens that a server knows to hold no longer than until some instant.
#[derive(Clone, Debug, Default)]
pub struct Revocations(watch::Sender<Arc<Known>>);

impl Revocations {
    /// Until when a token holds as far as is known, and why no longer.
    #[must_use]
    pub fn until(&self, token: &Verified) -> (DateTime<Utc>, Reason) {
        self.0.borrow().until(token)
    }

    /// # Errors
    /// UNAUTHENTICATED when the token no longer holds.
    pub fn check(&self, token: &Verified, now: DateTime<Utc>) -> Result<()> {
        let (until, reason) = self.until(token);
        if now < until { Ok(()) } else { Err(reason.into()) }
    }

    /// Tells when there is more to know.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// Reads all that was called back, and who has ended.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn read(&self, db: &Database) -> Result<()> {
        let mut known = Known { ended: ended(db).await?, ..Known::default() };
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
        let more = more.filter(Column::SubjectKind.is_in([SubjectKind::Token, SubjectKind::Contact])).limit(1);
        let more: Option<i64> = more.into_tuple().one(db.read()).await?;
        if more.is_some() { self.read(db).await } else { Ok(()) }
    }
}

/// By the digest of each e-mail address whose every contact has a last day, the first instant after the last of these days.
async fn ended(db: &Database) -> Result<HashMap<String, DateTime<Utc>>> {
    use contact::Column;
    let rows = contact::Entity::find().select_only().column(Column::Email).expr(Column::ValidTo.max());
    let rows = rows.expr(Expr::cust("COUNT(*) = COUNT(valid_to)")).filter(Column::Email.is_not_null()).group_by(Column::Email);
    let rows: Vec<(String, Option<NaiveDate>, bool)> = rows.into_tuple().all(db.read()).await?;
    let mut ended: HashMap<String, Option<DateTime<Utc>>> = HashMap::with_capacity(rows.len());
    for (email, last, all_end) in rows {
        let end = last.filter(|_| all_end).and_then(|last| last.succ_opt()).map(start_of);
        // The same address, written otherwise.
        let of_all = ended.entry(address(&email)).or_insert(end);
        *of_all = of_all.zip(end).map(|(one, other)| one.max(other));
    }
    Ok(ended.into_iter().filter_map(|(subject, end)| Some((subject, end?))).collect())
}

/// Tells when there is more to know of tokens that no longer hold.
#[derive(Debug)]
pub struct Changes(watch::Receiver<Arc<Known>>);

impl Changes {
    /// Ready when there is more than there was.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
