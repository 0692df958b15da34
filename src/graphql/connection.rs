//! Relay connections, generic over the node type, and the columns that a selection needs.

use std::{any::Any, borrow::Cow, collections::HashMap, hash::Hash, ops::Range, sync::Arc};

pub use ::entity::partial::Column;
use ::entity::partial::PartialRow;
use async_graphql::{Context, List, Object, OutputType, SelectionField, SimpleObject, TypeName};
use futures_util::future::BoxFuture;
use sea_orm::IdenStatic;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    batch::{Batch, BatchRow, Extra, distinct, grouped},
    caller,
    cost::cost,
};
use domain::{
    activity_slugs::{self, ListFilter},
    error::{FieldErrorCode, Result, ValidationErrors},
    page::{Args, Cursor, Order, PageRequest, Slice},
};

/// A GraphQL type that represents a database row.
pub trait ConnectionNode: OutputType + Sized + 'static {
    /// Row type.
    type Row: PartialRow + Send + Sync + 'static;
    /// Name of the type in the schema.
    const NAME: &'static str;

    /// Creates the object of a row.
    fn of(row: BatchRow<Self::Row>) -> Self;

    /// Returns the columns that a field needs: none for a field with its own statement, which needs
    /// only the id, and `None` for what is no field of the type. A test compares it with the
    /// schema.
    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]>;

    /// Returns the columns of every statement: the id, and those that nested fields join by.
    fn always() -> &'static [Column<Self::Row>];
}

/// Returns the columns of `N` that are selected below `ctx` at any of `paths`. Each path is a list
/// of field names.
pub fn selected_columns<N: ConnectionNode>(
    ctx: &Context<'_>,
    paths: &[&[&str]],
) -> Vec<Column<N::Row>> {
    let mut columns = N::always().to_vec();
    for path in paths {
        let lookahead = path.iter().fold(ctx.look_ahead(), |lookahead, name| lookahead.field(name));
        for field in lookahead.selection_fields().iter().flat_map(SelectionField::selection_set) {
            // Of a union or an interface, the fields of its other types are selected, too.
            columns = N::columns(field.name())
                .unwrap_or_default()
                .iter()
                .fold(columns, |columns, column| and(columns, *column));
        }
    }
    columns
}

/// Adds a column, such as the one that groups a nested list.
pub fn and<C: IdenStatic>(mut columns: Vec<C>, column: C) -> Vec<C> {
    if columns.iter().all(|other| other.as_str() != column.as_str()) {
        columns.push(column);
    }
    columns
}

/// Paths from a connection to its nodes.
pub const CONNECTION: &[&[&str]] = &[&["edges", "node"], &["nodes"]];
/// Path from a field to itself.
pub const DIRECT: &[&[&str]] = &[&[]];

/// Returns all columns of the table.
pub fn every<N: ConnectionNode>() -> Vec<Column<N::Row>> {
    N::Row::every_column()
}

/// Combines the four arguments of a connection.
pub fn args(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Args {
    Args { first: first.map(i64::from), after, last: last.map(i64::from), before }
}

/// Counts the rows of a connection, when `totalCount` is selected. May stop above the given number.
type Count =
    Arc<dyn for<'c> Fn(&'c Context<'_>, Option<u64>) -> BoxFuture<'c, Result<i64>> + Send + Sync>;

/// A list and the requested page of it, as the arguments of a connection field say.
pub struct ListRequest<N: ConnectionNode, F> {
    /// Filter of the list, or another value that identifies it.
    pub filter: F,
    /// Order of the list.
    pub order: Order,
    /// Pagination arguments.
    pub args: Args,
    /// Returns the columns that the selection of the nodes needs.
    pub columns: fn(&Context<'_>) -> Vec<Column<N::Row>>,
    /// Errors found in the arguments so far.
    pub errors: ValidationErrors,
}

impl<N: ConnectionNode, F> ListRequest<N, F> {
    /// Creates the request of a connection field, with the selected columns.
    pub fn new(filter: F, order: Order, args: Args, errors: ValidationErrors) -> Self {
        let columns = |ctx: &Context<'_>| selected_columns::<N>(ctx, CONNECTION);
        Self { filter, order, args, columns, errors }
    }
}

/// Rows of a page, with data about them as a whole if there is any.
pub struct ListPage<M> {
    slice: Slice<M>,
    extra: Option<Extra>,
}

impl<M> ListPage<M> {
    /// Creates a page whose batch has data about its rows as a whole: see [`BatchRow::extra`].
    pub fn with_extra(slice: Slice<M>, extra: impl Any + Send + Sync) -> Self {
        Self { slice, extra: Some(Arc::new(extra)) }
    }
}

impl<M> From<Slice<M>> for ListPage<M> {
    fn from(slice: Slice<M>) -> Self {
        Self { slice, extra: None }
    }
}

/// Returns a page of a list. `list` reads the page, and `count` counts the whole list when
/// `totalCount` is selected.
///
/// # Errors
/// INVALID with the errors of the request, with every slug of no activity, and with every bad
/// pagination argument. The errors of `list`.
pub fn connection<'c, N, F, P>(
    ctx: &'c Context<'_>,
    request: ListRequest<N, F>,
    list: impl for<'f> FnOnce(
        &'f Context<'_>,
        &'f F,
        &'f PageRequest<N::Row>,
    ) -> BoxFuture<'f, Result<P>>
    + Send
    + 'c,
    count: impl for<'f> Fn(&'f Context<'_>, &'f F) -> BoxFuture<'f, Result<i64>> + Send + Sync + 'static,
) -> BoxFuture<'c, Result<Connection<N>>>
where
    N: ConnectionNode,
    F: ListFilter + Send + Sync + 'static,
    P: Into<ListPage<N::Row>> + Send + 'c,
{
    large_connection(ctx, request, list, move |ctx, filter, _| count(ctx, filter))
}

