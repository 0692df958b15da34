//! One statement a level: rows that were loaded together load what hangs on them together.
//!
//! Every row knows the batch that it came with. The first of them to be asked for a nested field
//! loads it for the whole batch, the others wait for that answer. Nothing is timed, so a request
//! makes as many statements as its document has nested fields, alone or under load, whatever the
//! page size.

use std::{
    any::Any,
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{Context, QueryPathSegment};
use tokio::sync::{Mutex, OnceCell};

use domain::error::{Error, Result};

/// Rows that were loaded by one statement, with what has been loaded for all of them since.
pub struct Batch<M> {
    /// The rows.
    pub rows: Vec<M>,
    /// What was found out about the rows together, besides themselves.
    extra: Option<Arc<dyn Any + Send + Sync>>,
    loaded: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

impl<M> Batch<M> {
    /// A batch of these rows.
    #[must_use]
    pub fn new(rows: Vec<M>) -> Arc<Self> {
        Arc::new(Self { rows, extra: None, loaded: Mutex::default() })
    }

    /// A batch of these rows with what was found out about them together.
    #[must_use]
    pub fn with_extra(rows: Vec<M>, extra: impl Any + Send + Sync) -> Arc<Self> {
        Arc::new(Self { rows, extra: Some(Arc::new(extra)), loaded: Mutex::default() })
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
    /// A row that was loaded alone.
    pub fn single(row: M) -> Self {
        Self { batch: Batch::new(vec![row]), position: 0 }
    }

    /// The row at `position`, which the batch must have.
    pub fn at(batch: &Arc<Batch<M>>, position: usize) -> Self {
        Self { batch: Arc::clone(batch), position }
    }

    /// A handle for each of these rows, in their order.
    pub fn each(rows: Vec<M>) -> Vec<Self> {
        let batch = Batch::new(rows);
        (0..batch.rows.len()).map(|position| Self::at(&batch, position)).collect()
    }

    /// What was found out about this row's batch, when it is this.
    #[must_use]
    pub fn extra<T: Any>(&self) -> Option<&T> {
        let extra: &(dyn Any + Send + Sync) = self.batch.extra.as_deref()?;
        extra.downcast_ref()
    }

    /// All rows that came with this one.
    #[must_use]
    pub fn batch_rows(&self) -> &[M] {
        &self.batch.rows
    }

    /// What `fetch` gives for the whole batch: the first row that asks runs it, and the others of
    /// the same field get the same answer.
    ///
    /// `part` tells apart several loads of one field.
    ///
    /// # Errors
    /// What `fetch` answers.
    pub async fn load<T, F>(
        &self,
        ctx: &Context<'_>,
        part: &'static str,
        fetch: F,
    ) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        self.share(field_key(ctx, part), fetch).await
    }

    /// The same for what several fields are made of: those that give it the same name get the same
    /// answer. A name stands for one type, and tells what the answer depends on.
    ///
    /// # Errors
    /// What `fetch` answers.
    pub async fn share<T, F>(&self, name: String, fetch: F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        let cell = {
            let mut loaded = self.batch.loaded.lock().await;
            let cell =
                loaded.entry(name).or_insert_with(|| Arc::new(OnceCell::<Result<Arc<T>>>::new()));
            Arc::clone(cell).downcast::<OnceCell<Result<Arc<T>>>>()
        };
        let cell = cell.map_err(|_| {
            Error::internal(std::io::Error::other("a field was loaded as two types"))
        })?;
        cell.get_or_init(|| async { fetch.await.map(Arc::new) }).await.clone()
    }
}

/// Names a field by where it stands in the document and in the answer, list places aside: its
/// arguments and its selection are then the same for every row. (The place in the answer alone
/// would not do: the library executes each occurrence of a field by itself.)
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

/// How many rows an answer has so far in the lists that are as long as the register makes them. A
/// document is measured before it is executed, but by the lengths that lists usually have.
#[derive(Clone, Default)]
pub struct Rows(Arc<AtomicUsize>);

/// The most of those rows: their fields still fit in the memory of a small machine.
const MAX_ROWS: usize = 100_000;

impl Rows {
    /// Begins anew, for an answer by itself to a document that is answered many times.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// # Errors
    /// INVALID when there are too many.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) <= MAX_ROWS {
            return Ok(());
        }
        Err(Error::invalid(
            "query",
            format!("answers more than {MOST_ROWS} rows in lists that have no pages; ask for less"),
        ))
    }
}

/// Takes so many rows into the answer.
///
/// # Errors
/// INVALID when there are too many.
pub fn take_rows(ctx: &Context<'_>, rows: usize) -> Result<()> {
    let taken: &Rows = ctx.data_unchecked();
    taken.0.fetch_add(rows, Ordering::Relaxed);
    taken.check()
}

/// The objects of a list that has no pages, which count among the rows of the answer.
///
/// # Errors
/// INVALID when the answer has too many.
pub fn listed<R: Clone, T>(
    ctx: &Context<'_>,
    rows: Option<&Vec<R>>,
    object: impl Fn(R) -> T,
) -> Result<Vec<T>> {
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    take_rows(ctx, rows.len())?;
    Ok(rows.iter().cloned().map(object).collect())
}

/// Groups rows by what they belong to.
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

/// Each of these once, in order of first appearance.
pub fn distinct<K: std::hash::Hash + Eq + Copy>(ids: impl IntoIterator<Item = K>) -> Vec<K> {
    let mut seen = std::collections::HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
