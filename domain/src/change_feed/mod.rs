//! What has changed: the audit trail as events, each viewer's own, from any revision on without a
//! gap or a double.
//!
//! The trail is the truth. [`Database::changed`] only tells how far it can be read, and nothing is
//! kept for those who follow it but the place that they have come to: a wake-up that is lost, or
//! one too many, changes nothing of what they get.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use ::entity::{
    agreement, audit_entry, contact,
    id::MemberId,
    invoice,
    kind::{Form, SubjectKind},
    member, organisation, status_report, template, template_version,
};
use audit_entry::{Column, Entity};
use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt, future::BoxFuture, stream};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, ExprTrait, Iterable,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use uuid::Uuid;

use crate::{
    activities::of_visible_activity,
    agreements::{self, deadlines::is_no_acknowledgement},
    audit,
    auth::viewer::{Resource, Viewer},
    database::{Database, rows},
    error::{Error, Result},
    invoices,
    members::{self, of_visible_member},
    organisations, templates,
};

/// What an event is about, as one chooses among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A member, a contact or a contact area.
    Member,
    /// An organisation.
    Organisation,
    /// An activity, its accounts or a status report.
    Activity,
    /// A template or one of its versions.
    Template,
    /// An agreement.
    Agreement,
    /// A fee of the network itself, or a reference rate.
    Fee,
    /// An invoice, but for what is paid of it.
    Invoice,
    /// A payment of an invoice, or one that the bank tells of.
    Payment,
}

/// One committed change, as far as everybody may know it who may know of it at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the trail.
    pub revision: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The deed, as `memberAdmit`.
    pub action: String,
    /// What it is about, as one chooses among them.
    pub kind: Kind,
    /// What it is about, as the trail says it.
    pub subject_kind: SubjectKind,
    /// Which one.
    pub subject: Uuid,
}

/// Who is told of a deed, among those who see what it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everyone,
    /// Who saw the thing already when it was a draft, so that nobody learns afterwards how it came
    /// about.
    DraftReaders,
    /// Nobody: it changes no thing of the register, and stands in the trail alone.
    NotPublished,
}

/// Every deed of the trail, and who is told of it.
pub const AUDIENCES: [(&str, Audience); 72] = [
    ("activityClose", Audience::Everyone),
    ("activityStart", Audience::Everyone),
    ("activityUpdate", Audience::Everyone),
    ("agreementDraft", Audience::DraftReaders),
    ("agreementDraftUpdate", Audience::DraftReaders),
    ("agreementGiveNotice", Audience::Everyone),
    ("agreementNoticeEndDecide", Audience::Everyone),
    ("agreementNoticeWithdraw", Audience::Everyone),
    ("agreementOffer", Audience::Everyone),
    ("agreementReplace", Audience::DraftReaders),
    ("agreementSign", Audience::Everyone),
    ("agreementWithdraw", Audience::Everyone),
    ("allocationSet", Audience::Everyone),
    ("bankFileImport", Audience::Everyone),
    ("bankPaymentMarkDuplicate", Audience::Everyone),
    ("bankPaymentMatch", Audience::Everyone),
    ("bankPaymentSetAside", Audience::Everyone),
    ("bankPaymentTakeUp", Audience::Everyone),
    ("clockAccept", Audience::NotPublished),
    ("contactAdd", Audience::Everyone),
    ("contactErase", Audience::Everyone),
    ("contactReadsForget", Audience::NotPublished),
    ("contactUpdate", Audience::Everyone),
    ("costRecord", Audience::Everyone),
    ("costReverse", Audience::Everyone),
    ("deadlineAcknowledge", Audience::DraftReaders),
    ("deadlineAcknowledgementWithdraw", Audience::DraftReaders),
    ("feeScheduleSet", Audience::Everyone),
    ("grantRecord", Audience::Everyone),
    ("grantReverse", Audience::Everyone),
    ("import", Audience::Everyone),
    ("interestInvoiceIssue", Audience::Everyone),
    ("invoiceCredit", Audience::Everyone),
    ("invoiceDraft", Audience::DraftReaders),
    ("invoiceDraftDiscard", Audience::DraftReaders),
    ("invoiceDraftUpdate", Audience::DraftReaders),
    ("invoiceIssue", Audience::Everyone),
    ("invoicePdfKeep", Audience::DraftReaders),
    ("invoiceRemind", Audience::Everyone),
    ("invoiceRun", Audience::Everyone),
    ("invoiceWriteOff", Audience::Everyone),
    ("memberAdmit", Audience::Everyone),
    ("memberLeave", Audience::Everyone),
    ("memberMerge", Audience::Everyone),
    ("memberReinstate", Audience::Everyone),
    ("memberRemove", Audience::Everyone),
    ("memberUpdate", Audience::Everyone),
    ("organisationAdd", Audience::Everyone),
    ("organisationRemove", Audience::Everyone),
    ("organisationUpdate", Audience::Everyone),
    ("paymentRecord", Audience::Everyone),
    ("paymentReverse", Audience::Everyone),
    ("periodClose", Audience::NotPublished),
    ("periodReopen", Audience::NotPublished),
    ("personErase", Audience::Everyone),
    ("referenceRateSet", Audience::Everyone),
    ("refundRecord", Audience::Everyone),
    ("refundReverse", Audience::Everyone),
    ("requisitionIssue", Audience::DraftReaders),
    ("requisitionWithdraw", Audience::DraftReaders),
    ("statusReportFile", Audience::Everyone),
    ("taxDecisionRecord", Audience::NotPublished),
    ("templateCreate", Audience::DraftReaders),
    ("templateVersionDraft", Audience::DraftReaders),
    ("templateVersionPublish", Audience::Everyone),
    ("templateVersionRetire", Audience::Everyone),
    ("templatesLoad", Audience::DraftReaders),
    ("tokenMint", Audience::NotPublished),
    ("tokenRevoke", Audience::NotPublished),
    ("trailKeyReplace", Audience::NotPublished),
    (audit::TRAIL_MIGRATE, Audience::NotPublished),
    ("voucherExport", Audience::NotPublished),
];

