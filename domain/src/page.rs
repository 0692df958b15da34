//! Keyset pagination for every noun: a page at the end of a list costs the same as the first one,
//! and concurrent inserts and deletes shift no rows between pages.

use std::{borrow::Cow, collections::HashMap};

use ::entity::partial::{Column, PartialRow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityName, ExprTrait, JoinType, QueryResult,
    sea_query::{
        Alias, CommonTableExpression, Expr, Order as Direction, Query, SelectStatement, SimpleExpr,
        UnionType,
    },
};
use uuid::Uuid;

use crate::{
    database::{EACH, each, note_rows},
    error::{FieldErrorCode, Result, ValidationErrors},
    query,
    search::condition::Search,
};

/// Default page size, in rows.
pub const DEFAULT: u64 = 25;
/// Maximum page size, in rows.
pub const MAX_PAGE: u64 = 200;

/// Pagination arguments of the API (Relay).
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// Number of rows from the start.
    pub first: Option<i64>,
    /// Cursor: rows after its row.
    pub after: Option<String>,
    /// Number of rows from the end.
    pub last: Option<i64>,
    /// Cursor: rows before its row.
    pub before: Option<String>,
}

/// Validated pagination arguments.
#[derive(Clone, Debug)]
pub struct Page {
    limit: u64,
    backward: bool,
    after: Option<Cursor>,
    before: Option<Cursor>,
}

/// A requested page of a list, with the columns that its rows need.
pub struct PageRequest<M: PartialRow> {
    /// Name of the list in cursors, so that a cursor of another list is refused.
    list: &'static str,
    /// Order of the list.
    pub order: Order,
    /// Validated pagination arguments.
    pub page: Page,
    /// Columns of the rows.
    pub columns: Vec<Column<M>>,
}

impl<M: PartialRow> PageRequest<M> {
    /// Creates the request of a page of `list`, and validates the pagination arguments. `list`
    /// names the rows: lists of the same rows in the same order have the same cursors, whatever
    /// their filters. `errors` are those already found in other arguments.
    ///
    /// # Errors
    /// INVALID naming every bad argument.
    pub fn check(
        list: &'static str,
        order: Order,
        args: &Args,
        columns: Vec<Column<M>>,
        mut errors: ValidationErrors,
    ) -> Result<Self> {
        let page = Page::check(args, list, &order, &mut errors);
        errors.finish()?;
        Ok(Self { list, order, page, columns })
    }
}

/// Sort key of a row, before its id. One of three types, so that a cursor can encode it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Text, in byte order.
    Text(String),
    /// A day.
    Day(NaiveDate),
    /// A number.
    Number(i64),
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Text.
    Text,
    /// A day.
    Day,
    /// A number.
    Number,
}

/// A sort order: an expression that is never null, then the id.
#[derive(Clone, Debug)]
pub struct Order {
    /// Name of the order in cursors, so that a cursor of another order is refused.
    pub name: &'static str,
    /// The sort expression.
    pub key: SimpleExpr,
    /// Its type.
    pub key_type: KeyType,
    /// The tie-breaker: the table's id.
    pub id: SimpleExpr,
    /// `true` if the largest comes first.
    pub descending: bool,
}

/// The position of a row in a list and its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    list: Cow<'static, str>,
    order: Cow<'static, str>,
    key: Key,
    id: Uuid,
}

impl Cursor {
    /// Returns the position among the rows of the same order.
    fn position(&self) -> (&Key, Uuid) {
        (&self.key, self.id)
    }

    /// Encodes the cursor for clients.
    #[must_use]
    pub fn encode(&self) -> String {
        let (kind, key) = match &self.key {
            Key::Text(text) => ('t', text.clone()),
            Key::Day(day) => ('d', day.to_string()),
            Key::Number(number) => ('n', number.to_string()),
        };
        let Self { list, order, id, .. } = self;
        URL_SAFE_NO_PAD.encode(format!("{list}.{order}\n{kind}{key}\n{}", id.simple()))
    }

