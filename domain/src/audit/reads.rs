//! The log of who read contacts: noted in memory while a question is answered, so that nobody who
//! reads waits for those who write, and written soon after. It is no part of the chain.

use std::{
    cmp::max as latest,
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::{
    contact_read::{Column, Entity, Model},
    id::{ContactId, ContactReadId},
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Alias, Expr, OnConflict, Query, SelectStatement},
};

use super::{BATCH, forms::ContactReadsRemoval};
use crate::{
    audit,
    auth::viewer::{Permission, Resource, Viewer},
    clock::day_of,
    database::{Database, busy},
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
};

/// What was noted and not yet written: for each reader, contact and day in Sweden, when and how
/// often.
#[derive(Debug, Default)]
pub struct Reads {
    noted: Mutex<HashMap<Key, Times>>,
    /// Taken by whoever writes, so that the last who does knows that those before it are done.
    writing: tokio::sync::Mutex<()>,
}

type Key = (Arc<str>, ContactId, NaiveDate);

#[derive(Clone, Copy, Debug)]
struct Times {
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    count: i64,
}

/// What is noted at most while it can't be written; whoever reads more is told to come back.
const MAX_UNWRITTEN: usize = 100_000;

/// How long what was noted waits for more, to be written with it.
const DELAY: Duration = Duration::from_secs(2);

impl Reads {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Times>> {
        // Whoever panicked while holding it had only counted.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that the viewer reads these contacts.
///
/// # Errors
/// CONFLICT with the reason BUSY when far too much waits to be written; then nobody may read, since
/// nobody would know.
pub fn note(
    db: &Database,
    viewer: &Viewer,
    contacts: impl IntoIterator<Item = ContactId>,
) -> Result<()> {
    let (now, reader) = (db.clock.now(), Arc::<str>::from(viewer.subject.as_str()));
    let mut noted = db.reads.lock();
    for contact in contacts {
        let is_full = noted.len() >= MAX_UNWRITTEN;
        match noted.entry((Arc::clone(&reader), contact, day_of(now))) {
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

/// Writes what was noted. What can't be written waits for the next time.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for too long, INTERNAL when the database fails.
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
    let row = |((reader, contact, day), times): (&Key, &Times)| Model {
        id: ContactReadId::new(),
        reader: reader.to_string(),
        contact_id: *contact,
        day: *day,
        first_at: times.first_at,
        last_at: times.last_at,
        times: times.count,
    };
    let rows: Vec<_> = noted.iter().map(row).collect();
    let tx = db.write().await?;
    for batch in rows.chunks(BATCH) {
        // Another server may have written what came before or after.
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

/// Writes what is noted every other second, for as long as a server runs.
pub async fn write_continuously(db: Database) {
    loop {
        tokio::time::sleep(DELAY).await;
        if let Err(error) = write(&db).await {
            tracing::warn!(?error, "what was noted of who read contacts waits to be written");
        }
    }
}

/// Removes the lines of days before this one; how many there were. The trail tells that it was
/// done, when there were any.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, CONFLICT with the reason BUSY when others write
/// for too long.
pub async fn delete_before(db: &Database, viewer: &Viewer, day: NaiveDate) -> Result<u64> {
    viewer.require(Permission::ManageRegister)?;
    let mut change = audit::begin(db, viewer, "contactReadsForget").await?;
    let lines =
        Entity::delete_many().filter(Column::Day.lt(day)).exec(change.tx()).await?.rows_affected;
    if lines > 0 {
        change.record(None, Some(&ContactReadsRemoval { before: day, lines }))?;
    }
    change.commit().await?;
    Ok(lines)
}

/// Which lines of the log; every part narrows the others.
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

/// The order of the log: the latest day first.
#[must_use]
pub fn order() -> Order {
    let column = |column| Expr::col((Entity, column));
    Order {
        name: "DAY",
        key: column(Column::Day),
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending: true,
    }
}

fn matching(viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !viewer.visibility(Resource::Audit).all {
        select.and_where(Expr::cust("1 = 0"));
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

/// A page of the log; empty for those who may not read the trail. What was read in the last seconds
/// may be missing.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<Model>> {
    page::select_rows(
        db.read(),
        matching(viewer, filter),
        columns,
        &order(),
        args,
        ValidationErrors::default(),
    )
    .await
}

/// How many lines there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(viewer, filter)).await
}