/// The deeds by which something is paid of an invoice, or no longer is.
const PAYMENTS: [&str; 7] = [
    "bankFileImport",
    "bankPaymentMatch",
    "invoiceWriteOff",
    "paymentRecord",
    "paymentReverse",
    "refundRecord",
    "refundReverse",
];

/// Events that are read at once, and revisions that are looked through for them.
const PAGE: (u64, i64) = (100, 10_000);

/// The followers that read the trail at a time: a change wakes them together, and queries must not
/// wait for them all.
const MAX_READING: usize = 4;

/// What an entry is about, as one chooses among events; null: nothing that anybody is told of.
fn kind_of(subject: SubjectKind, action: &str) -> Option<Kind> {
    Some(match subject {
        SubjectKind::Member | SubjectKind::Contact | SubjectKind::ContactArea => Kind::Member,
        SubjectKind::Organisation => Kind::Organisation,
        SubjectKind::Activity | SubjectKind::StatusReport => Kind::Activity,
        SubjectKind::Template => Kind::Template,
        SubjectKind::Agreement => Kind::Agreement,
        SubjectKind::FeeSchedule | SubjectKind::ReferenceRate => Kind::Fee,
        SubjectKind::Invoice if PAYMENTS.contains(&action) => Kind::Payment,
        SubjectKind::Invoice => Kind::Invoice,
        SubjectKind::BankPayment => Kind::Payment,
        SubjectKind::Books
        | SubjectKind::Token
        | SubjectKind::ContactReads
        | SubjectKind::AuditTrail
        | SubjectKind::Clock => return None,
    })
}

/// Nothing.
fn none() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}

fn subject() -> SimpleExpr {
    Expr::col((Entity, Column::SubjectId))
}

/// The entries about a row that is `visible`; all entries, when all rows are.
fn about<E: EntityTrait>(of: E, id: E::Column, visible: Condition) -> Condition {
    if visible.is_empty() {
        return visible;
    }
    Condition::all().add(
        subject().in_subquery(Query::select().column((of, id)).from(of).cond_where(visible).take()),
    )
}

