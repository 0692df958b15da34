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

use async_graphql::{Context, QueryPathSegment};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

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
    loaded: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

impl<M> Batch<M> {
    /// Creates a batch of these rows.
    #[must_use]
    pub fn new(rows: Vec<M>) -> Arc<Self> {
        Arc::new(Self { rows, extra: None, loaded: Mutex::default() })
    }

    /// Creates a batch of these rows, with data about them as a whole.
    #[must_use]
    pub fn with_extra(rows: Vec<M>, extra: impl Any + Send + Sync) -> Arc<Self> {
        Self::with_shared(rows, Some(Arc::new(extra)))
    }

    /// Creates a batch of these rows, with data about them as a whole if there is any.
    #[must_use]
    pub fn with_shared(rows: Vec<M>, extra: Option<Extra>) -> Arc<Self> {
        Arc::new(Self { rows, extra, loaded: Mutex::default() })
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
        self.share(field_key(ctx, part), fetch)
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
        let cell = self.cell::<T>(name);
        Box::pin(async move { cell?.get_or_init(|| boxed(fetch)).await.clone() })
    }

    /// Returns the cell of a name, which the first row fills.
    fn cell<T>(&self, name: String) -> Result<Arc<OnceCell<Result<Arc<T>>>>>
    where
        T: Send + Sync + 'static,
    {
        let mut loaded = self.batch.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let cell =
            loaded.entry(name).or_insert_with(|| Arc::new(OnceCell::<Result<Arc<T>>>::new()));
        Arc::clone(cell)
            .downcast()
            .map_err(|_| Error::internal(std::io::Error::other("a field was loaded as two types")))
    }
}

/// Boxes a load, so that only the row that runs it has its future.
fn boxed<'f, T, Fut>(fetch: impl FnOnce() -> Fut + Send + 'f) -> BoxFuture<'f, Result<Arc<T>>>
where
    T: Send + Sync + 'f,
    Fut: Future<Output = Result<T>> + Send + 'f,
{
    Box::pin(async move { fetch().await.map(Arc::new) })
}

/// Returns a key for a field: its position in the document and its path in the answer without list
/// indexes. Rows with the same key have the same arguments and selection. The path alone is not
/// enough, since the library executes each occurrence of a field separately.
fn field_key(ctx: &Context<'_>, part: &str) -> String {
    let mut key = format!("{part}@{}:{}", ctx.item.pos.line, ctx.item.pos.column);
    let mut node = ctx.path_node.as_ref();
    while let Some(path) = node {
        if let QueryPathSegment::Name(name) = path.segment {
            key.push('.');
            key.push_str(name);
        }
        node = path.parent;
    }
    key
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
