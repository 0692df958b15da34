//! Tokens that no longer hold before they expire: those that were revoked, those of members that
//! have left, and those of members' contacts that have ended.
//!
//! Every request is held against what the server knows of them, and asks the database nothing: it
//! reads them when it starts, and again when the trail says that there are more.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
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
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    token::Verified,
    viewer::{Permission, Role, Viewer},
};
use crate::{
    audit::{self, Change},
    clock::{day_of, start_of},
    database::{Database, among},
    error::{Error, LINE, Result, ValidationErrors},
};

/// The action in the audit trail when tokens are revoked by command.
const REVOKE: &str = "tokenRevoke";

/// Which tokens are called back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one of this subject that was issued until now.
    Subject(String),
    /// The one with this id (`jti`).
    Token(String),
}

/// Calls tokens back. Whose they were stands in the register only as a digest, which tells nobody
/// who that is.
///
/// # Errors
/// FORBIDDEN unless it is done at the machine, INVALID naming every bad field.
pub async fn revoke(
    db: &Database,
    viewer: &Viewer,
    which: &Which,
    reason: Option<&str>,
) -> Result<()> {
    viewer.require(Permission::ManageKeys)?;
    let mut errors = ValidationErrors::default();
    let reason = errors.optional_text("reason", reason, LINE);
    let (subject, token) = match which {
        Which::Subject(subject) => (Some(errors.text("subject", subject, LINE)), None),
        Which::Token(id) => (None, Some(errors.text("id", id, LINE))),
    };
    errors.finish()?;
    let mut change = audit::begin(db, viewer, REVOKE).await?;
    let subject_sha256 = subject.as_deref().map(address);
    note(&mut change, Model { subject_sha256, token_id: token, reason, ..Model::default() })
        .await?;
    change.commit().await
}

/// Reason recorded when the tokens of a contact that has ended are revoked.
const CONTACT_ENDED: &str = "the contact has ended";

/// Revokes the tokens of an association's contact, whose subject is the e-mail address, within the
/// change that ends it: those too that were issued after its last day, when that is recorded
/// afterwards. Tokens with any role but MEMBER, or of another association, hold on: the address of
/// an auditor among the contacts of a member must not lock the auditor out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn end(change: &mut Change, email: &str, member: MemberId) -> Result<()> {
    let row = Model {
        subject_sha256: Some(address(email)),
        reason: Some(CONTACT_ENDED.to_owned()),
        member_id: Some(member),
        ..Model::default()
    };
    note(change, row).await
}

async fn note(change: &mut Change, row: Model) -> Result<()> {
    let row = Model { id: TokenRevocationId::new(), revoked_at: change.at(), ..row };
    audit::insert(change, row.clone()).await?;
    change.record(None, Some(&row))
}