/// The entries about things of this kind that the viewer sees.
fn seen(db: &Database, viewer: &Viewer, kind: SubjectKind) -> Condition {
    let backend = db.backend();
    match kind {
        // What the network runs and what it costs is no secret to anybody with a token.
        SubjectKind::Activity
        | SubjectKind::ContactArea
        | SubjectKind::FeeSchedule
        | SubjectKind::ReferenceRate => Condition::all(),
        SubjectKind::Member => about(member::Entity, member::Column::Id, members::visible(viewer)),
        SubjectKind::Contact => {
            let owner = Expr::col((contact::Entity, contact::Column::MemberId));
            about(
                contact::Entity,
                contact::Column::Id,
                of_visible_member(&viewer.visibility(Resource::MemberAffairs), owner),
            )
        }
        SubjectKind::Organisation => about(
            organisation::Entity,
            organisation::Column::Id,
            organisations::visible(db, viewer),
        ),
        SubjectKind::StatusReport => {
            let activity = Expr::col((status_report::Entity, status_report::Column::ActivityId));
            about(
                status_report::Entity,
                status_report::Column::Id,
                of_visible_activity(backend, &viewer.visibility(Resource::Revenue), activity),
            )
        }
        SubjectKind::Template if viewer.visibility(Resource::Templates).all => Condition::all(),
        SubjectKind::Template => Condition::any()
            .add(about(template::Entity, template::Column::Id, templates::visible(viewer)))
            .add(about(
                template_version::Entity,
                template_version::Column::Id,
                templates::visible_version(viewer),
            )),
        SubjectKind::Agreement => {
            about(agreement::Entity, agreement::Column::Id, agreements::visible(backend, viewer))
        }
        SubjectKind::Invoice => {
            about(invoice::Entity, invoice::Column::Id, invoices::visible(viewer))
        }
        // One that is not matched is nobody's.
        SubjectKind::BankPayment if viewer.visibility(Resource::Invoices).all => Condition::all(),
        SubjectKind::BankPayment
        | SubjectKind::Books
        | SubjectKind::Token
        | SubjectKind::ContactReads
        | SubjectKind::AuditTrail
        | SubjectKind::Clock => none(),
    }
}

/// Of the entries about things of this kind that the viewer sees, those that tell of more than what
/// it does not see of them: an event says nothing of what changed, but that something did is told
/// by it.
fn reported(db: &Database, viewer: &Viewer, kind: SubjectKind) -> Condition {
    let backend = db.backend();
    let affairs = viewer.visibility(Resource::MemberAffairs);
    match kind {
        SubjectKind::Member if !affairs.all => {
            let facts = Condition::all()
                .add(is_no_part(backend, "amount"))
                .add(differs_without(backend, &["billing"]));
            Condition::any().add(of_visible_member(&affairs, subject())).add(facts)
        }
        SubjectKind::Organisation if !affairs.all => {
            Condition::all().add(differs_without(backend, &BILLING))
        }
        SubjectKind::Activity => {
            let accounts =
                of_visible_activity(backend, &viewer.visibility(Resource::Revenue), subject());
            let plan = Condition::any().add(accounts).add(is_no_part(backend, "booked_on"));
            let people = Condition::any().add(differs_without(backend, &CONTACT_FIELDS));
            let people = affairs
                .member
                .into_iter()
                .flat_map(|own| CONTACT_FIELDS.map(|field| changes_own(backend, own, field)))
                .fold(people, Condition::add);
            Condition::all()
                .add_option((!viewer.visibility(Resource::Revenue).all).then_some(plan))
                .add_option((!affairs.all).then_some(people))
        }
        SubjectKind::Agreement => drafts_apart(db, viewer, kind, "offered_at"),
        SubjectKind::Invoice => drafts_apart(db, viewer, kind, "issued_on"),
        SubjectKind::Template => drafts_apart(db, viewer, kind, "published_at"),
        _ => Condition::all(),
    }
}

/// The entries of those who see drafts of this kind; else those alone that made none and left none,
/// which has no day in this field.
fn drafts_apart(db: &Database, viewer: &Viewer, kind: SubjectKind, day: &str) -> Condition {
    let drafts = match kind {
        SubjectKind::Template if !viewer.visibility(Resource::Templates).all => none(),
        // A member sees its agreements when they are offered, and its invoices when they are
        // issued.
        _ => seen(db, &Viewer { member: None, ..viewer.clone() }, kind),
    };
    if drafts.is_empty() {
        return drafts;
    }
    let deeds = AUDIENCES
        .iter()
        .filter(|(_, reported)| *reported == Audience::DraftReaders)
        .map(|(action, _)| *action);
    let left = match db.backend() {
        DbBackend::Postgres => format!("(\"after\"::jsonb -> '{day}' = 'null'::jsonb) IS NOT TRUE"),
        _ => format!("json_type(\"after\", '$.{day}') IS NOT 'null'"),
    };
    let apart = Condition::all().add(Column::Action.is_not_in(deeds)).add(Expr::cust(left));
    // Notice takes an acknowledgement away too.
    let apart = apart
        .add_option((kind == SubjectKind::Agreement).then(|| is_no_acknowledgement(db.backend())));
    Condition::any().add(drafts).add(apart)
}