/// Returns a page like [`connection`], of a list that grows with the register: `count` may stop
/// above a number of rows.
pub fn large_connection<'c, N, F, P>(
    ctx: &'c Context<'_>,
    request: ListRequest<N, F>,
    list: impl for<'f> FnOnce(
        &'f Context<'_>,
        &'f F,
        &'f PageRequest<N::Row>,
    ) -> BoxFuture<'f, Result<P>>
    + Send
    + 'c,
    count: impl for<'f> Fn(&'f Context<'_>, &'f F, Option<u64>) -> BoxFuture<'f, Result<i64>>
    + Send
    + Sync
    + 'static,
) -> BoxFuture<'c, Result<Connection<N>>>
where
    N: ConnectionNode,
    F: ListFilter + Send + Sync + 'static,
    P: Into<ListPage<N::Row>> + Send + 'c,
{
    Box::pin(async move {
        let ListRequest { filter, order, args, columns, mut errors } = request;
        activity_slugs::check(caller(ctx), &filter, &mut errors).await?;
        let page = PageRequest::check(N::NAME, order, &args, columns(ctx), errors)?;
        let page: ListPage<N::Row> = list(ctx, &filter, &page).await?.into();
        let (filter, count) = (Arc::new(filter), Arc::new(count));
        let count: Count = Arc::new(move |ctx, at_most| {
            let (filter, count) = (Arc::clone(&filter), Arc::clone(&count));
            Box::pin(async move { count(ctx, &filter, at_most).await })
        });
        Ok(Connection::new(page, count))
    })
}

/// Future of a value for each parent, by its id. A parent without rows has none.
pub type EachParent<'f, T> = BoxFuture<'f, Result<HashMap<Uuid, T>>>;

/// Returns the page of a row's own list, such as the agreements of a member, and reads those of its
/// whole batch with one statement. `list` reads the same page for each of the parents, whose ids
/// are `id` of the rows; `count` counts the list of each parent when `totalCount` is selected.
///
/// # Errors
/// INVALID with the errors of the request, with every slug of no activity, and with every bad
/// pagination argument. The errors of `list`.
pub fn nested_connection<'c, N, M, K, F>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    id: fn(&M) -> K,
    request: ListRequest<N, F>,
    list: impl for<'f> FnOnce(
        &'f Context<'_>,
        &'f [K],
        &'f F,
        &'f PageRequest<N::Row>,
    ) -> EachParent<'f, Slice<N::Row>>
    + Send
    + 'c,
    count: impl for<'f> Fn(&'f Context<'_>, &'f [K], &'f F) -> EachParent<'f, i64>
    + Send
    + Sync
    + 'static,
) -> BoxFuture<'c, Result<Connection<N>>>
where
    N: ConnectionNode,
    M: Send + Sync + 'static,
    K: Copy + Eq + Hash + Into<Uuid> + Send + Sync + 'static,
    F: ListFilter + Send + Sync + 'static,
{
    Box::pin(async move {
        let ListRequest { filter, order, args, columns, mut errors } = request;
        let pages = row.load(ctx, "pages", || async {
            activity_slugs::check(caller(ctx), &filter, &mut errors).await?;
            let page = PageRequest::check(N::NAME, order, &args, columns(ctx), errors)?;
            let parents = distinct(row.batch_rows().iter().map(id));
            Ok(Pages::new(list(ctx, &parents, &filter, &page).await?))
        });
        let (pages, parent): (_, Uuid) = (pages.await?, id(row).into());
        let row = row.clone();
        let (filter, count) = (Arc::new(filter), Arc::new(count));
        let count: Count = Arc::new(move |ctx, _| {
            let (row, filter, count) = (row.clone(), Arc::clone(&filter), Arc::clone(&count));
            Box::pin(async move {
                let counts = row.load(ctx, "count", || async {
                    let parents = distinct(row.batch_rows().iter().map(id));
                    count(ctx, &parents, &filter).await
                });
                Ok(counts.await?.get(&parent).copied().unwrap_or_default())
            })
        });
        Ok(pages.connection::<N>(parent, count))
    })
}

