//! State shared by the fields of one request: the size of the answer so far, and objects that
//! several fields need.

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

use domain::error::{Error, LimitReason, Result};

/// Counts the bytes of an answer. Clones share the counter, as for the documents of a batch.
///
/// Long texts are counted when they are resolved, so that they don't accumulate in memory; all
/// bytes when the answer is written.
#[derive(Clone, Debug)]
pub struct AnswerSize(Arc<Bytes>);

#[derive(Debug)]
struct Bytes {
    most: usize,
    resolved: AtomicUsize,
    written: AtomicUsize,
}

impl AnswerSize {
    /// Creates a counter with a maximum.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Bytes { most, resolved: AtomicUsize::new(0), written: AtomicUsize::new(0) }))
    }

    /// Returns the number of bytes that may still be written.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.most.saturating_sub(self.0.written.load(Ordering::Relaxed))
    }

    /// Counts written bytes.
    pub fn write(&self, bytes: usize) {
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts the bytes of a text before it becomes part of the answer. Fails with
    /// `ANSWER_TOO_LARGE`.
    fn resolve(&self, bytes: usize) -> Result<()> {
        let before = self.0.resolved.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.0.most { Ok(()) } else { Err(self.exceeded()) }
    }

    /// `true` if the resolved texts together exceed the maximum.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.0.resolved.load(Ordering::Relaxed) > self.0.most
    }

    /// Returns the error of an answer that is too large.
    #[must_use]
    pub fn exceeded(&self) -> Error {
        let words = format!(
            "The answer would have more than {} bytes, the maximum of this server. Request fewer rows or fields.",
            self.0.most
        );
        Error::limit(LimitReason::AnswerTooLarge, "query", words)
    }
}

/// Counts bytes before a field makes them part of the answer. Fails with `ANSWER_TOO_LARGE`.
pub fn take_bytes<T>(ctx: &ContextBase<'_, T>, bytes: usize) -> Result<()> {
    ctx.data_opt::<AnswerSize>().map_or(Ok(()), |size| size.resolve(bytes))
}

/// A text that may be long. Its length is counted before it becomes part of the answer.
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

/// Objects that were loaded or rendered for a request, by name, so that several fields share them.
#[derive(Clone, Default)]
pub struct RequestCache(Arc<Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>>);

impl RequestCache {
    /// Returns the object of this name; `make` creates it on first use. A name stands for one type.
    pub fn shared<T: Send + Sync + 'static>(
        &self,
        name: String,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = known.get(&name).and_then(|object| Arc::clone(object).downcast().ok())
        {
            return object;
        }
        let made = Arc::new(make());
        known.insert(name, made.clone());
        made
    }
}