/// What an organisation's entries say of its billing, which stands in them among the rest.
const BILLING: [&str; 6] =
    ["billing_email", "peppol_id", "buyer_reference", "address_line", "postal_code", "city"];
/// The contacts that an activity's entries name.
const CONTACT_FIELDS: [&str; 2] = ["board_contact_id", "lead_contact_id"];

/// The entries that change more than these fields.
fn differs_without(backend: DbBackend, fields: &[&str]) -> SimpleExpr {
    let without = |text: &str| match backend {
        DbBackend::Postgres => format!("(\"{text}\"::jsonb - '{{{}}}'::text[])", fields.join(",")),
        _ => format!(
            "json_remove(\"{text}\"{})",
            fields.iter().map(|field| format!(", '$.{field}'")).collect::<String>()
        ),
    };
    Expr::cust(format!("{} IS DISTINCT FROM {}", without("before"), without("after")))
}

/// The entries about the thing itself, and not about a row that belongs to it, which has this
/// field.
fn is_no_part(backend: DbBackend, field: &str) -> SimpleExpr {
    let text = "COALESCE(\"after\", \"before\")";
    Expr::cust(match backend {
        DbBackend::Postgres => format!("({text}::jsonb -> '{field}') IS NULL"),
        _ => format!("json_type({text}, '$.{field}') IS NULL"),
    })
}

/// The entries that put one of the member's own contacts into this field, or take it out.
fn changes_own(backend: DbBackend, member: MemberId, field: &str) -> Condition {
    let named = |text: &str| match backend {
        DbBackend::Postgres => format!("(\"{text}\"::jsonb ->> '{field}')::uuid"),
        _ => format!("unhex(json_extract(\"{text}\", '$.{field}'), '-')"),
    };
    let (before, after) = (named("before"), named("after"));
    let changed = Expr::cust(format!("{before} IS DISTINCT FROM {after}"));
    let own = Query::select()
        .expr(Expr::val(1))
        .from(contact::Entity)
        .and_where(Expr::col((contact::Entity, contact::Column::MemberId)).eq(member))
        .and_where(
            Expr::col((contact::Entity, contact::Column::Id))
                .is_in([Expr::cust(before), Expr::cust(after)]),
        )
        .take();
    Condition::all().add(changed).add(Expr::exists(own))
}

/// The entries that the viewer is told of and that are of one of these kinds; of none named, of
/// any.
fn matching(db: &Database, viewer: &Viewer, kinds: &[Kind]) -> Condition {
    let mut any = Condition::any();
    for kind in SubjectKind::iter() {
        let is_asked_for = |action| {
            kind_of(kind, action).is_some_and(|kind| kinds.is_empty() || kinds.contains(&kind))
        };
        let mut entries = Condition::all().add(Column::SubjectKind.eq(kind));
        // An invoice is of two kinds, by the deed.
        match (is_asked_for(""), is_asked_for(PAYMENTS[0])) {
            (false, false) => continue,
            (true, false) => entries = entries.add(Column::Action.is_not_in(PAYMENTS)),
            (false, true) => entries = entries.add(Column::Action.is_in(PAYMENTS)),
            (true, true) => {}
        }
        any = any.add(entries.add(seen(db, viewer, kind)).add(reported(db, viewer, kind)));
    }
    any
}

/// Digests of documents and parts, which come with what they are of.
const PARTS: [Form; 6] = [
    Form::InvoiceContent,
    Form::InvoiceXml,
    Form::AgreementHtml,
    Form::FeeCharge,
    Form::BankPaymentPart,
    Form::Adjustment,
];

fn select(
    db: &Database,
    viewer: &Viewer,
    kinds: &[Kind],
    after: i64,
    upto: i64,
) -> SelectStatement {
    Query::select()
        .columns(COLUMNS.map(|column| (Entity, column)))
        .from(Entity)
        .and_where(Column::Revision.gt(after))
        .and_where(Column::Revision.lte(upto))
        // What a migration records was there before.
        .and_where(Column::Action.ne(audit::TRAIL_MIGRATE))
        .and_where(Expr::cust(format!(
            "COALESCE(form, '') NOT IN ('{}')",
            PARTS.map(Form::word).join("', '")
        )))
        .cond_where(matching(db, viewer, kinds))
        .order_by((Entity, Column::Revision), sea_orm::Order::Asc)
        .limit(PAGE.0)
        .take()
}

const COLUMNS: [Column; 5] =
    [Column::Revision, Column::At, Column::Action, Column::SubjectKind, Column::SubjectId];

