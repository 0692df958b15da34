//! Tokens that become invalid before they expire: revoked tokens, tokens of members that have left,
//! and tokens of members' contacts that have ended.
//!
//! Every request is checked against a copy in memory. The server reads the copy at start, and again
//! when the audit trail has a new revocation, or continues from an earlier revision: at the latest
//! for the first request that comes after its commit ([`Revocations::catch_up`]).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use ::entity::{
    audit_entry, contact,
    id::{MemberId, TokenRevocationId},
    kind::SubjectKind,
    member,
    token_revocation::{Entity, Model},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Notify, watch};
use uuid::Uuid;

use super::{
    token::Verified,
    viewer::{Permission, Role},
};
use crate::{
    audit::{self, Action, Change},
    clock::{day_of, start_of},
    context::Context,
    database::{Database, LastEntry, among},
    error::{Error, LINE, Result, ValidationErrors},
};

/// The tokens to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationTarget {
    /// Every token of this subject that was issued until now.
    Subject(String),
    /// The token with this id (`jti`).
    Token(String),
}

/// Revokes tokens. The database stores the subject only as a digest, which does not reveal the
/// person.
///
/// # Errors
/// FORBIDDEN unless the command runs on the server, INVALID naming every bad field.
pub async fn revoke(
    ctx: Context<'_>,
    target: &RevocationTarget,
    reason: Option<&str>,
) -> Result<()> {
    ctx.require(Permission::ManageKeys)?;
    let mut errors = ValidationErrors::default();
    let reason = errors.optional_text("reason", reason, LINE);
    let (subject, token) = match target {
        RevocationTarget::Subject(subject) => (Some(errors.text("subject", subject, LINE)), None),
        RevocationTarget::Token(id) => (None, Some(errors.text("id", id, LINE))),
    };
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::TokenRevoke).await?;
    let subject_sha256 = subject.as_deref().map(address);
    insert(&mut change, Model { subject_sha256, token_id: token, reason, ..Model::default() })
        .await?;
    change.commit().await
}

/// Reason recorded when the tokens of a contact that has ended are revoked.
const CONTACT_ENDED: &str = "the contact has ended";

/// Revokes the tokens of an association's contact, whose subject is the e-mail address, in the
/// transaction that ends the contact. Includes tokens that were issued after the contact's last
/// day, if that day is recorded afterwards. Tokens with a role other than MEMBER, or of another
/// association, stay valid: an auditor whose address is among a member's contacts must not be
/// locked out.
pub async fn revoke_for_ended_contact(
    change: &mut Change,
    email: &str,
    member: MemberId,
) -> Result<()> {
    let row = Model {
        subject_sha256: Some(address(email)),
        reason: Some(CONTACT_ENDED.to_owned()),
        member_id: Some(member),
        ..Model::default()
    };
    insert(change, row).await
}

async fn insert(change: &mut Change, row: Model) -> Result<()> {
    let row = Model { id: TokenRevocationId::new(), revoked_at: change.at(), ..row };
    audit::insert(change, row.clone()).await?;
    change.record(None, Some(&row))
}

/// Returns the digest by which a subject is stored.
fn digest(subject: &str) -> String {
    hex::encode(Sha256::digest(subject))
}

/// Returns the digest of an e-mail address in lower case: issuers differ in case.
pub(super) fn address(subject: &str) -> String {
    digest(&subject.to_lowercase())
}

/// Reason why a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// It was issued to a contact that has ended.
    Ended,
    /// The membership of its bearer's association has ended.
    Left,
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self::Unauthenticated(match reason {
            Reason::Expired => "the token has expired".into(),
            Reason::Revoked => "the token was revoked; get a new one".into(),
            Reason::Ended => {
                "the token was issued to a contact that has ended; get a new one".into()
            }
            Reason::Left => "the token is of an association whose membership has ended".into(),
        })
    }
}

/// A subject by its digest, and the association that it is a contact of; null: its tokens for any
/// association.
type Bearer = (String, Option<MemberId>);

