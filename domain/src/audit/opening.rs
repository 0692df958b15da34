//! The first statement of a change: it reads the end of the trail, checks that what was read before
//! the change still holds, and answers the questions of its rule.

use ::entity::{
    audit_entry::{Column, Entity},
    kind::SubjectKind,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, ExprTrait, Order, QueryResult,
    sea_query::{Alias, Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::head::{refused, trusted};
use crate::{
    database::{Database, Transaction, among},
    error::Result,
};

/// Maximum number of entries that are searched for one that concerns a change. With more of them,
/// its facts are read again.
const MAX_ENTRIES: u16 = 10_000;

/// The versions that migrations require, with commas between them.
const REQUIRED: &str = "(SELECT string_agg(oldest_program, ',') FROM \
    (SELECT DISTINCT oldest_program FROM migration_requirement) AS requirement)";

/// Number of columns before the answers.
const COLUMNS: usize = 5;

/// A point of the trail. What is read from the register afterwards has every change up to it.
#[derive(Clone, Debug)]
pub struct Seen {
    revision: i64,
    /// Hash of the entry, which the trail may have lost since: a backup was restored.
    hash: String,
}

impl Seen {
    /// Returns the end of the trail as far as this program knows it, without a statement.
    #[must_use]
    pub fn now(db: &Database) -> Self {
        let (revision, hash) = db.trail_head.get();
        Self { revision, hash }
    }
}

/// The facts of a change that were read before it.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'f> {
    /// The point after which they were read.
    pub seen: &'f Seen,
    /// Kind of the subjects of which they depend on a few only.
    pub kind: SubjectKind,
    /// The subjects of this kind that they depend on.
    pub own: &'f [Uuid],
    /// `true` if the change reads through another connection too, for which it may have to wait: it
    /// is committed alone.
    pub is_alone: bool,
}

/// The end of the trail at the beginning of a change, and what the same statement found.
#[derive(Debug)]
pub(super) struct Opening {
    pub revision: i64,
    pub hash: String,
    pub at: DateTime<Utc>,
    /// `true` if the facts of the change still hold.
    pub holds: bool,
    /// Answers in the order of the questions; empty if they were not asked.
    pub answers: Vec<Option<String>>,
}

impl Opening {
    /// Runs the first statement of a change. Each question selects one text.
    ///
    /// # Errors
    /// CONFLICT `PROGRAM_TOO_OLD` if a newer program has migrated the register; INTERNAL if no
    /// program with the trail's key wrote the last entry.
    pub async fn load(
        db: &Database,
        tx: &Transaction,
        basis: Option<Basis<'_>>,
        questions: &[SelectStatement],
    ) -> Result<Self> {
        let row = match tx.query_one(&select(db.backend(), basis, questions)).await {
            Ok(row) => row,
            Err(cause) => {
                // A newer program may have changed the tables that it reads.
                db.check_program(db.read()).await?;
                return Err(cause.into());
            }
        };
        // An empty trail, or a value that this program never writes.
        let Some(Ok((required, mut opening))) =
            row.map(|row| Self::read(&row, basis, questions.len()))
        else {
            db.check_program(tx).await?;
            if tx.trail_end().is_some() {
                return Err(refused("its end can't be read"));
            }
            let (revision, hash, at) = trusted(db, tx).await?;
            return Ok(Self { revision, hash, at, holds: false, answers: Vec::new() });
        };
        Database::require_program(required.as_deref())?;
        let (known, known_hash) = tx.trail_end().unwrap_or_else(|| db.trail_head.get());
        if (opening.revision, &opening.hash) != (known, &known_hash) {
            if tx.trail_end().is_some() {
                return Err(refused("its end is not the entry that was written last"));
            }
            (opening.revision, opening.hash, opening.at) = trusted(db, tx).await?;
        }
        Ok(opening)
    }

    fn read(
        row: &QueryResult,
        basis: Option<Basis<'_>>,
        questions: usize,
    ) -> std::result::Result<(Option<String>, Self), DbErr> {
        let (revision, concerned): (i64, i64) =
            (row.try_get_by_index(0)?, row.try_get_by_index(4)?);
        // Before its first change, a program has seen nothing.
        let is_near = basis.is_some_and(|Basis { seen, .. }| {
            seen.revision > 0 && revision - seen.revision < i64::from(MAX_ENTRIES)
        });
        let answers = (COLUMNS..COLUMNS + questions).map(|column| row.try_get_by_index(column));
        let opening = Self {
            revision,
            hash: row.try_get_by_index(1)?,
            at: row.try_get_by_index(2)?,
            holds: is_near && concerned == 0,
            answers: answers.collect::<std::result::Result<_, _>>()?,
        };
        Ok((row.try_get_by_index(3)?, opening))
    }
}

/// Returns the statement: its text depends on the questions alone.
fn select(
    backend: DbBackend,
    basis: Option<Basis<'_>>,
    questions: &[SelectStatement],
) -> SelectStatement {
    let mut select = Query::select();
    select
        .columns([Column::Revision, Column::Hash, Column::At])
        .expr(Expr::cust(REQUIRED))
        .expr(basis.map_or_else(
            || Expr::cust("CAST(0 AS bigint)"),
            |basis| Expr::from(concerned(backend, basis)),
        ))
        .from(Entity)
        .order_by(Column::Revision, Order::Desc)
        .limit(1);
    for question in questions {
        select.expr(Expr::from(question.clone()));
    }
    select
}

/// Returns the number of entries since the facts were read that may concern them; the entry that
/// was the last one then is among them if another one has replaced it. The inner statement makes
/// sure that the last entries are read by their key, without those before.
fn concerned(backend: DbBackend, Basis { seen, kind, own, .. }: Basis<'_>) -> SelectStatement {
    let later = Query::select()
        .columns([Column::Revision, Column::Hash, Column::SubjectKind, Column::SubjectId])
        .from(Entity)
        .and_where(Column::Revision.gte(seen.revision))
        .order_by(Column::Revision, Order::Desc)
        .limit(MAX_ENTRIES.into())
        .take();
    let own = among(backend, Expr::col(Column::SubjectId), own.iter().copied());
    let is_concerned = Condition::any()
        .add(
            Condition::all()
                .add(Expr::col(Column::Revision).gt(seen.revision))
                .add(Condition::any().add(Expr::col(Column::SubjectKind).ne(kind)).add(own)),
        )
        .add(
            Condition::all()
                .add(Expr::col(Column::Revision).eq(seen.revision))
                .add(Expr::col(Column::Hash).ne(seen.hash.as_str())),
        );
    Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from_subquery(later, Alias::new("later"))
        .cond_where(is_concerned)
        .take()
}