    /// Decodes a cursor. Returns `None` for a text that this program has not encoded, also if it
    /// encodes the same position in another way. A key that the database can't compare, as a text
    /// with NUL, must not reach it.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (name, rest) = decoded.split_once('\n')?;
        let (list, order) = name.split_once('.')?;
        let (key, id) = rest.rsplit_once('\n')?;
        let key = match (key.chars().next()?, key.get(1..)?) {
            ('t', text) => Key::Text(Some(text).filter(|text| !text.contains('\0'))?.to_owned()),
            ('d', day) => Key::Day(
                day.parse().ok().filter(|day: &NaiveDate| (1900..=9999).contains(&day.year()))?,
            ),
            ('n', number) => Key::Number(number.parse().ok()?),
            _ => return None,
        };
        let (list, order) = (list.to_owned().into(), order.to_owned().into());
        let cursor = Self { list, order, key, id: Uuid::parse_str(id).ok()? };
        (cursor.encode() == text).then_some(cursor)
    }
}

impl Page {
    /// Returns the number of rows to read of a list in the order of a day, and the position after
    /// which they begin; `None` if the page is read from the end of the list.
    pub(crate) fn forward(&self) -> Option<(u64, Option<(NaiveDate, Uuid)>)> {
        let after = self.after.as_ref().and_then(|cursor| match cursor.key {
            Key::Day(day) => Some((day, cursor.id)),
            Key::Text(_) | Key::Number(_) => None,
        });
        (!self.backward).then_some((self.limit + 1, after))
    }

    /// Validates the four arguments against an order; adds an error for every bad one.
    fn check(args: &Args, list: &str, order: &Order, errors: &mut ValidationErrors) -> Self {
        let mut size = |name: &str, value: Option<i64>| {
            value.map(|size| {
                let fits = u64::try_from(size).ok().filter(|size| *size <= MAX_PAGE);
                errors.expect(
                    fits.is_some(),
                    name,
                    FieldErrorCode::OutOfRange
                        .problem(format!("must be 0 to {MAX_PAGE}"))
                        .with("min", 0)
                        .with("max", MAX_PAGE),
                );
                fits.unwrap_or_default()
            })
        };
        let (first, last) = (size("first", args.first), size("last", args.last));
        errors.expect(
            first.is_none() || last.is_none(),
            "last",
            FieldErrorCode::NotAllowed.problem("must not be combined with first"),
        );
        let mut cursor = |name: &str, text: Option<&String>| {
            let text = text?;
            let found = Cursor::decode(text).filter(|cursor| {
                (&*cursor.list, &*cursor.order) == (list, order.name)
                    && cursor.key.key_type() == order.key_type
            });
            errors.expect(
                found.is_some(),
                name,
                FieldErrorCode::NotACursor.problem("is not a cursor of this list in this order"),
            );
            found
        };
        Self {
            after: cursor("after", args.after.as_ref()),
            before: cursor("before", args.before.as_ref()),
            limit: first.or(last).unwrap_or(DEFAULT),
            backward: last.is_some(),
        }
    }
}

impl Key {
    fn key_type(&self) -> KeyType {
        match self {
            Self::Text(_) => KeyType::Text,
            Self::Day(_) => KeyType::Day,
            Self::Number(_) => KeyType::Number,
        }
    }

    fn expr(&self) -> SimpleExpr {
        match self {
            Self::Text(text) => Expr::val(text.clone()),
            Self::Day(day) => Expr::val(*day),
            Self::Number(number) => Expr::val(*number),
        }
    }

    fn read(row: &QueryResult, position: usize, key_type: KeyType) -> Result<Self> {
        Ok(match key_type {
            KeyType::Text => Self::Text(row.try_get_by_index(position)?),
            KeyType::Day => Self::Day(row.try_get_by_index(position)?),
            KeyType::Number => Self::Number(row.try_get_by_index(position)?),
        })
    }
}

/// A page of rows, in order.
#[derive(Clone, Debug)]
pub struct Slice<M> {
    /// The rows, each with its cursor.
    pub rows: Vec<(Cursor, M)>,
    /// `true` if rows follow.
    pub has_next: bool,
    /// `true` if rows precede.
    pub has_previous: bool,
}