/// Returns the object that each row of a batch refers to, such as the member of an agreement, if
/// the viewer may see it. All of a batch are read with one statement. `key` is the id of the row
/// that `by_ids` reads.
pub async fn referenced<N, M, K>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: impl Fn(&M) -> Option<K> + Copy + Send + Sync,
    key: fn(&N::Row) -> K,
    by_ids: impl for<'f> FnOnce(
        &'f Context<'_>,
        &'f [K],
        &'f [Column<N::Row>],
    ) -> BoxFuture<'f, Result<Vec<N::Row>>>
    + Send,
) -> Result<Option<N>>
where
    N: ConnectionNode,
    M: Send + Sync,
    K: Copy + Eq + Hash + Send + Sync + 'static,
{
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, N::NAME, || async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let columns = selected_columns::<N>(ctx, DIRECT);
            let rows = by_ids(ctx, &ids, &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| key(row)))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// A page of a list, as specified by the Relay cursor connection specification.
pub struct Connection<N: ConnectionNode> {
    batch: Arc<Batch<N::Row>>,
    cursors: Arc<Vec<Cursor>>,
    page: PageRange,
    count: Count,
    /// The last number of rows that was counted, and the number above which it stopped.
    counted: Mutex<Option<(Option<u64>, i64)>>,
}

impl<N: ConnectionNode> Connection<N> {
    /// Creates the connection of a page. `count` counts the whole list.
    fn new(ListPage { slice, extra }: ListPage<N::Row>, count: Count) -> Self {
        let (cursors, rows): (Vec<_>, Vec<_>) = slice.rows.into_iter().unzip();
        Self {
            page: PageRange {
                rows: 0..rows.len(),
                has_next: slice.has_next,
                has_previous: slice.has_previous,
            },
            batch: Batch::with_shared(rows, extra),
            cursors: Arc::new(cursors),
            count,
            counted: Mutex::default(),
        }
    }

    /// Returns the number of rows, and that above which counting may have stopped. Counts a single
    /// time for fields with the same argument.
    ///
    /// # Errors
    /// INVALID for a number below 1.
    async fn counted(&self, ctx: &Context<'_>, at_most: Option<i32>) -> Result<(i64, i64)> {
        let limit = at_most.map(u64::try_from).transpose().unwrap_or(Some(0));
        let mut errors = ValidationErrors::default();
        errors.expect(
            limit != Some(0),
            "at_most",
            FieldErrorCode::OutOfRange.problem("must be 1 or more").with("min", 1),
        );
        errors.finish()?;
        let mut counted = self.counted.lock().await;
        let rows = match *counted {
            Some((known, rows)) if known == limit => rows,
            _ => (self.count)(ctx, limit).await?,
        };
        *counted = Some((limit, rows));
        Ok((rows, at_most.map_or(i64::MAX, i64::from)))
    }
}

/// Rows of a page among those of its batch.
#[derive(Clone, Default)]
struct PageRange {
    /// Positions in the batch.
    rows: Range<usize>,
    /// `true` if rows follow in the list.
    has_next: bool,
    /// `true` if rows precede in the list.
    has_previous: bool,
}

/// Pages of many parents in one batch, so that nested fields are loaded for all of them together.
struct Pages<M> {
    batch: Arc<Batch<M>>,
    cursors: Arc<Vec<Cursor>>,
    of: HashMap<Uuid, PageRange>,
}