/// The next events after a revision and up to another, which must be committed, and how far they
/// reach: the later ones are yet to be read.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn between(
    db: &Database,
    viewer: &Viewer,
    kinds: &[Kind],
    after: i64,
    upto: i64,
) -> Result<(Vec<Event>, i64)> {
    let upto = Ord::min(upto, after.saturating_add(PAGE.1));
    let found: Vec<audit_entry::Model> =
        rows(db.read(), &select(db, viewer, kinds, after, upto), &COLUMNS).await?;
    let is_full = found.len() as u64 == PAGE.0;
    let reached = found.last().filter(|_| is_full).map_or(upto, |entry| entry.revision);
    let events = found.into_iter().filter_map(|entry| {
        Some(Event {
            revision: entry.revision,
            at: entry.at,
            kind: kind_of(entry.subject_kind, &entry.action)?,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject: entry.subject_id,
        })
    });
    Ok((events.collect(), reached))
}

/// Awaited before a part of the trail is read for one who follows from long ago, with the number of
/// revisions that it is expected to look through.
pub type Toll = Arc<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

/// The followers of the trail in one program, by the rights and kinds that decide which events they
/// see.
#[derive(Debug, Default)]
pub struct Followers {
    groups: Mutex<HashMap<String, Weak<Group>>>,
    read_limit: Arc<ReadLimit>,
}

/// Limits the followers that read the trail at a time: one of each subject, so that no subject's
/// many keep another's one waiting.
#[derive(Debug)]
struct ReadLimit {
    all: Arc<Semaphore>,
    by_subject: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for ReadLimit {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_READING)), by_subject: Mutex::default() }
    }
}

impl ReadLimit {
    /// Waits until a follower of the subject may read.
    async fn acquire(&self, subject: &str) -> Result<[OwnedSemaphorePermit; 2]> {
        let own = {
            let mut by_subject = self.by_subject.lock().unwrap_or_else(PoisonError::into_inner);
            by_subject.get(subject).and_then(Weak::upgrade).unwrap_or_else(|| {
                by_subject.retain(|_, own| own.strong_count() > 0);
                let own = Arc::new(Semaphore::new(1));
                by_subject.insert(subject.to_owned(), Arc::downgrade(&own));
                own
            })
        };
        let own = own.acquire_owned().await.map_err(Error::internal)?;
        Ok([own, Arc::clone(&self.all).acquire_owned().await.map_err(Error::internal)?])
    }
}

/// Followers with the same rights and the same kinds, for whom each part of the trail is read once.
#[derive(Debug, Default)]
struct Group {
    /// The last parts that were read, by the revision that they begin after and the last one that
    /// was committed then. After another commit something may be hidden that was seen.
    pages: Mutex<VecDeque<Part>>,
}

/// A part of the trail, or the cell of one that is being read.
type Part = ((i64, i64), Arc<OnceCell<Arc<Page>>>);

/// The events of a part of the trail, and the revision that it reaches.
type Page = (Vec<Event>, i64);

/// The parts that are remembered for those of a group that come a little later.
const REMEMBERED: usize = 8;

impl Followers {
    /// The group of viewers with these rights who follow these kinds.
    fn of(&self, viewer: &Viewer, kinds: &[Kind]) -> Arc<Group> {
        // Whatever else a viewer has decides what they see; who they are does not.
        let key = format!("{:?} {kinds:?}", Viewer { subject: String::new(), ..viewer.clone() });
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        groups.retain(|_, group| group.strong_count() > 0);
        let group = Arc::<Group>::default();
        groups.insert(key, Arc::downgrade(&group));
        group
    }
}

impl Group {
    /// `true` if this part was read already.
    fn knows(&self, after: i64, upto: i64) -> bool {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.iter().any(|(part, page)| *part == (after, upto) && page.initialized())
    }

    /// The next events after a revision: as the first of the group has read them, or read now.
    async fn after(
        &self,
        db: &Database,
        viewer: &Viewer,
        kinds: &[Kind],
        after: i64,
        upto: i64,
    ) -> Result<Arc<Page>> {
        let cell = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            match pages.iter().find(|(part, _)| *part == (after, upto)) {
                Some((_, known)) => Arc::clone(known),
                None => {
                    if pages.len() == REMEMBERED {
                        pages.pop_front();
                    }
                    let cell = Arc::default();
                    pages.push_back(((after, upto), Arc::clone(&cell)));
                    cell
                }
            }
        };
        // Those who wait for the first continue together, and not one after the other.
        let page = cell.get_or_try_init(|| async {
            Ok::<_, Error>(Arc::new(between(db, viewer, kinds, after, upto).await?))
        });
        page.await.cloned()
    }
}

