//! The log of contact reads, and the noting of reads of archived documents. A read is noted in
//! memory while the request is answered, so that readers don't wait for writers, and written soon
//! after. The logs are not part of the hash chain.

use std::{
    cmp::max as latest,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use ::entity::{
    contact_read::{Column, Entity, Model},
    id::{ArchivedDocumentId, ContactId, ContactReadId},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Alias, Expr, OnConflict, Query, SelectStatement},
};

pub use super::pending_reads::ReadMark;
use super::{
    action::Action,
    change::begin,
    document_reads,
    forms::ContactReadsRemoval,
    pending_reads::{Key, ReadObject, Times},
};
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::{Permission, Resource},
    clock::day_of,
    context::Context,
    database::{Database, busy},
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query,
};

/// Maximum number of unwritten reads; further readers get BUSY.
const MAX_UNWRITTEN: usize = 100_000;

/// Number of rows that are inserted together.
const BATCH: usize = 250;

/// Interval at which noted reads are written.
const DELAY: Duration = Duration::from_secs(2);

/// Notes that the viewer reads these contacts, and sets the mark of its request.
///
/// # Errors
/// CONFLICT with the reason BUSY if far too many reads wait to be written: contacts can't be read
/// without a log.
pub fn note(ctx: Context<'_>, contacts: impl IntoIterator<Item = ContactId>) -> Result<()> {
    note_each(ctx, contacts.into_iter().map(ReadObject::Contact))
}

/// Notes that the viewer opens a file of this archived document.
///
/// # Errors
/// As [`note`].
pub fn note_document(ctx: Context<'_>, document: ArchivedDocumentId) -> Result<()> {
    note_each(ctx, [ReadObject::Document(document)])
}

fn note_each(ctx: Context<'_>, objects: impl IntoIterator<Item = ReadObject>) -> Result<()> {
    let (now, reader) = (ctx.clock.now(), Arc::<str>::from(ctx.viewer.subject.as_str()));
    let mut noted = ctx.db.reads.lock();
    for object in objects {
        if let Some(mark) = ctx.read_mark {
            mark.set();
        }
        let is_full = noted.len() >= MAX_UNWRITTEN;
        match noted.entry((Arc::clone(&reader), object, day_of(now))) {
            Entry::Occupied(mut known) => {
                let times = known.get_mut();
                (times.last_at, times.count) = (latest(times.last_at, now), times.count + 1);
            }
            Entry::Vacant(_) if is_full => return Err(busy()),
            Entry::Vacant(position) => {
                _ = position.insert(Times { first_at: now, last_at: now, count: 1 })
            }
        }
    }
    Ok(())
}

/// Writes the noted reads. If that fails, they are written the next time.
///
/// # Errors
/// CONFLICT with the reason BUSY if other changes hold the database for too long.
pub async fn write(db: &Database) -> Result<()> {
    let _alone = db.reads.writing.lock().await;
    let noted = std::mem::take(&mut *db.reads.lock());
    if noted.is_empty() {
        return Ok(());
    }
    let written = add(db, &noted).await;
    if written.is_err() {
        let mut since = db.reads.lock();
        for (key, times) in noted {
            let all = since.entry(key).or_insert(Times { count: 0, ..times });
            *all = Times {
                first_at: times.first_at,
                last_at: latest(all.last_at, times.last_at),
                count: all.count + times.count,
            };
        }
    }
    written
}

async fn add(db: &Database, noted: &HashMap<Key, Times>) -> Result<()> {
    let (mut rows, mut of_documents) = (Vec::new(), Vec::new());
    for ((reader, object, day), times) in noted {
        match object {
            ReadObject::Contact(contact) => rows.push(Model {
                id: ContactReadId::new(),
                reader: reader.to_string(),
                contact_id: *contact,
                day: *day,
                first_at: times.first_at,
                last_at: times.last_at,
                times: times.count,
            }),
            ReadObject::Document(document) => {
                of_documents.push(document_reads::row(reader, *document, *day, times));
            }
        }
    }
    let tx = db.write().await?;
    for batch in of_documents.chunks(BATCH) {
        document_reads::add(&tx, batch.to_vec()).await?;
    }
    for batch in rows.chunks(BATCH) {
        // Another server may have written earlier or later reads.
        let earlier = "CASE WHEN excluded.first_at < contact_read.first_at THEN excluded.first_at ELSE contact_read.first_at END";
        let later = "CASE WHEN excluded.last_at > contact_read.last_at THEN excluded.last_at ELSE contact_read.last_at END";
        let sum = Expr::col((Entity, Column::Times))
            .add(Expr::col((Alias::new("excluded"), Column::Times)));
        let mut again = OnConflict::columns([Column::Reader, Column::ContactId, Column::Day]);
        again
            .value(Column::FirstAt, Expr::cust(earlier))
            .value(Column::LastAt, Expr::cust(later))
            .value(Column::Times, sum);
        let rows = batch.iter().cloned().map(IntoActiveModel::into_active_model);
        Entity::insert_many(rows).on_conflict(again).exec_without_returning(&tx).await?;
    }
    db.commit(tx, None).await
}

/// Writes the noted reads every two seconds, for as long as a server runs.
pub async fn write_continuously(db: Database) {
    loop {
        tokio::time::sleep(DELAY).await;
        if let Err(error) = write(&db).await {
            tracing::warn!(?error, "what was noted of who read what waits to be written");
        }
    }
}

/// Removes the rows of days before this one from the logs of contacts and of archived documents.
/// Returns their number, which the trail records unless it is zero.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage the register; CONFLICT with the reason BUSY if other
/// changes hold the database for too long.
pub async fn delete_before(ctx: Context<'_>, day: NaiveDate) -> Result<u64> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = begin(ctx, Action::ContactReadsForget).await?;
    let lines =
        Entity::delete_many().filter(Column::Day.lt(day)).exec(change.tx()).await?.rows_affected
            + document_reads::delete_before(change.tx(), day).await?;
    if lines > 0 {
        change.record(None, Some(&ContactReadsRemoval { before: day, lines }))?;
    }
    change.commit().await?;
    Ok(lines)
}

/// A filter of the log; all parts must match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this contact.
    pub contact: Option<ContactId>,
    /// By this subject.
    pub reader: Option<String>,
    /// Not before this day.
    pub from: Option<NaiveDate>,
    /// Not after this day.
    pub to: Option<NaiveDate>,
}

impl ListFilter for Filter {}

/// Returns the order of the log, by day.
#[must_use]
pub fn order(descending: bool) -> Order {
    let column = |column| Expr::col((Entity, column));
    Order {
        name: "DAY",
        key: column(Column::Day),
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending,
    }
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !ctx.viewer.visibility(Resource::Audit).all {
        select.and_where(query::nothing());
    }
    if let Some(contact) = filter.contact {
        select.and_where(Column::ContactId.eq(contact));
    }
    if let Some(reader) = &filter.reader {
        select.and_where(Column::Reader.eq(reader.as_str()));
    }
    if let Some(from) = filter.from {
        select.and_where(Column::Day.gte(from));
    }
    if let Some(to) = filter.to {
        select.and_where(Column::Day.lte(to));
    }
    select
}

/// Returns a page of the log; empty for a viewer who may not read the trail. Reads of the last
/// seconds may be missing.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Returns the number of rows.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