/// The revocations, ended contacts and former members, in memory.
#[derive(Debug, Default)]
struct RevocationState {
    /// The last second in which a revoked token was issued.
    subjects: HashMap<Bearer, i64>,
    /// Subjects whose tokens with MEMBER as the only role are revoked up to this second. From old
    /// rows, which do not name the association.
    members_only: HashMap<String, i64>,
    /// Ids of revoked tokens.
    tokens: HashSet<String>,
    /// By e-mail address and association: the first instant after the last day of the last contact
    /// that has this address, past or future.
    ended: HashMap<(String, MemberId), DateTime<Utc>>,
    /// Members that have left or will leave, with the first instant after their last day.
    left: HashMap<MemberId, DateTime<Utc>>,
}

impl RevocationState {
    /// Returns the time from which the token is invalid, and the reason. A token without a time of
    /// issue counts as issued before every revocation.
    fn until(&self, token: &Verified, former_days: TimeDelta) -> (DateTime<Utc>, Reason) {
        let revoked = (DateTime::<Utc>::MIN_UTC, Reason::Revoked);
        if token.id.as_ref().is_some_and(|id| self.tokens.contains(id)) {
            return revoked;
        }
        let (viewer, mut until) = (&token.viewer, (token.until, Reason::Expired));
        // The rights change at the end of a membership, so a token that may read for some time
        // after it must be checked again then.
        let left = viewer.member.and_then(|member| self.left.get(&member));
        if let Some(end) = left
            .map(|end| if viewer.is_former_member { *end + former_days } else { *end })
            .filter(|end| *end < until.0)
        {
            until = (end, Reason::Left);
        }
        // Usually nothing is revoked, and no digest needs to be calculated.
        if self.subjects.is_empty() && self.members_only.is_empty() && self.ended.is_empty() {
            return until;
        }
        let (own, exact) = (address(&viewer.subject), digest(&viewer.subject));
        let of_contact = viewer.member.filter(|_| viewer.roles == [Role::Member]);
        // Old rows hold the digest of the subject in its original case.
        let mut last =
            self.subjects.get(&(exact.clone(), None)).max(self.subjects.get(&(own.clone(), None)));
        if let Some(member) = of_contact {
            last = last.max(self.subjects.get(&(own.clone(), Some(member))));
            last = last.max(self.members_only.get(&own)).max(self.members_only.get(&exact));
        }
        if last.is_some_and(|last| token.issued.is_none_or(|issued| issued <= *last)) {
            return revoked;
        }
        match of_contact.and_then(|member| self.ended.get(&(own, member))) {
            Some(end)
                if *end < until.0 && token.issued.is_none_or(|issued| issued < end.timestamp()) =>
            {
                (*end, Reason::Ended)
            }
            _ => until,
        }
    }

    /// Removes from a token the rights of a membership that has ended at `now`: all of them, or all
    /// but reading a former member's own agreements and invoices. A token with other roles retains
    /// those.
    fn narrow(&self, token: &mut Verified, former_days: TimeDelta, now: DateTime<Utc>) {
        let viewer = &mut token.viewer;
        let Some(end) =
            viewer.member.and_then(|member| self.left.get(&member)).filter(|end| **end <= now)
        else {
            return;
        };
        if now < *end + former_days {
            viewer.is_former_member = true;
        } else if viewer.roles != [Role::Member] {
            viewer.roles.retain(|role| *role != Role::Member);
            viewer.member = None;
        }
    }
}

/// The tokens that are invalid or will become so, as far as the server knows.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    known: watch::Sender<Arc<RevocationState>>,
    progress: Arc<Progress>,
    /// Time for which a member that has left may read its own agreements and invoices.
    former_days: TimeDelta,
}

/// The part of the audit trail whose revocations are known.
#[derive(Debug, Default)]
struct Progress {
    /// Last entry up to which they were read; `None` before the first read.
    upto: std::sync::Mutex<Option<LastEntry>>,
    /// Held while they are read.
    reading: Arc<Mutex<()>>,
    /// Notified when [`Revocations::refresh_continuously`] shall read them.
    due: Notify,
}

impl Progress {
    /// Returns the entry up to which they were read, if `last` was read later.
    fn before(&self, last: &LastEntry) -> Option<LastEntry> {
        let upto = self.upto.lock().unwrap_or_else(PoisonError::into_inner);
        upto.as_ref().filter(|upto| upto.sequence < last.sequence).cloned()
    }