impl<M> Slice<M> {
    fn cut(mut rows: Vec<(Cursor, M)>, page: &Page) -> Self {
        let more = rows.len() as u64 > page.limit;
        rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        if page.backward {
            rows.reverse();
            Self { rows, has_next: page.before.is_some(), has_previous: more }
        } else {
            Self { rows, has_next: more, has_previous: page.after.is_some() }
        }
    }
}

/// Restricts a page by its cursors. The key is also restricted separately, although the tuple
/// implies it: SQLite searches an index on an expression by that expression only, and would else
/// read a deep page from the start of the list.
fn bound(select: &mut SelectStatement, order: &Order, page: &Page) -> Direction {
    let position = || Expr::tuple([order.key.clone(), order.id.clone()]);
    let at = |cursor: &Cursor| Expr::tuple([cursor.key.expr(), Expr::val(cursor.id)]);
    for (cursor, is_after) in [(&page.after, true), (&page.before, false)] {
        if let Some(cursor) = cursor {
            let (key, at_key) = (order.key.clone(), cursor.key.expr());
            if is_after == order.descending {
                select.and_where(position().lt(at(cursor))).and_where(key.lte(at_key));
            } else {
                select.and_where(position().gt(at(cursor))).and_where(key.gte(at_key));
            }
        }
    }
    if order.descending == page.backward { Direction::Asc } else { Direction::Desc }
}

fn select_with_position<M: PartialRow>(
    select: &mut SelectStatement,
    columns: &[Column<M>],
    order: &Order,
) {
    query::add_columns(select, columns);
    select
        .expr_as(order.key.clone(), Alias::new("page_key"))
        .expr_as(order.id.clone(), Alias::new("page_id"));
}

fn read<M: PartialRow>(
    row: &QueryResult,
    PageRequest { list, order, columns, .. }: &PageRequest<M>,
) -> Result<(Cursor, M)> {
    let key = Key::read(row, columns.len(), order.key_type)?;
    let id = row.try_get_by_index(columns.len() + 1)?;
    let cursor = Cursor { list: (*list).into(), order: order.name.into(), key, id };
    Ok((cursor, M::read(row, columns)?))
}

/// Returns the requested page of the rows of `select` (its FROM and WHERE).
pub async fn fetch<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    request: &PageRequest<M>,
) -> Result<Slice<M>> {
    let direction = bound(&mut select, &request.order, &request.page);
    fetch_in_order(db, select, &request.order, request, direction).await
}

/// Orders a statement and limits it to a page, with one more row that tells if there are more.
fn order_and_limit(select: &mut SelectStatement, order: &Order, page: &Page, direction: Direction) {
    select
        .order_by_expr(order.key.clone(), direction.clone())
        .order_by_expr(order.id.clone(), direction)
        .limit(page.limit + 1);
}

impl Order {
    /// Returns the same order for statements with few rows, which SQLite then sorts. It would else
    /// go through an index in this order until it has met them.
    fn sorted(&self, backend: DbBackend) -> Self {
        let (key, id) = (self.key.clone(), self.id.clone());
        let (key, id) = (query::unindexed(backend, key), query::unindexed(backend, id));
        Self { key, id, ..self.clone() }
    }
}

/// Returns the first rows of `select`, whose rows are within the cursors. `order` is that of the
/// request.
async fn fetch_in_order<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    order: &Order,
    request: &PageRequest<M>,
    direction: Direction,
) -> Result<Slice<M>> {
    let PageRequest { page, columns, .. } = request;
    select_with_position::<M>(&mut select, columns, order);
    order_and_limit(&mut select, order, page, direction);
    let rows = db.query_all(&select).await?;
    note_rows(rows.len());
    Ok(Slice::cut(rows.iter().map(|row| read::<M>(row, request)).collect::<Result<_>>()?, page))
}

