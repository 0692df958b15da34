//! The list of decisions (beslut): each with the activity, agreement or fee schedule that it is
//! about.

use ::entity::{
    activity, agreement, decision,
    decision_use::{Column, Entity, Model},
    fee_schedule,
    kind::{DecisionBody, SubjectKind},
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, DbBackend, ExprTrait,
    sea_query::{
        Alias, Expr, IntoTableRef, Query, SelectStatement, SimpleExpr, TableRef, UnionType,
    },
};

use crate::{
    activity_slugs::ListFilter,
    agreements,
    context::Context,
    database::{among_words, fixed_day},
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query,
    search::{self, EntityType},
};

/// Filter of decisions; a decision must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Bodies, one of which decided; empty: any.
    pub bodies: Vec<DecisionBody>,
    /// Kinds of subject, one of which it is about; empty: any.
    pub subjects: Vec<SubjectKind>,
    /// Decided on this day or later.
    pub decided_from: Option<NaiveDate>,
    /// Decided on this day or earlier.
    pub decided_to: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the paragraph and the document, or in
    /// the search words of the subject: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// A table whose rows refer to decisions.
struct Source {
    kind: SubjectKind,
    table: TableRef,
    id: SimpleExpr,
    decision_id: SimpleExpr,
    /// The rows that the viewer can read.
    visible: Condition,
    /// Entity type and id of the object whose search words are those of the subject.
    words: (EntityType, SimpleExpr),
}

fn decision_column(column: decision::Column) -> SimpleExpr {
    Expr::col((decision::Entity, column))
}

/// Returns the day of a decision, or a day before all others. The expression is the same as in the
/// index.
fn decided_on(backend: DbBackend) -> SimpleExpr {
    let first = if backend == DbBackend::Postgres { "DATE '1900-01-01'" } else { "'1900-01-01'" };
    Expr::cust(format!("COALESCE(\"decision\".\"decided_on\", {first})"))
}

/// Returns the word of the body, which sorts byte by byte. The expression is the same as in the
/// index.
fn body(backend: DbBackend) -> SimpleExpr {
    let collation = if backend == DbBackend::Postgres { " COLLATE \"C\"" } else { "" };
    Expr::cust(format!("\"decision\".\"body\"{collation}"))
}

/// A field that decisions can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day of the decision; decisions without a day first.
    DecidedOn,
    /// The word of the body.
    Body,
}

/// Returns an order of decisions. Ties are ordered by the id of the subject.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::DecidedOn => ("DECIDED_ON", "decided_key", KeyType::Day),
        Field::Body => ("BODY", "body_key", KeyType::Text),
    };
    Order {
        name,
        key: Expr::col((Entity, Alias::new(key))),
        key_type,
        id: Expr::col((Entity, Column::SubjectId)),
        descending,
    }
}

fn sources(ctx: Context<'_>) -> [Source; 3] {
    let column = |column: activity::Column| Expr::col((activity::Entity, column));
    // Activities and their prices are public to everyone with a token.
    let activities = Source {
        kind: SubjectKind::Activity,
        table: activity::Entity.into_table_ref(),
        id: column(activity::Column::Id),
        decision_id: column(activity::Column::DecisionId),
        visible: Condition::all(),
        words: (EntityType::Activity, column(activity::Column::Id)),
    };
    let column = |column: agreement::Column| Expr::col((agreement::Entity, column));
    let agreements = Source {
        kind: SubjectKind::Agreement,
        table: agreement::Entity.into_table_ref(),
        id: column(agreement::Column::Id),
        decision_id: column(agreement::Column::DecisionId),
        visible: agreements::visible(ctx),
        words: (EntityType::Agreement, column(agreement::Column::Id)),
    };
    let column = |column: fee_schedule::Column| Expr::col((fee_schedule::Entity, column));
    let fee_schedules = Source {
        kind: SubjectKind::FeeSchedule,
        table: fee_schedule::Entity.into_table_ref(),
        id: column(fee_schedule::Column::Id),
        decision_id: column(fee_schedule::Column::DecisionId),
        visible: Condition::all(),
        words: (EntityType::Activity, column(fee_schedule::Column::ActivityId)),
    };
    [activities, agreements, fee_schedules]
}

/// Returns the id of a decision as its uses are joined to it. The plus makes SQLite begin with the
/// decisions, in the order of an index, and find the uses of each: it can't estimate how many uses
/// there are, and would sort all of them.
fn joined(backend: DbBackend) -> SimpleExpr {
    let plus = if backend == DbBackend::Sqlite { "+" } else { "" };
    Expr::cust(format!("{plus}\"decision\".\"id\""))
}

/// Selects the decisions of a table that match the filter.
fn uses(backend: DbBackend, source: Source, filter: &Filter) -> SelectStatement {
    let Source { kind, table, id, decision_id, visible, words: (noun, subject) } = source;
    let mut select = Query::select()
        .expr_as(id, Column::SubjectId)
        .expr_as(Expr::cust(format!("'{}'", kind.word())), Column::SubjectKind)
        .expr_as(decision_column(decision::Column::Id), Column::DecisionId)
        .expr_as(decision_column(decision::Column::Body), Column::Body)
        .expr_as(decision_column(decision::Column::DecidedOn), Column::DecidedOn)
        .expr_as(decision_column(decision::Column::Paragraph), Column::Paragraph)
        .expr_as(decision_column(decision::Column::Document), Column::Document)
        .expr_as(decided_on(backend), Alias::new("decided_key"))
        .expr_as(body(backend), Alias::new("body_key"))
        .from(table)
        .inner_join(decision::Entity, joined(backend).eq(decision_id))
        .cond_where(visible)
        .take();
    if !filter.subjects.is_empty() && !filter.subjects.contains(&kind) {
        select.and_where(query::nothing());
    }
    if !filter.bodies.is_empty() {
        let bodies = filter.bodies.iter().map(|body| body.word());
        select.and_where(among_words(backend, decision_column(decision::Column::Body), bodies));
    }
    if filter.decided_from.is_some() || filter.decided_to.is_some() {
        select.and_where(decision_column(decision::Column::DecidedOn).is_not_null());
    }
    if let Some(day) = filter.decided_from {
        select.and_where(decided_on(backend).gte(fixed_day(day)));
    }
    if let Some(day) = filter.decided_to {
        select.and_where(decided_on(backend).lte(fixed_day(day)));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let own = decision_column(decision::Column::Id);
        let found = Condition::any()
            .add(search::found(backend, EntityType::Decision, own, text))
            .add(search::found(backend, noun, subject, text));
        select.cond_where(found);
    }
    select
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let [mut all, agreements, fee_schedules] =
        sources(ctx).map(|source| uses(ctx.db.backend(), source, filter));
    all.union(UnionType::All, agreements).union(UnionType::All, fee_schedules);
    Query::select().from_subquery(all, Entity).take()
}

/// Returns a page of the decisions about what the viewer can read that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the decisions that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