/// Who follows the trail, and how far they have come.
struct Follower {
    db: Database,
    viewer: Viewer,
    kinds: Vec<Kind>,
    group: Arc<Group>,
    read_limit: Arc<ReadLimit>,
    toll: Toll,
    /// The revisions that the last part looked through, or as many as one may: what the next one is
    /// expected to.
    stride: u64,
    changed: watch::Receiver<i64>,
    after: i64,
}

impl Follower {
    /// The next events, when there are any.
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let after = self.after;
            let upto =
                *self.changed.wait_for(|last| *last > after).await.map_err(Error::internal)?;
            let page = self.page(after, upto).await?;
            self.after = page.1;
            self.stride = page.1.saturating_sub(after).unsigned_abs();
            if !page.0.is_empty() {
                return Ok(page.0.clone());
            }
        }
    }

    /// The next events after a revision, and how far they reach.
    async fn page(&self, after: i64, upto: i64) -> Result<Arc<Page>> {
        let Self { db, viewer, kinds, group, .. } = self;
        if group.knows(after, upto) {
            return group.after(db, viewer, kinds, after, upto).await;
        }
        // Followers that are up to date are woken by those who write, not by what they ask for.
        let revisions = upto.saturating_sub(after).clamp(0, PAGE.1).unsigned_abs();
        if revisions > PAGE.0 {
            (self.toll)(Ord::min(revisions, self.stride)).await;
        }
        let _reading = self.read_limit.acquire(&viewer.subject).await?;
        group.after(db, viewer, kinds, after, upto).await
    }
}

/// Fails with INVALID when the register has not come to this revision. Returns the last.
pub async fn check_after(db: &Database, after: Option<i64>) -> Result<i64> {
    let last = audit::revision(db).await?;
    // What another program has written may not have been heard of yet.
    db.tell(last);
    match after {
        Some(after) if after > last => {
            Err(Error::invalid("after", format!("must be a revision that was; the last is {last}")))
        }
        _ => Ok(last),
    }
}

/// Every event that the viewer may know of after a revision, in their order, without an end; null:
/// from now on. It is read together with the other followers who see alike; one who follows from
/// long ago pays the toll for each part that is read.
///
/// # Errors
/// INVALID when the register has not come to that revision. A stream that fails has ended.
pub async fn follow(
    followers: &Followers,
    db: &Database,
    viewer: &Viewer,
    kinds: Vec<Kind>,
    after: Option<i64>,
    toll: Toll,
) -> Result<impl Stream<Item = Result<Event>> + Send + use<>> {
    let last = check_after(db, after).await?;
    let (group, changed, after) =
        (followers.of(viewer, &kinds), db.changed(), after.unwrap_or(last));
    let read_limit = Arc::clone(&followers.read_limit);
    let (db, viewer, stride) = (db.clone(), viewer.clone(), PAGE.1.unsigned_abs());
    let follower = Follower { db, viewer, kinds, group, read_limit, toll, stride, changed, after };
    let pages = stream::try_unfold(follower, |mut follower| async move {
        let events = follower.next().await?;
        Ok::<_, Error>(Some((stream::iter(events.into_iter().map(Ok)), follower)))
    });
    Ok(pages.try_flatten())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn many_followers_of_one_subject_keep_no_other_waiting() {
        let read_limit = ReadLimit::default();
        let reading = read_limit.acquire("a").await.unwrap_or_else(|error| panic!("{error}"));
        let soon = Duration::from_millis(20);
        let others =
            join_all((0..200).map(|_| tokio::time::timeout(soon, read_limit.acquire("a")))).await;
        assert!(others.iter().all(Result::is_err), "a subject reads one part at a time");
        let mut all: Vec<_> = (0..200).map(|_| Box::pin(read_limit.acquire("a"))).collect();
        for one in &mut all {
            assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
        }
        assert!(
            tokio::time::timeout(soon, read_limit.acquire("b"))
                .await
                .is_ok_and(|reading| reading.is_ok())
        );
        drop(reading);
        for one in all {
            assert!(one.await.is_ok());
        }
        assert!(
            read_limit
                .by_subject
                .lock()
                .is_ok_and(|by_subject| by_subject.values().all(|own| own.strong_count() == 0))
        );
    }
}