/// Returns the requested page of the rows of two parts of a list, which have no row in common: the
/// first rows among the first ones of each part. An index in the list's order returns those of
/// `long`, where one condition on all would require sorting; those of `short` are few, and sorted.
/// `all` selects from the table of the parts.
pub async fn fetch_of_parts<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut all: SelectStatement,
    [long, short]: [SelectStatement; 2],
    request: &PageRequest<M>,
) -> Result<Slice<M>> {
    let PageRequest { order, page, .. } = request;
    let sorted = order.sorted(db.get_database_backend());
    let first_of = |mut part: SelectStatement, order: &Order| {
        let direction = bound(&mut part, order, page);
        part.expr(order.id.clone());
        order_and_limit(&mut part, order, page, direction.clone());
        // As a subquery, since each has its own limit.
        (Query::select().expr(Expr::cust("*")).from_subquery(part, "part").take(), direction)
    };
    let ((mut first, direction), (others, _)) = (first_of(long, order), first_of(short, &sorted));
    all.and_where(order.id.clone().in_subquery(first.union(UnionType::All, others).take()));
    fetch_in_order(db, all, &sorted, request, direction).await
}

/// Returns the same page for each of these parents, as far as they have rows. `of` returns the
/// condition that a row of `select` (its FROM and WHERE) belongs to the parent with this id.
///
/// One statement runs an ordered and limited statement for each parent, so that an index returns
/// the rows of a page, however long the lists are. Its text does not depend on the number of
/// parents.
pub async fn fetch_each<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    request: &PageRequest<M>,
    parents: &[Uuid],
    of: impl FnOnce(SimpleExpr) -> SimpleExpr,
) -> Result<HashMap<Uuid, Slice<M>>> {
    let PageRequest { order, page, columns, .. } = request;
    let backend = db.get_database_backend();
    let (ids, id) = each(backend, parents);
    select.and_where(of(id.clone()));
    let direction = bound(&mut select, order, page);
    let is_descending = matches!(direction, Direction::Desc);
    order_and_limit(&mut select, order, page, direction);
    let mut pages = Query::select().from_function(ids, EACH).take();
    if backend == DbBackend::Postgres {
        select_with_position::<M>(&mut select, columns, order);
        pages.expr(Expr::cust("\"page\".*")).join_lateral(
            JoinType::InnerJoin,
            select,
            "page",
            Expr::cust("TRUE"),
        );
    } else {
        // SQLite has no LATERAL, but repeats a subquery of a condition for each row.
        let table = M::Entity::default();
        let row = Expr::cust(format!("\"{}\".rowid", table.table_name()));
        select.expr(row.clone());
        pages.cross_join(table.table_ref()).and_where(row.in_subquery(select));
        select_with_position::<M>(&mut pages, columns, order);
    }
    pages.expr(id);
    let mut by_parent: HashMap<Uuid, Vec<(Cursor, M)>> = HashMap::new();
    let rows = db.query_all(&pages).await?;
    note_rows(rows.len());
    for row in &rows {
        let parent: Uuid = row.try_get_by_index(columns.len() + 2)?;
        by_parent.entry(parent).or_default().push(read::<M>(row, request)?);
    }
    let slices = by_parent.into_iter().map(|(parent, mut rows)| {
        rows.sort_by(|(one, _), (other, _)| one.position().cmp(&other.position()));
        if is_descending {
            rows.reverse();
        }
        (parent, Slice::cut(rows, page))
    });
    Ok(slices.collect())
}

/// Rows at the start of a list among which a page of a search is looked for first.
const NEAR: u64 = 250;

/// Returns the requested page of the rows of `select` that have the words of a search. Of common
/// words, the first rows of the list hold a page. Rows with rare words are found by the index,
/// which is read only if the first rows do not suffice.
pub(crate) async fn fetch_searched<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    search: &Search,
    request: &PageRequest<M>,
) -> Result<Slice<M>> {
    let PageRequest { order, page, .. } = request;
    let direction = bound(&mut select, order, page);
    let mut near = select.clone();
    near.expr_as(order.id.clone(), "id").expr_as(order.key.clone(), "key");
    order_and_limit(&mut near, order, page, direction.clone());
    near.reset_limit().limit(NEAR);
    let column = |name: &'static str| Expr::col((Alias::new("near"), Alias::new(name)));
    let first = Query::select()
        .expr(column("id"))
        .from_subquery(near, "near")
        .and_where(search.has_words(column("id")))
        .order_by_expr(column("key"), direction.clone())
        .order_by_expr(column("id"), direction.clone())
        .limit(page.limit + 1)
        .take();
    let first = CommonTableExpression::new().query(first).table_name("first").to_owned();
    select.with_cte(first).and_where(search.is_first_or_indexed(order.id.clone(), page.limit + 1));
    let sorted = order.sorted(db.get_database_backend());
    fetch_in_order(db, select, &sorted, request, direction).await
}