/// What a subject is known by here.
fn digest(subject: &str) -> String {
    Sha256::digest(subject).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same of an e-mail address, in capitals or small letters: whoever issues tokens may write it
/// otherwise.
pub(super) fn address(subject: &str) -> String {
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

/// A subject by its digest, and the association that it is a contact of; null: whatever its tokens
/// are for.
type Bearer = (String, Option<MemberId>);

/// What was called back, and who has ended.
#[derive(Debug, Default)]
struct Known {
    /// The last second in which a revoked token was issued.
    subjects: HashMap<Bearer, i64>,
    /// Subjects whose tokens are revoked until a second when MEMBER is their only role: rows of
    /// before the association stood there.
    members_alone: HashMap<String, i64>,
    /// Ids of tokens.
    tokens: HashSet<String>,
    /// By e-mail address and association, the first instant after the last day of the last contact
    /// that has it, past or to come.
    ended: HashMap<(String, MemberId), DateTime<Utc>>,
    /// Members that have left or will, with the first instant after their last day.
    left: HashMap<MemberId, DateTime<Utc>>,
}

impl Known {
    /// Until when the token holds, and why no longer. One that does not say when it was issued may
    /// have been issued before anything.
    fn until(&self, token: &Verified, former_days: TimeDelta) -> (DateTime<Utc>, Reason) {
        let revoked = (DateTime::<Utc>::MIN_UTC, Reason::Revoked);
        if token.id.as_ref().is_some_and(|id| self.tokens.contains(id)) {
            return revoked;
        }
        let (viewer, mut until) = (&token.viewer, (token.until, Reason::Expired));
        // Whose rights change at the end of a membership: those who are to read on for a while must
        // be looked at again then.
        let left = viewer.member.and_then(|member| self.left.get(&member));
        if let Some(end) = left
            .map(|end| if viewer.is_former_member { *end + former_days } else { *end })
            .filter(|end| *end < until.0)
        {
            until = (end, Reason::Left);
        }
        // Most of the time there is nothing to compare with, and so nothing to calculate.
        if self.subjects.is_empty() && self.members_alone.is_empty() && self.ended.is_empty() {
            return until;
        }
        let (own, exact) = (address(&viewer.subject), digest(&viewer.subject));
        let of_contact = viewer.member.filter(|_| viewer.roles == [Role::Member]);
        // Rows of before are of subjects as they were written.
        let mut last =
            self.subjects.get(&(exact.clone(), None)).max(self.subjects.get(&(own.clone(), None)));
        if let Some(member) = of_contact {
            last = last.max(self.subjects.get(&(own.clone(), Some(member))));
            last = last.max(self.members_alone.get(&own)).max(self.members_alone.get(&exact));
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

    /// Takes from a token what belongs to a membership that has ended at `now`: all of it, or all
    /// but reading a former member's own agreements and invoices. A token with other roles holds on
    /// for those.
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

/// The tokens that a server knows to hold no longer than until some instant.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    known: watch::Sender<Arc<Known>>,
    /// Time for which a member that has left may read its own agreements and invoices.
    former_days: TimeDelta,
}

impl Revocations {
    /// Nothing is known yet; `former_days` is for how many days a member that has left reads its
    /// own agreements and invoices.
    #[must_use]
    pub fn new(former_days: u16) -> Self {
        Self { former_days: TimeDelta::days(i64::from(former_days)), ..Self::default() }
    }

    /// Until when a token holds as far as is known, and why no longer.
    #[must_use]
    pub fn until(&self, token: &Verified) -> (DateTime<Utc>, Reason) {
        self.known.borrow().until(token, self.former_days)
    }

    /// Returns the token without what belongs to a membership that has ended.
    ///
    /// # Errors
    /// UNAUTHENTICATED when the token no longer holds.
    pub fn check(&self, mut token: Verified, now: DateTime<Utc>) -> Result<Verified> {
        self.known.borrow().narrow(&mut token, self.former_days, now);
        token.viewer.as_of = token.viewer.member.map(|_| day_of(now));
        let (until, reason) = self.until(&token);
        if now < until { Ok(token) } else { Err(reason.into()) }
    }

    /// Tells when there is more to know.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.known.subscribe())
    }

    /// Reads all revocations, the contacts that have ended, and the members that have left.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn read(&self, db: &Database) -> Result<()> {
        let mut known =
            Known { ended: ended(db).await?, left: left(db).await?, ..Known::default() };
        let rows = Entity::find().all(db.read()).await?;
        let is_older =
            |row: &&Model| row.member_id.is_none() && row.reason.as_deref() == Some(CONTACT_ENDED);
        let manual = revoked_manually(db, rows.iter().filter(is_older).map(|row| row.id)).await?;
        for row in rows {
            let is_of_contact = is_older(&&row) && !manual.contains(&row.id);
            if let Some(subject) = row.subject_sha256 {
                let until = match is_of_contact {
                    true => known.members_alone.entry(subject).or_insert(i64::MIN),
                    false => known.subjects.entry((subject, row.member_id)).or_insert(i64::MIN),
                };
                *until = row.revoked_at.timestamp().max(*until);
            }
            known.tokens.extend(row.token_id);
        }
        self.known.send_replace(Arc::new(known));
        Ok(())
    }

    /// Reads them again when the trail has more of them after this revision, for as long as it is
    /// polled.
    pub async fn keep(&self, db: &Database, mut read: i64) {
        let mut changed = db.changed();
        loop {
            let Ok(last) = changed.wait_for(|last| *last > read).await.map(|last| *last) else {
                return;
            };
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
        let more = more
            .filter(Column::SubjectKind.is_in([
                SubjectKind::Token,
                SubjectKind::Contact,
                SubjectKind::Member,
            ]))
            .limit(1);
        let more: Option<i64> = more.into_tuple().one(db.read()).await?;
        if more.is_some() { self.read(db).await } else { Ok(()) }
    }
}

/// Returns which of these revocations were made by command, by their audit entries. Those of
/// contacts that have ended used to cover every token.
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
    let entries = entries.filter(Column::Action.eq(REVOKE)).filter(among(
        db.backend(),
        Expr::col(Column::SubjectId),
        ids,
    ));
    let found: Vec<Uuid> = entries.into_tuple().all(db.read()).await?;
    Ok(found.into_iter().map(TokenRevocationId::from).collect())
}

/// By member and by the digest of each e-mail address whose every contact of that member has a last
/// day, the first instant after the last of these days.
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
        // The same address, written otherwise.
        let of_all = ended.entry((address(&email), member)).or_insert(end);
        *of_all = of_all.zip(end).map(|(one, other)| one.max(other));
    }
    Ok(ended.into_iter().filter_map(|(contact, end)| Some((contact, end?))).collect())
}

/// The first instant after the last day of each member that has one.
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