impl<M> Pages<M> {
    /// Creates the pages of these parents.
    fn new(slices: HashMap<Uuid, Slice<M>>) -> Self {
        let (mut rows, mut cursors, mut of) = (Vec::new(), Vec::new(), HashMap::new());
        for (parent, Slice { rows: own, has_next, has_previous }) in slices {
            let start = rows.len();
            for (cursor, row) in own {
                cursors.push(cursor);
                rows.push(row);
            }
            of.insert(parent, PageRange { rows: start..rows.len(), has_next, has_previous });
        }
        Self { batch: Batch::new(rows), cursors: Arc::new(cursors), of }
    }

    /// Returns the page of one parent; empty when it has none.
    fn connection<N: ConnectionNode<Row = M>>(&self, parent: Uuid, count: Count) -> Connection<N> {
        Connection {
            batch: Arc::clone(&self.batch),
            cursors: Arc::clone(&self.cursors),
            page: self.of.get(&parent).cloned().unwrap_or_default(),
            count,
            counted: Mutex::default(),
        }
    }
}

/// Position of a page in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// `true` if rows follow this page.
    has_next_page: bool,
    /// `true` if rows precede this page.
    has_previous_page: bool,
    /// Cursor of the first row; null when the page is empty.
    start_cursor: Option<String>,
    /// Cursor of the last row: pass it as `after` to get the next page. Null when the page is
    /// empty.
    end_cursor: Option<String>,
}

impl<N: ConnectionNode> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::NAME).into()
    }
}

/// A page of a list; see the [Relay cursor connection
/// specification](https://relay.dev/graphql/connections.htm).
#[Object(name_type)]
impl<N: ConnectionNode> Connection<N> {
    /// Objects of this page, each with its cursor.
    async fn edges(&self) -> List<Edge<N>> {
        self.page
            .rows
            .clone()
            .map(|position| Edge {
                cursors: Arc::clone(&self.cursors),
                position,
                row: BatchRow::at(&self.batch, position),
            })
            .collect()
    }

    /// Objects of this page without cursors.
    async fn nodes(&self) -> List<N> {
        self.page.rows.clone().map(|position| N::of(BatchRow::at(&self.batch, position))).collect()
    }

    /// Position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        let cursors = &self.cursors[self.page.rows.clone()];
        PageInfo {
            has_next_page: self.page.has_next,
            has_previous_page: self.page.has_previous,
            start_cursor: cursors.first().map(Cursor::encode),
            end_cursor: cursors.last().map(Cursor::encode),
        }
    }

    /// Number of rows of the whole list, which is counted only when this field is selected.
    #[graphql(directive = cost::apply("20".into()))]
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Maximum of the result, 1 or more: invoices, agreements, members and audit entries of a large register are counted no further, which takes less time. Exact when omitted."
        )]
        at_most: Option<i32>,
    ) -> Result<i64> {
        let (rows, at_most) = Box::pin(self.counted(ctx, at_most)).await?;
        Ok(rows.min(at_most))
    }

    /// `true` if the list has more rows than `totalCount` with the same `atMost`.
    #[graphql(directive = cost::apply("20".into()))]
    async fn total_count_is_estimate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The same number as that of `totalCount`.")] at_most: i32,
    ) -> Result<bool> {
        let (rows, at_most) = Box::pin(self.counted(ctx, Some(at_most))).await?;
        Ok(rows > at_most)
    }
}

/// A row with its cursor.
pub struct Edge<N: ConnectionNode> {
    cursors: Arc<Vec<Cursor>>,
    position: usize,
    row: BatchRow<N::Row>,
}

impl<N: ConnectionNode> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::NAME).into()
    }
}

/// An object of a list with its cursor.
#[Object(name_type)]
impl<N: ConnectionNode> Edge<N> {
    /// Cursor of the object: pass it as `after` or `before` to continue from here. It stays valid
    /// when rows are added or removed.
    async fn cursor(&self) -> String {
        self.cursors[self.position].encode()
    }

    /// Object of the list.
    async fn node(&self) -> N {
        N::of(self.row.clone())
    }
}

/// Measures the futures of a connection and its edges.
#[cfg(test)]
pub(super) fn measure<N: ConnectionNode + async_graphql::ObjectType>(
    sizes: &mut super::future_sizes::Sizes<'_, '_>,
) {
    let slice: Slice<N::Row> = Slice { rows: Vec::new(), has_next: false, has_previous: false };
    let count: Count = Arc::new(|_, _| Box::pin(std::future::ready(Ok(0))));
    sizes.add(&Connection::<N>::new(slice.into(), count));
    let row = super::future_sizes::row();
    sizes.add(&Edge::<N> { cursors: Arc::default(), position: 0, row });
}
