//! Batch loading: one SQL statement per nested field and level, instead of one per row.
//!
//! Every row refers to the batch that it was loaded with. The first row of a batch that resolves a
//! nested field loads that field for the whole batch; the others wait for the result. No timers are
//! involved. A request therefore runs as many statements as its document has nested fields,
//! regardless of load and page size.

use std::{
    any::Any,
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{Context, Name, Pos, QueryPathSegment};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use tracing::{Instrument as _, Level};

use domain::error::{Error, FieldErrorCode, Result};

/// Data about the rows of a batch as a whole: see [`BatchRow::extra`].
pub type Extra = Arc<dyn Any + Send + Sync>;

/// Rows that were loaded by one statement, with the nested data that was loaded for all of them
/// since.
pub struct Batch<M> {
    /// The rows.
    pub rows: Vec<M>,
    /// Data about the rows as a whole.
    extra: Option<Extra>,
    /// Nested data by the position of its field in the document.
    of_fields: Mutex<HashMap<Pos, Vec<LoadedField>>>,
    /// Nested data by its name.
    named: Mutex<HashMap<String, Cell>>,
}

/// Nested data of one type, which the first row loads.
type Cell = Arc<dyn Any + Send + Sync>;

/// Nested data of a field. Rows with the same field have the same arguments and selection.
struct LoadedField {
    part: &'static str,
    /// Names in the path of the answer, from the field up. The position alone is not enough, since
    /// a fragment is selected at several paths; nor is the path, since the library executes each
    /// occurrence of a field separately.
    path: Vec<String>,
    cell: Cell,
}

impl<M> Batch<M> {
    /// Creates a batch of these rows.
    #[must_use]
    pub fn new(rows: Vec<M>) -> Arc<Self> {
        Self::with_shared(rows, None)
    }

    /// Creates a batch of these rows, with data about them as a whole.
    #[must_use]
    pub fn with_extra(rows: Vec<M>, extra: impl Any + Send + Sync) -> Arc<Self> {
        Self::with_shared(rows, Some(Arc::new(extra)))
    }

    /// Creates a batch of these rows, with data about them as a whole if there is any.
    #[must_use]
    pub fn with_shared(rows: Vec<M>, extra: Option<Extra>) -> Arc<Self> {
        Arc::new(Self { rows, extra, of_fields: Mutex::default(), named: Mutex::default() })
    }
}

/// A row of a batch.
pub struct BatchRow<M> {
    batch: Arc<Batch<M>>,
    position: usize,
}

impl<M> Clone for BatchRow<M> {
    fn clone(&self) -> Self {
        Self { batch: Arc::clone(&self.batch), position: self.position }
    }
}

impl<M> Deref for BatchRow<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.batch.rows[self.position]
    }
}

impl<M> BatchRow<M> {
    /// Creates a batch of one row.
    pub fn single(row: M) -> Self {
        Self { batch: Batch::new(vec![row]), position: 0 }
    }

    /// Returns the row at `position`.
    ///
    /// # Panics
    /// On use, if the batch has no such position.
    pub fn at(batch: &Arc<Batch<M>>, position: usize) -> Self {
        Self { batch: Arc::clone(batch), position }
    }

    /// Creates a batch of these rows, and returns each in order.
    pub fn each(rows: Vec<M>) -> Vec<Self> {
        let batch = Batch::new(rows);
        (0..batch.rows.len()).map(|position| Self::at(&batch, position)).collect()
    }

    /// Returns the data about this row's batch if it has type `T`.
    #[must_use]
    pub fn extra<T: Any>(&self) -> Option<&T> {
        let extra: &(dyn Any + Send + Sync) = self.batch.extra.as_deref()?;
        extra.downcast_ref()
    }

    /// Returns all rows of the batch.
    #[must_use]
    pub fn batch_rows(&self) -> &[M] {
        &self.batch.rows
    }

    /// Returns the result of `fetch` for the whole batch: the first row runs it, and the others of
    /// the same field share its result. `part` distinguishes several loads within one field.
    ///
    /// The row that runs `fetch` alone creates its future. The others hold only the captures of the
    /// closure, and a resolver only a pointer: let `fetch` capture references, and compute ids and
    /// columns within it.
    ///
    /// # Errors
    /// The error of `fetch`.
    pub fn load<'f, T, Fut>(
        &self,
        ctx: &Context<'_>,
        part: &'static str,
        fetch: impl FnOnce() -> Fut + Send + 'f,
    ) -> BoxFuture<'f, Result<Arc<T>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'f,
    {
        let field = tracing::span_enabled!(Level::DEBUG).then(|| ctx.item.node.name.node.clone());
        loaded(self.cell_of_field::<T>(ctx, part), field, fetch)
    }

    /// Returns the result of `fetch` for the whole batch, shared by all fields that use the same
    /// name. A name stands for one type, and must contain all that the result depends on.
    ///
    /// # Errors
    /// The error of `fetch`.
    pub fn share<'f, T, Fut>(
        &self,
        name: String,
        fetch: impl FnOnce() -> Fut + Send + 'f,
    ) -> BoxFuture<'f, Result<Arc<T>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'f,
    {
        let mut named = self.batch.named.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(named.entry(name).or_insert_with(new_cell::<T>));
        drop(named);
        loaded(cell, None, fetch)
    }

    /// Returns the cell of a field. Finding it allocates nothing, since every row does.
    fn cell_of_field<T>(&self, ctx: &Context<'_>, part: &'static str) -> Cell
    where
        T: Send + Sync + 'static,
    {
        let mut of_fields = self.batch.of_fields.lock().unwrap_or_else(PoisonError::into_inner);
        let known = of_fields.entry(ctx.item.pos).or_default();
        let is_own = |known: &&LoadedField| known.part == part && names(ctx).eq(&known.path);
        if let Some(known) = known.iter().find(is_own) {
            return Arc::clone(&known.cell);
        }
        let (path, cell) = (names(ctx).map(str::to_owned).collect(), new_cell::<T>());
        known.push(LoadedField { part, path, cell: Arc::clone(&cell) });
        cell
    }
}

