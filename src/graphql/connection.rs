//! Relay connections, generic over the node type, and the columns that a selection needs.

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

/// A GraphQL type that represents a database row.
pub trait ConnectionNode: OutputType + Sized + 'static {
    /// Row type.
    type Row: PartialRow + Send + Sync + 'static;
    /// Name of the type in the schema.
    const NAME: &'static str;

    /// Creates the object of a row.
    fn of(row: BatchRow<Self::Row>) -> Self;

    /// Returns the columns that a field needs; empty for a field with its own statement, which
    /// needs only the id.
    fn columns(field: &str) -> &'static [Column<Self::Row>];

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
            columns = N::columns(field.name())
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

/// Counts all rows of a connection, when `totalCount` is selected.
pub type Count = Arc<dyn for<'c> Fn(&'c Context<'_>) -> BoxFuture<'c, Result<i64>> + Send + Sync>;

/// A page of a list, as specified by the Relay cursor connection specification.
pub struct Connection<N: ConnectionNode> {
    batch: Arc<Batch<N::Row>>,
    cursors: Arc<Vec<Cursor>>,
    rows: Range<usize>,
    has_next: bool,
    has_previous: bool,
    count: Count,
}

impl<N: ConnectionNode> Connection<N> {
    /// Creates the connection of a page. `count` counts the whole list.
    pub fn new(slice: Slice<N::Row>, count: Count) -> Self {
        Self::of(slice, count, Batch::new)
    }

    /// Creates a connection whose batch has data about its rows as a whole: see
    /// [`BatchRow::extra`].
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

/// Pages of many parents in one batch, so that nested fields are loaded for all of them together.
pub struct Pages<M> {
    batch: Arc<Batch<M>>,
    cursors: Arc<Vec<Cursor>>,
    of: HashMap<Uuid, (Range<usize>, bool, bool)>,
}

impl<M> Pages<M> {
    /// Creates the pages of these parents.
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

    /// Returns the page of one parent; empty when it has none.
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
    /// Rows of this page, each with its cursor.
    async fn edges(&self) -> Vec<Edge<N>> {
        self.rows
            .clone()
            .map(|position| Edge {
                cursor: self.cursors[position].clone(),
                row: BatchRow::at(&self.batch, position),
            })
            .collect()
    }

    /// Rows of this page without cursors.
    async fn nodes(&self) -> Vec<N> {
        self.rows.clone().map(|position| N::of(BatchRow::at(&self.batch, position))).collect()
    }

    /// Position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        let cursors = &self.cursors[self.rows.clone()];
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: cursors.first().map(Cursor::encode),
            end_cursor: cursors.last().map(Cursor::encode),
        }
    }

    /// Number of rows of the whole list, which is counted only when this field is selected.
    #[graphql(directive = cost::apply("20".into()))]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        (self.count)(ctx).await
    }
}

/// A row with its cursor.
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
    /// Cursor of the row: pass it as `after` or `before` to continue from here. It stays valid when
    /// rows are added or removed.
    async fn cursor(&self) -> String {
        self.cursor.encode()
    }

    /// The row.
    async fn node(&self) -> N {
        N::of(self.row.clone())
    }
}
