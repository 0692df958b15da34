//! What was asked once and shall not be done twice: the mark that a deed leaves in its own transaction, and the first answer, for a day.
//!
//! The mark is written with the deed, so that there is no moment in which one is there without the other, whichever server does it and
//! however it ends. The answer follows by itself. Neither is of the register, so that they leave no entry in the audit trail.

use std::sync::atomic::{AtomicBool, Ordering};

use ::entity::idempotent_request::{ActiveModel, Column, Entity, Model};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, TryInsertResult,
    sea_query::{Expr, SimpleExpr},
};

use crate::{
    database::Database,
    error::{Error, Result},
};

/// How long a request is remembered.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// A request that shall be done once.
#[derive(Debug)]
pub struct Once {
    subject: String,
    key: String,
    digest: String,
    is_marked: AtomicBool,
    is_met: AtomicBool,
}

impl Once {
    /// The request that `subject` names `key`; `digest` tells it from others, and holds the sender's rights too.
    #[must_use]
    pub fn new(subject: String, key: String, digest: String) -> Self {
        Self { subject, key, digest, is_marked: AtomicBool::new(false), is_met: AtomicBool::new(false) }
    }

    /// Whether a deed of it was done, and its mark with it.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.is_marked.load(Ordering::SeqCst)
    }

    /// Whether a deed of it met the mark of another request with the same name, and so was not done.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.is_met.load(Ordering::SeqCst)
    }

    /// Whether the next deed of this actor must leave the mark: what the program does by itself while it answers is not what was asked.
    pub(crate) fn wants_mark(&self, actor: &str) -> bool {
        self.subject == actor && !self.is_marked()
    }

    /// The deed was done.
    pub(crate) fn marked(&self) {
        self.is_marked.store(true, Ordering::SeqCst);
    }

    fn row(&self, revision: Option<i64>, at: DateTime<Utc>, answer: Option<String>) -> ActiveModel {
        let (subject, key, digest) = (self.subject.clone(), self.key.clone(), self.digest.clone());
        Model { subject, key, digest, revision, at, answer }.into_active_model()
    }

    fn own(&self) -> Condition {
        Condition::all().add(Column::Subject.eq(self.subject.as_str())).add(Column::Key.eq(self.key.as_str()))
    }
}

/// What is known of an earlier request with the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none within a day.
    None,
    /// It was another request, or its sender had other rights.
    Other,
    /// It was done, as this revision; its answer is not there, or not yet.
    Done(i64),
    /// Its answer, in JSON.
    Answered(String),
}

/// Looks for an earlier request with the same name.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn earlier(db: &Database, once: &Once) -> Result<Earlier> {
    let since = db.clock.now() - KEPT;
    let found = Entity::find().filter(once.own()).filter(Column::At.gt(since)).one(db.read()).await?;
    Ok(match found {
        None => Earlier::None,
        Some(found) if found.digest != once.digest => Earlier::Other,
        Some(Model { answer: Some(answer), .. }) => Earlier::Answered(answer),
        Some(found) => Earlier::Done(found.revision.unwrap_or_default()),
    })
}

/// Leaves the mark within the deed's transaction, which those of other servers wait for.
///
/// # Errors
/// CONFLICT when it is there already: somebody else did it.
pub(crate) async fn mark(tx: &impl ConnectionTrait, once: &Once, revision: i64, at: DateTime<Utc>) -> Result<()> {
    if insert(tx, once.row(Some(revision), at, None), at).await? {
        return Ok(());
    }
    once.is_met.store(true, Ordering::SeqCst);
    Err(Error::conflict("REPEATED", "another request with this idempotency key was done"))
}

/// Keeps the answer; false when there is another already, of a request that came at the same time and was refused like this one.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for too long, INTERNAL when the database fails.
pub async fn keep(db: &Database, once: &Once, answer: String) -> Result<bool> {
    let (tx, _turn) = db.write().await?;
    let is_kept = if once.is_marked() {
        Entity::update_many().col_expr(Column::Answer, Expr::value(answer)).filter(once.own()).exec(&tx).await?;
        true
    } else {
        let now = db.clock.now();
        insert(&tx, once.row(None, now, Some(answer)), now).await?
    };
    tx.commit().await?;
    Ok(is_kept)
}

/// Inserts a row unless there is one of the same name, after the rows whose day is over are gone.
async fn insert(tx: &impl ConnectionTrait, row: ActiveModel, now: DateTime<Utc>) -> Result<bool> {
    Entity::delete_many().filter(Column::At.lte(now - KEPT)).exec(tx).await?;
    let inserted = Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0))
}

/// Forgets the answers that hold one of these texts, as when a person is erased. What was done stays done, so that its mark stays.
///
/// # Errors
/// INTERNAL when the database fails.
pub(crate) async fn forget(tx: &impl ConnectionTrait, texts: &[&str]) -> Result<()> {
    let find = if tx.get_database_backend() == DbBackend::Postgres { "strpos(answer, $1) > 0" } else { "instr(answer, ?) > 0" };
    let texts = texts.iter().filter(|text| !text.is_empty());
    // As it stands in JSON.
    let texts = texts.filter_map(|text| serde_json::to_string(text).ok()).map(|json| json.trim_matches('"').to_owned());
    let any = texts.fold(Condition::any().add(Expr::cust("1 = 0")), |any, text| {
        let holds: SimpleExpr = Expr::cust_with_values(find, [text]);
        any.add(holds)
    });
    Entity::delete_many().filter(Column::Revision.is_null()).filter(any.clone()).exec(tx).await?;
    Entity::update_many().col_expr(Column::Answer, Expr::value(None::<String>)).filter(any).exec(tx).await?;
    Ok(())
}
