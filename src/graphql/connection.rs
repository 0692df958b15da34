//! Relay connections, once for every noun, and which columns a selection asks for.

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::Arc};

pub use ::entity::partial::Column;
use ::entity::partial::PartialRow;
use async_graphql::{Context, Object, OutputType, SelectionField, SimpleObject, TypeName};
use futures_util::future::BoxFuture;
use sea_orm::IdenStatic;
use uuid::Uuid;

use super::{
    batch::{Batch, BatchRow},
    cost::cost,
};
use domain::{
    error::Result,
    page::{Args, Cursor, Slice},
};

/// A noun of the API that stands for a row.
pub trait ConnectionNode: OutputType + Sized + 'static {
    /// The row.
    type Row: PartialRow + Send + Sync + 'static;
    /// The name of the type in the schema.
    const NAME: &'static str;

    /// The noun of a row.
    fn of(row: BatchRow<Self::Row>) -> Self;

    /// The columns that a field of the noun is made of; none for those that have their own
    /// statement and need only the id.
    fn columns(field: &str) -> &'static [Column<Self::Row>];

    /// The columns that every statement selects: the id, and what nested fields join by.
    fn always() -> &'static [Column<Self::Row>];
}

/// The columns of `N` that the fields below `ctx`, reached by any of `paths` (each a path of field
/// names), ask for.
pub fn selected_columns<N: ConnectionNode>(
    ctx: &Context<'_>,
    paths: &[&[&str]],
) -> Vec<Column<N::Row>> {
    let mut columns = N::always().to_vec();
    for path in paths {
        let lookahead = path.iter().fold(ctx.look_ahead(), |lookahead, name| lookahead.field(name));
        for field in lookahead.selection_fields().iter().flat_map(SelectionField::selection_set) {
            columns = N::columns(field.name())
                .iter()
                .fold(columns, |columns, column| and(columns, *column));
        }
    }
    columns
}

/// The columns and this one, which a nested list is grouped by.
pub fn and<C: IdenStatic>(mut columns: Vec<C>, column: C) -> Vec<C> {
    if columns.iter().all(|other| other.as_str() != column.as_str()) {
        columns.push(column);
    }
    columns
}

/// The two ways from a connection to its nouns.
pub const CONNECTION: &[&[&str]] = &[&["edges", "node"], &["nodes"]];
/// The way from a field to itself.
pub const DIRECT: &[&[&str]] = &[&[]];

/// Every column of a noun's table.
pub fn every<N: ConnectionNode>() -> Vec<Column<N::Row>> {
    N::Row::every_column()
}

/// The four arguments of every connection.
pub fn args(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Args {
    Args { first: first.map(i64::from), after, last: last.map(i64::from), before }
}

/// Counts all rows of a connection, when somebody asks.
pub type Count = Arc<dyn for<'c> Fn(&'c Context<'_>) -> BoxFuture<'c, Result<i64>> + Send + Sync>;

/// A page of a list, after the Relay cursor connection specification.
pub struct Connection<N: ConnectionNode> {
    batch: Arc<Batch<N::Row>>,
    cursors: Arc<Vec<Cursor>>,
    rows: Range<usize>,
    has_next: bool,
    has_previous: bool,
    count: Count,
}

impl<N: ConnectionNode> Connection<N> {
    /// The connection of a page, and how all rows are counted.
    pub fn new(slice: Slice<N::Row>, count: Count) -> Self {
        Self::of(slice, count, Batch::new)
    }

    /// The same with what was found out about the rows together: see [`BatchRow::extra`].
    pub fn with_extra(
        slice: Slice<N::Row>,
        extra: impl std::any::Any + Send + Sync,
        count: Count,
    ) -> Self {
        Self::of(slice, count, |rows| Batch::with_extra(rows, extra))
    }

    fn of(
        slice: Slice<N::Row>,
        count: Count,
        batch: impl FnOnce(Vec<N::Row>) -> Arc<Batch<N::Row>>,
    ) -> Self {
        let (cursors, rows): (Vec<_>, Vec<_>) = slice.rows.into_iter().unzip();
        Self {
            rows: 0..rows.len(),
            batch: batch(rows),
            cursors: Arc::new(cursors),
            has_next: slice.has_next,
            has_previous: slice.has_previous,
            count,
        }
    }
}

/// The pages of many parents, in one batch, so that what hangs on their rows is loaded for all of
/// them at once.
pub struct Pages<M> {
    batch: Arc<Batch<M>>,
    cursors: Arc<Vec<Cursor>>,
    of: HashMap<Uuid, (Range<usize>, bool, bool)>,
}

impl<M> Pages<M> {
    /// The pages of these parents.
    pub fn new(slices: HashMap<Uuid, Slice<M>>) -> Self {
        let (mut rows, mut cursors, mut of) = (Vec::new(), Vec::new(), HashMap::new());
        for (parent, slice) in slices {
            let start = rows.len();
            for (cursor, row) in slice.rows {
                cursors.push(cursor);
                rows.push(row);
            }
            of.insert(parent, (start..rows.len(), slice.has_next, slice.has_previous));
        }
        Self { batch: Batch::new(rows), cursors: Arc::new(cursors), of }
    }

    /// The page of one parent.
    pub fn connection<N: ConnectionNode<Row = M>>(
        &self,
        parent: impl Into<Uuid>,
        count: Count,
    ) -> Connection<N> {
        let (rows, has_next, has_previous) =
            self.of.get(&parent.into()).cloned().unwrap_or((0..0, false, false));
        Connection {
            batch: Arc::clone(&self.batch),
            cursors: Arc::clone(&self.cursors),
            rows,
            has_next,
            has_previous,
            count,
        }
    }
}

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether rows follow this page.
    has_next_page: bool,
    /// Whether rows go before this page.
    has_previous_page: bool,
    /// The first row's cursor; null when the page is empty.
    start_cursor: Option<String>,
    /// The last row's cursor: give it as `after` for the next page. Null when the page is empty.
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
    /// The rows of this page, each with its cursor.
    async fn edges(&self) -> Vec<Edge<N>> {
        self.rows
            .clone()
            .map(|position| Edge {
                cursor: self.cursors[position].clone(),
                row: BatchRow::at(&self.batch, position),
            })
            .collect()
    }

    /// The rows of this page, for those who need no cursors.
    async fn nodes(&self) -> Vec<N> {
        self.rows.clone().map(|position| N::of(BatchRow::at(&self.batch, position))).collect()
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> PageInfo {
        let cursors = &self.cursors[self.rows.clone()];
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: cursors.first().map(Cursor::encode),
            end_cursor: cursors.last().map(Cursor::encode),
        }
    }

    /// How many rows the whole list has; counted only when asked for.
    #[graphql(directive = cost::apply("20".into()))]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        (self.count)(ctx).await
    }
}

/// A row with its place in the list.
pub struct Edge<N: ConnectionNode> {
    cursor: Cursor,
    row: BatchRow<N::Row>,
}

impl<N: ConnectionNode> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::NAME).into()
    }
}

/// A row of a list with its cursor.
#[Object(name_type)]
impl<N: ConnectionNode> Edge<N> {
    /// Its place in the list: give it as `after` or `before` to go on from here. It stays right
    /// when rows come or go.
    async fn cursor(&self) -> String {
        self.cursor.encode()
    }

    /// The row.
    async fn node(&self) -> N {
        N::of(self.row.clone())
    }
}