    fn set(&self, last: LastEntry) {
        let mut upto = self.upto.lock().unwrap_or_else(PoisonError::into_inner);
        if upto.as_ref().is_none_or(|upto| upto.sequence <= last.sequence) {
            *upto = Some(last);
        }
    }
}

impl Revocations {
    /// Returns an empty list. A member that has left may read its own agreements and invoices for
    /// `former_days` days.
    #[must_use]
    pub fn new(former_days: u16) -> Self {
        Self { former_days: TimeDelta::days(i64::from(former_days)), ..Self::default() }
    }

    /// Returns the time from which a token is invalid as far as is known, and the reason.
    #[must_use]
    pub fn until(&self, token: &Verified) -> (DateTime<Utc>, Reason) {
        self.known.borrow().until(token, self.former_days)
    }

    /// Returns the token without the rights of a membership that has ended.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the token is no longer valid.
    pub fn check(&self, mut token: Verified, now: DateTime<Utc>) -> Result<Verified> {
        self.known.borrow().narrow(&mut token, self.former_days, now);
        token.viewer.as_of = token.viewer.member.map(|_| day_of(now));
        let (until, reason) = self.until(&token);
        if now < until { Ok(token) } else { Err(reason.into()) }
    }

    /// Returns a receiver that is notified of new revocations.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.known.subscribe())
    }

    /// Reads all revocations, the contacts that have ended, and the members that have left.
    pub async fn read(&self, db: &Database) -> Result<()> {
        // Tokens that are revoked in between are read twice.
        let upto = db.last_entry().await?;
        let _alone = self.progress.reading.lock().await;
        self.read_all(db).await?;
        self.progress.set(upto);
        Ok(())
    }

    /// Reads the revocations that were committed up to this entry and are not known yet; all of
    /// them if the trail does not continue from the entry up to which they were read. Concurrent
    /// callers share the read, which is finished even if they no longer wait. Does nothing before
    /// the first [`Revocations::read`].
    pub async fn catch_up(&self, db: &Database, last: &LastEntry) -> Result<()> {
        if self.progress.before(last).is_none() {
            return Ok(());
        }
        let alone = Arc::clone(&self.progress.reading).lock_owned().await;
        let Some(upto) = self.progress.before(last) else { return Ok(()) };
        let (own, db, last) = (self.clone(), db.for_revision(), last.clone());
        let reading = tokio::spawn(async move {
            let _alone = alone;
            own.read_after(&db, &upto, &last).await?;
            own.progress.set(last);
            Ok(())
        });
        reading.await.map_err(Error::internal)?
    }

    /// Makes [`Revocations::refresh_continuously`] read them soon, for a request that did not wait
    /// for it.
    pub fn refresh_soon(&self) {
        self.progress.due.notify_one();
    }

    async fn read_all(&self, db: &Database) -> Result<()> {
        let mut known = RevocationState {
            ended: ended(db).await?,
            left: left(db).await?,
            ..RevocationState::default()
        };
        let rows = Entity::find().all(db.read()).await?;
        let is_older =
            |row: &&Model| row.member_id.is_none() && row.reason.as_deref() == Some(CONTACT_ENDED);
        let manual = revoked_manually(db, rows.iter().filter(is_older).map(|row| row.id)).await?;
        for row in rows {
            let is_of_contact = is_older(&&row) && !manual.contains(&row.id);
            if let Some(subject) = row.subject_sha256 {
                let until = match is_of_contact {
                    true => known.members_only.entry(subject).or_insert(i64::MIN),
                    false => known.subjects.entry((subject, row.member_id)).or_insert(i64::MIN),
                };
                *until = row.revoked_at.timestamp().max(*until);
            }
            known.tokens.extend(row.token_id);
        }
        self.known.send_replace(Arc::new(known));
        Ok(())
    }

    /// Reads them again whenever the audit trail has new ones, for as long as it is polled.
    pub async fn refresh_continuously(&self, db: &Database) {
        let mut changed = db.changed();
        loop {
            let reading = async { self.catch_up(db, &db.last_entry().await?).await };
            match reading.await {
                Ok(()) => tokio::select! {
                    changed = changed.changed() => if changed.is_err() { return },
                    () = self.progress.due.notified() => {}
                },
                Err(cause) => {
                    tracing::warn!(?cause, "revoked tokens can't be read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Reads them all, unless the trail continues from the entry `after` without a new one.
    async fn read_after(&self, db: &Database, after: &LastEntry, upto: &LastEntry) -> Result<()> {
        use audit_entry::Column;
        if upto.revision <= after.revision {
            return self.read_all(db).await;
        }
        let kinds = [SubjectKind::Token, SubjectKind::Contact, SubjectKind::Member];
        let is_new = Condition::all()
            .add(Column::Revision.gt(after.revision))
            .add(Column::SubjectKind.is_in(kinds));
        let is_replaced = Condition::all()
            .add(Column::Revision.eq(after.revision))
            .add(Column::Hash.ne(after.hash.as_ref()));
        let more = audit_entry::Entity::find().select_only().column(Column::Revision);
        let more = more
            .filter(Column::Revision.between(after.revision, upto.revision))
            .filter(Condition::any().add(is_new).add(is_replaced))
            .limit(1);
        let more: Option<i64> = more.into_tuple().one(db.read()).await?;
        if more.is_some() { self.read_all(db).await } else { Ok(()) }
    }
}

/// Returns the revocations that were made by command, according to their audit entries. Revocations
/// of ended contacts used to cover every token.
async fn revoked_manually(
    db: &Database,
    ids: impl Iterator<Item = TokenRevocationId>,
) -> Result<HashSet<TokenRevocationId>> {
    use audit_entry::Column;
    let ids: Vec<TokenRevocationId> = ids.collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let entries = audit_entry::Entity::find()
        .select_only()
        .column(Column::SubjectId)
        .filter(Column::SubjectKind.eq(SubjectKind::Token));
    let entries = entries.filter(Column::Action.is_in(Action::TokenRevoke.words())).filter(among(
        db.backend(),
        Expr::col(Column::SubjectId),
        ids,
    ));
    let found: Vec<Uuid> = entries.into_tuple().all(db.read()).await?;
    Ok(found.into_iter().map(TokenRevocationId::from).collect())
}

/// Returns, by digest of e-mail address and member, the first instant after the last day of the
/// last contact. Contains only addresses of which every contact has a last day.
async fn ended(db: &Database) -> Result<HashMap<(String, MemberId), DateTime<Utc>>> {
    use contact::Column;
    let rows = contact::Entity::find()
        .select_only()
        .column(Column::Email)
        .column(Column::MemberId)
        .expr(Column::ValidTo.max());
    let rows = rows
        .expr(Expr::cust("COUNT(*) = COUNT(valid_to)"))
        .filter(Column::Email.is_not_null())
        .filter(Column::MemberId.is_not_null());
    let rows: Vec<(String, MemberId, Option<NaiveDate>, bool)> =
        rows.group_by(Column::Email).group_by(Column::MemberId).into_tuple().all(db.read()).await?;
    let mut ended: HashMap<(String, MemberId), Option<DateTime<Utc>>> =
        HashMap::with_capacity(rows.len());
    for (email, member, last, all_end) in rows {
        let end = last.filter(|_| all_end).and_then(|last| last.succ_opt()).map(start_of);
        // The same address in another case.
        let of_all = ended.entry((address(&email), member)).or_insert(end);
        *of_all = of_all.zip(end).map(|(one, other)| one.max(other));
    }
    Ok(ended.into_iter().filter_map(|(contact, end)| Some((contact, end?))).collect())
}

/// Returns the first instant after the last day of each member that has one.
async fn left(db: &Database) -> Result<HashMap<MemberId, DateTime<Utc>>> {
    use member::Column;
    let rows = member::Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::LeftOn)
        .filter(Column::LeftOn.is_not_null());
    let rows: Vec<(MemberId, NaiveDate)> = rows.into_tuple().all(db.read()).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(member, last)| Some((member, start_of(last.succ_opt()?))))
        .collect())
}

/// A receiver that is notified of new revocations.
#[derive(Debug)]
pub struct Changes(watch::Receiver<Arc<RevocationState>>);

impl Changes {
    /// Waits for new revocations.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
