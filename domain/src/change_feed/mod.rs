//! The change feed: the audit trail as events, filtered for each viewer, from any revision on
//! without gaps or duplicates.
//!
//! The trail is the only source. [`Database::changed`] only reports how far it can be read, and a
//! follower stores nothing except its position. A lost or superfluous wake-up therefore never
//! changes the events of a follower.

mod audience;
pub mod times;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use ::entity::{audit_entry, kind::SubjectKind};
use audit_entry::{Column, Entity};
use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt, future::BoxFuture, stream};
use sea_orm::{
    ColumnTrait,
    sea_query::{Query, SelectStatement},
};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use uuid::Uuid;

pub use self::audience::{Audience, Kind};
use self::audience::{is_whole_object, kind_of, matching};
use crate::{
    audit::Action,
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::{Committed, Database, rows},
    error::{ConflictReason, Error, FieldErrorCode, Result},
};

/// A committed change, with only the facts that every viewer of the event may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its revision in the trail.
    pub revision: i64,
    /// Time of the change.
    pub at: DateTime<Utc>,
    /// The stored name of the action, for example `memberAdmit`; it may be one of a newer version.
    pub action: String,
    /// The kind of event, by which followers filter.
    pub kind: Kind,
    /// The kind of object, as stored in the trail.
    pub subject_kind: SubjectKind,
    /// Id of the object.
    pub subject: Uuid,
}

/// Maximum number of events of a read.
const PAGE_SIZE: u64 = 100;
/// Maximum number of revisions that a read scans.
const MAX_SCANNED_REVISIONS: i64 = 10_000;

/// Maximum number of followers that read the trail concurrently: a change wakes all of them, and
/// they must not starve queries.
const MAX_READING: usize = 4;

fn select(ctx: Context<'_>, kinds: &[Kind], after: i64, upto: i64) -> SelectStatement {
    Query::select()
        .columns(COLUMNS.map(|column| (Entity, column)))
        .from(Entity)
        .and_where(Column::Revision.gt(after))
        .and_where(Column::Revision.lte(upto))
        // A migration records only what existed before.
        .and_where(Column::Action.is_not_in(Action::TrailMigrate.words()))
        .and_where(is_whole_object())
        .cond_where(matching(ctx, kinds))
        .order_by((Entity, Column::Revision), sea_orm::Order::Asc)
        .limit(PAGE_SIZE)
        .take()
}

const COLUMNS: [Column; 5] =
    [Column::Revision, Column::At, Column::Action, Column::SubjectKind, Column::SubjectId];

/// Returns the next events after a revision and up to another one, which must be committed, and the
/// revision that they reach. Later events need another call.
pub async fn between(
    ctx: Context<'_>,
    kinds: &[Kind],
    after: i64,
    upto: i64,
) -> Result<(Vec<Event>, i64)> {
    let upto = Ord::min(upto, after.saturating_add(MAX_SCANNED_REVISIONS));
    let found: Vec<audit_entry::Model> =
        rows(ctx.db.read(), &select(ctx, kinds, after, upto), &COLUMNS).await?;
    let is_full = found.len() as u64 == PAGE_SIZE;
    let reached = found.last().filter(|_| is_full).map_or(upto, |entry| entry.revision);
    let events = found.into_iter().filter_map(|entry| {
        let is_payment = Action::of_word(&entry.action).is_some_and(Action::is_payment);
        Some(Event {
            revision: entry.revision,
            at: entry.at,
            kind: kind_of(entry.subject_kind, is_payment)?,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject: entry.subject_id,
        })
    });
    Ok((events.collect(), reached))
}

/// Limits followers that catch up from an old revision: awaited before a part of the trail is read,
/// with the number of revisions that it is expected to scan.
pub type CatchUpLimit = Arc<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

/// The followers of the trail in this process, grouped by the rights and kinds that decide which
/// events they receive.
#[derive(Debug, Default)]
pub struct Followers {
    groups: Mutex<HashMap<String, Weak<Group>>>,
    read_limit: Arc<ReadLimit>,
}

/// Limits the followers that read the trail concurrently, with one per subject, so that a subject
/// with many followers does not block another one.
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

/// Followers with the same rights and kinds. Each part of the trail is read only one time for all
/// of them.
#[derive(Debug, Default)]
struct Group {
    /// The last parts that were read, by the revision after which they begin and the last committed
    /// revision at that time, of how often a restored trail. A later commit may hide an event that
    /// was visible before.
    pages: Mutex<VecDeque<Part>>,
}

/// The revision after which a part begins, the last committed one, and how often the trail was
/// restored.
type Range = (i64, i64, u64);

/// A part of the trail, or the cell of one that is being read.
type Part = (Range, Arc<OnceCell<Arc<Page>>>);

/// The events of a part of the trail, and the revision that it reaches.
type Page = (Vec<Event>, i64);

/// Number of cached parts for followers of a group that read a little later.
const MAX_CACHED_PAGES: usize = 8;

impl Followers {
    /// Returns the number of followers.
    #[must_use]
    pub fn count(&self) -> usize {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.values().map(Weak::strong_count).sum()
    }

