//! State that the fields of one request share: the size of the answer so far, and the objects that
//! several of them ask for.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{
    ContextBase, ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    parser::types::Field, registry::Registry,
};

use super::{node::Node, scalars::NodeId};
use domain::error::{Error, Result};

/// The reason of the error for an answer that is larger than this server sends.
pub const TOO_LARGE: &str = "ANSWER_TOO_LARGE";

/// Counts the bytes of an answer while it is made. Clones count together, as the documents of a
/// list do.
///
/// Long texts are counted as they are resolved, so that they never pile up in memory; all bytes,
/// when the answer is written.
#[derive(Clone, Debug)]
pub struct AnswerSize(Arc<Bytes>);

#[derive(Debug)]
struct Bytes {
    most: usize,
    resolved: AtomicUsize,
    written: AtomicUsize,
}

impl AnswerSize {
    /// An answer of at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Bytes { most, resolved: AtomicUsize::new(0), written: AtomicUsize::new(0) }))
    }

    /// Returns how many more bytes may be written.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.most.saturating_sub(self.0.written.load(Ordering::Relaxed))
    }

    /// Counts bytes that were written.
    pub fn write(&self, bytes: usize) {
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes of a text that is about to be made part of the answer. Fails with
    /// `ANSWER_TOO_LARGE`.
    fn resolve(&self, bytes: usize) -> Result<()> {
        let before = self.0.resolved.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.0.most { Ok(()) } else { Err(self.exceeded()) }
    }

    /// `true` if the texts that were resolved are too long together.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.0.resolved.load(Ordering::Relaxed) > self.0.most
    }

    /// Returns the error that says so.
    #[must_use]
    pub fn exceeded(&self) -> Error {
        let words = format!(
            "The answer would have more than {} bytes, the most that this server sends. Ask for fewer rows or fields.",
            self.0.most
        );
        Error::limit(TOO_LARGE, "query", words)
    }
}

/// Counts bytes that a field is about to make part of the answer. Fails with `ANSWER_TOO_LARGE`.
pub fn take_bytes<T>(ctx: &ContextBase<'_, T>, bytes: usize) -> Result<()> {
    ctx.data_opt::<AnswerSize>().map_or(Ok(()), |size| size.resolve(bytes))
}

/// A text that may be long, which counts by its length before it is made part of the answer.
#[derive(Clone, Debug)]
pub struct LongText<T>(pub T);

#[async_graphql::async_trait::async_trait]
impl<T: AsRef<str> + Send + Sync> OutputType for LongText<T> {
    fn type_name() -> std::borrow::Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let text = self.0.as_ref();
        let taken = take_bytes(ctx, text.len());
        taken.map_err(|error| {
            ctx.set_error_path(async_graphql::Error::from(error).into_server_error(field.pos))
        })?;
        Ok(Value::String(text.to_owned()))
    }
}

/// Objects that were loaded or rendered for a request, so that each is once, however many fields
/// ask for it.
#[derive(Clone, Default)]
pub struct RequestCache(Arc<Objects>);

#[derive(Default)]
struct Objects {
    nodes: tokio::sync::Mutex<HashMap<NodeId, Option<Node>>>,
    rendered: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

impl RequestCache {
    /// Returns the nodes with these ids; `load` gives those that were not loaded before.
    pub async fn nodes<F>(
        &self,
        ids: &[NodeId],
        load: impl FnOnce(Vec<NodeId>) -> F,
    ) -> Result<HashMap<NodeId, Node>>
    where
        F: Future<Output = Result<HashMap<NodeId, Node>>>,
    {
        let mut known = self.0.nodes.lock().await;
        let mut missing: Vec<NodeId> =
            ids.iter().filter(|id| !known.contains_key(id)).cloned().collect();
        missing.sort_unstable_by(|one, other| (&one.noun, one.id).cmp(&(&other.noun, other.id)));
        missing.dedup();
        if !missing.is_empty() {
            let mut found = load(missing.clone()).await?;
            known.extend(missing.into_iter().map(|id| {
                let node = found.remove(&id);
                (id, node)
            }));
        }
        Ok(ids.iter().filter_map(|id| Some((id.clone(), known.get(id)?.clone()?))).collect())
    }

    /// Returns what stands under this name; the first that asks makes it. A name stands for one
    /// type.
    pub fn shared<T: Send + Sync + 'static>(
        &self,
        name: String,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let mut rendered = self.0.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = rendered.get(&name).and_then(|known| Arc::clone(known).downcast().ok())
        {
            return known;
        }
        let made = Arc::new(make());
        rendered.insert(name, made.clone());
        made
    }
}