/// Returns the number of rows of `select` (its FROM and WHERE).
pub async fn count(db: &impl ConnectionTrait, mut select: SelectStatement) -> Result<i64> {
    select.expr(Expr::cust("COUNT(*)"));
    let row = db.query_one(&select).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default())
}

/// Returns the number of rows of `select` like [`count`]; of more than `at_most` rows, one more
/// than that: the others are not read.
pub async fn count_at_most(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    at_most: Option<u64>,
) -> Result<i64> {
    let Some(at_most) = at_most else { return count(db, select).await };
    select.expr(Expr::cust("1")).limit(at_most.saturating_add(1));
    count(db, Query::select().from_subquery(select, "found").take()).await
}

/// Returns the number of rows of two statements that have no row in common. Of more than `at_most`
/// rows, one more than that: the others are not read.
pub async fn count_parts(
    db: &impl ConnectionTrait,
    parts: [SelectStatement; 2],
    at_most: Option<u64>,
) -> Result<i64> {
    let expression = if at_most.is_some() { "1" } else { "COUNT(*)" };
    let [mut all, other] = parts.map(|mut part| part.expr(Expr::cust(expression)).take());
    all.union(UnionType::All, other);
    if let Some(at_most) = at_most {
        // The limit is one of both parts together.
        all.limit(at_most.saturating_add(1));
        return count(db, Query::select().from_subquery(all, "found").take()).await;
    }
    let mut sum = 0;
    for row in &db.query_all(&all).await? {
        sum += row.try_get_by_index::<i64>(0)?;
    }
    Ok(sum)
}

/// Returns the number of rows of `select` for each parent that has any.
pub async fn count_each(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    parent: impl Into<SimpleExpr>,
) -> Result<HashMap<Uuid, i64>> {
    let parent = parent.into();
    select.expr(parent.clone()).expr(Expr::cust("COUNT(*)")).add_group_by([parent]);
    let rows = db.query_all(&select).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip() {
        let cursor =
            |key| Cursor { list: "Row".into(), order: "NAME".into(), key, id: Uuid::now_v7() };
        for key in [Key::Text("å\nä|{".into()), Key::Day(NaiveDate::default()), Key::Number(-7)] {
            let cursor = cursor(key);
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        for key in [Key::Text("a\0b".into()), Key::Day(NaiveDate::MIN), Key::Day(NaiveDate::MAX)] {
            assert_eq!(Cursor::decode(&cursor(key).encode()), None);
        }
        for bad in ["", "x", "🙂", "YWJj", &"A".repeat(100_000)] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_position_has_a_single_cursor() {
        let id = "0190b5a41f2e7c3d8a9b0c1d2e3f4a5b";
        let decode = |key: &str, id: &str| {
            Cursor::decode(&URL_SAFE_NO_PAD.encode(format!("Row.NAME\n{key}\n{id}")))
        };
        for key in ["tÅsa", "t", "d2026-01-31", "n0", "n-7"] {
            assert!(decode(key, id).is_some(), "{key}");
            assert_eq!(decode(key, &id.to_uppercase()), None, "{key}");
            assert_eq!(decode(key, "0190b5a4-1f2e-7c3d-8a9b-0c1d2e3f4a5b"), None, "{key}");
        }
        for key in ["d2026-1-31", "d+2026-01-31", "d 2026-01-31", "n+7", "n07", "n-0"] {
            assert_eq!(decode(key, id), None, "{key}");
        }
    }
}