    /// Returns the group of viewers with these rights who follow these kinds.
    fn of(&self, viewer: &Viewer, kinds: &[Kind]) -> Arc<Group> {
        let key = format!("{} {kinds:?}", viewer.visibility_class());
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
    /// `true` if this part is cached.
    fn has_cached(&self, range: Range) -> bool {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.iter().any(|(part, page)| *part == range && page.initialized())
    }

    /// Returns the next events after a revision, from the cache of the group or from the database.
    async fn after(&self, ctx: Context<'_>, kinds: &[Kind], range: Range) -> Result<Arc<Page>> {
        let (after, upto, _) = range;
        let cell = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            match pages.iter().find(|(part, _)| *part == range) {
                Some((_, known)) => Arc::clone(known),
                None => {
                    if pages.len() == MAX_CACHED_PAGES {
                        pages.pop_front();
                    }
                    let cell = Arc::default();
                    pages.push_back((range, Arc::clone(&cell)));
                    cell
                }
            }
        };
        // Followers that wait for the same read continue together.
        let page = cell.get_or_try_init(|| async {
            Ok::<_, Error>(Arc::new(between(ctx, kinds, after, upto).await?))
        });
        page.await.cloned()
    }
}

/// A follower of the trail, with its position.
struct Follower {
    db: Database,
    clock: Clock,
    viewer: Viewer,
    kinds: Vec<Kind>,
    group: Arc<Group>,
    read_limit: Arc<ReadLimit>,
    catch_up_limit: CatchUpLimit,
    /// The number of revisions that the last read scanned, or the maximum before the first one: the
    /// estimate for the next read.
    stride: u64,
    changed: watch::Receiver<Committed>,
    after: i64,
    /// How often the trail had been restored when the follower began.
    restored: u64,
}

impl Follower {
    /// Waits for the next events and returns them.
    ///
    /// # Errors
    /// CONFLICT with the reason `REGISTER_RESTORED` if the trail continues from an earlier
    /// revision: the follower may have got events that it has lost, and positions of before say
    /// nothing.
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let (after, restored) = (self.after, self.restored);
            let is_due = |last: &Committed| last.restored != restored || last.revision > after;
            let last = *self.changed.wait_for(is_due).await.map_err(Error::internal)?;
            if last.restored != restored {
                return Err(restored_to(last.revision));
            }
            let page = self.page((after, last.revision, restored)).await?;
            self.after = page.1;
            self.stride = page.1.saturating_sub(after).unsigned_abs();
            if !page.0.is_empty() {
                return Ok(page.0.clone());
            }
        }
    }

    /// Returns the next events after a revision, and the revision that they reach.
    async fn page(&self, range: Range) -> Result<Arc<Page>> {
        let Self { db, clock, viewer, kinds, group, .. } = self;
        let (ctx, (after, upto, _)) = (Context::new(db, *clock, viewer), range);
        if group.has_cached(range) {
            return group.after(ctx, kinds, range).await;
        }
        // The limit does not apply to followers that are up to date: writers wake them.
        let revisions = upto.saturating_sub(after).clamp(0, MAX_SCANNED_REVISIONS).unsigned_abs();
        if revisions > PAGE_SIZE {
            (self.catch_up_limit)(Ord::min(revisions, self.stride)).await;
        }
        let _reading = self.read_limit.acquire(&viewer.subject).await?;
        group.after(ctx, kinds, range).await
    }
}

/// Returns the error of a follower when the trail continues from an earlier revision.
fn restored_to(revision: i64) -> Error {
    let message = format!(
        "the register was restored, and its last revision is {revision}; read the data again, and subscribe after its revision"
    );
    Error::conflict(ConflictReason::RegisterRestored, message)
}

/// Fails with INVALID when the register has not reached this revision. Returns the last revision.
pub async fn check_after(ctx: Context<'_>, after: Option<i64>) -> Result<Committed> {
    // The notification of another process's write may not have arrived yet.
    let last = ctx.db.check_end(ctx.db.read()).await?;
    let found = *ctx.db.changed().borrow();
    match after {
        Some(after) if after > last => Err(Error::invalid(
            "after",
            FieldErrorCode::OutOfRange
                .problem(format!("must not be after the last revision, {last}"))
                .with("max", last),
        )),
        _ => Ok(found),
    }
}

/// Returns a stream of every event after a revision that the viewer may receive, in order and
/// without an end; `after` null: from now on. Followers with the same rights share reads. A
/// follower that catches up from an old revision waits for `catch_up_limit` before each read.
///
/// # Errors
/// INVALID when the register has not reached that revision. A stream ends after an error: CONFLICT
/// `REGISTER_RESTORED` when the trail continues from an earlier revision.
pub async fn follow(
    followers: &Followers,
    ctx: Context<'_>,
    kinds: Vec<Kind>,
    after: Option<i64>,
    catch_up_limit: CatchUpLimit,
) -> Result<impl Stream<Item = Result<Event>> + Send + use<>> {
    let last = check_after(ctx, after).await?;
    let (group, changed, after) =
        (followers.of(ctx.viewer, &kinds), ctx.db.changed(), after.unwrap_or(last.revision));
    let read_limit = Arc::clone(&followers.read_limit);
    let follower = Follower {
        db: ctx.db.clone(),
        clock: ctx.clock,
        viewer: ctx.viewer.clone(),
        kinds,
        group,
        read_limit,
        catch_up_limit,
        stride: MAX_SCANNED_REVISIONS.unsigned_abs(),
        changed,
        after,
        restored: last.restored,
    };
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
    async fn many_followers_of_one_subject_do_not_block_another() {
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