fn new_cell<T: Send + Sync + 'static>() -> Cell {
    Arc::new(OnceCell::<Result<Arc<T>>>::new())
}

/// Returns what is in the cell; the first one to ask fills it, in a span with the name of the
/// field.
fn loaded<'f, T, Fut>(
    cell: Cell,
    field: Option<Name>,
    fetch: impl FnOnce() -> Fut + Send + 'f,
) -> BoxFuture<'f, Result<Arc<T>>>
where
    T: Send + Sync + 'static,
    Fut: Future<Output = Result<T>> + Send + 'f,
{
    let cell = cell.downcast::<OnceCell<Result<Arc<T>>>>();
    Box::pin(async move {
        let cell = cell.map_err(|_| {
            Error::internal(std::io::Error::other("a field was loaded as two types"))
        })?;
        let span = || tracing::debug_span!("resolve", field = field.as_deref());
        cell.get_or_init(|| boxed(fetch).instrument(span())).await.clone()
    })
}

/// Boxes a load, so that only the row that runs it has its future.
fn boxed<'f, T, Fut>(fetch: impl FnOnce() -> Fut + Send + 'f) -> BoxFuture<'f, Result<Arc<T>>>
where
    T: Send + Sync + 'f,
    Fut: Future<Output = Result<T>> + Send + 'f,
{
    Box::pin(async move { fetch().await.map(Arc::new) })
}

/// Returns the names in a field's path in the answer, from the field up, without list indexes.
fn names<'c>(ctx: &'c Context<'_>) -> impl Iterator<Item = &'c str> {
    let path = std::iter::successors(ctx.path_node.as_ref(), |node| node.parent);
    path.filter_map(|node| match node.segment {
        QueryPathSegment::Name(name) => Some(name),
        QueryPathSegment::Index(_) => None,
    })
}

/// Number of rows of an answer in lists without pagination. The cost of a document is calculated
/// before execution by the usual length of lists; this counter limits the actual length.
#[derive(Clone, Default)]
pub struct Rows(Arc<AtomicUsize>);

/// Maximum of such rows in an answer; their fields fit into the memory of a small machine.
const MAX_ROWS: usize = 100_000;

impl Rows {
    /// Resets the counter, for the next event of a subscription.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Checks the counter.
    ///
    /// # Errors
    /// INVALID when there are too many rows.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) <= MAX_ROWS {
            return Ok(());
        }
        Err(Error::invalid(
            "query",
            FieldErrorCode::TooMany
                .problem(format!(
                    "returns more than {MAX_ROWS} rows in lists without pagination; request fewer"
                ))
                .with("max", MAX_ROWS),
        ))
    }
}

/// Adds rows to the counter.
///
/// # Errors
/// INVALID when there are too many rows.
pub fn take_rows(ctx: &Context<'_>, rows: usize) -> Result<()> {
    let taken: &Rows = ctx.data_unchecked();
    taken.0.fetch_add(rows, Ordering::Relaxed);
    taken.check()
}

/// Converts the rows of a list without pagination to objects, and counts them.
///
/// # Errors
/// INVALID when the answer has too many rows.
pub fn listed<R: Clone, T>(
    ctx: &Context<'_>,
    rows: Option<&Vec<R>>,
    object: impl Fn(R) -> T,
) -> Result<Vec<T>> {
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    take_rows(ctx, rows.len())?;
    Ok(rows.iter().cloned().map(object).collect())
}

/// Groups rows by a key.
pub fn grouped<K: std::hash::Hash + Eq, T>(
    rows: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> K,
) -> HashMap<K, Vec<T>> {
    let mut groups: HashMap<K, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(of(&row)).or_default().push(row);
    }
    groups
}

/// Returns the distinct ids, in order of first appearance.
pub fn distinct<K: std::hash::Hash + Eq + Copy>(ids: impl IntoIterator<Item = K>) -> Vec<K> {
    let mut seen = std::collections::HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
