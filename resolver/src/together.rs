//! Resolves several values: in place if they need not wait, and together if they do.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use async_graphql::{ContextSelectionSet, ServerError, ServerResult, Value};
use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt},
};

/// A value that begins to be resolved.
pub(crate) enum Begun<'f> {
    /// It is known.
    Known(Value),
    /// A field of an object.
    Field(BoxFuture<'f, ServerResult<Option<Value>>>),
    /// An item of a list, with its context, which names it in errors.
    Item(BoxFuture<'f, ServerResult<Value>>, &'f ContextSelectionSet<'f>),
}

impl Future for Begun<'_> {
    type Output = ServerResult<Value>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Known(value) => Poll::Ready(Ok(std::mem::take(value))),
            Self::Field(field) => field.as_mut().poll(task).map_ok(Option::unwrap_or_default),
            Self::Item(item, ctx) => {
                item.as_mut().poll(task).map_err(|error| ctx.set_error_path(error))
            }
        }
    }
}

/// Number of futures up to which the library polls all of them whenever one is woken, and returns
/// the error that comes first. Of more it returns the error of the first one in order.
const FEW: usize = 30;

/// Resolves `count` values, and returns them in order. `begin` returns each.
///
/// The library boxes all futures and polls them together. Here each is polled one time in place,
/// and only those that are not ready then are kept.
///
/// # Errors
/// The error that the library's `try_join_all` returns.
pub(crate) async fn resolve_together<'f>(
    count: usize,
    begin: impl FnMut(usize) -> Begun<'f>,
) -> ServerResult<Vec<Value>> {
    let mut all = Together {
        values: Vec::with_capacity(count),
        waiting: Vec::new(),
        failed: None,
        is_ordered: count > FEW,
    };
    let mut begin = Some(begin);
    poll_fn(|task| match begin.take() {
        Some(begin) => all.begin(count, begin, task),
        None => all.proceed(task),
    })
    .await?;
    let Together { mut values, waiting, mut failed, .. } = all;
    if waiting.is_empty() {
        return Ok(values);
    }
    // Many: only those that are woken are polled.
    let mut is_waiting = vec![false; count];
    let mut others: FuturesUnordered<_> = waiting
        .into_iter()
        .map(|(position, begun)| {
            is_waiting[position] = true;
            async move { (position, begun.await) }
        })
        .collect();
    let mut first = 0;
    while let Some((position, result)) = others.next().await {
        is_waiting[position] = false;
        match result {
            Ok(value) => values[position] = value,
            Err(error) => {
                if failed.as_ref().is_none_or(|(known, _)| position < *known) {
                    failed = Some((position, error));
                }
            }
        }
        while first < count && !is_waiting[first] {
            first += 1;
        }
        if let Some((_, error)) = failed.take_if(|(position, _)| *position < first) {
            return Err(error);
        }
    }
    Ok(values)
}

struct Together<'f> {
    /// Values in order; null for those that are not known yet.
    values: Vec<Value>,
    /// Futures of the others, with their positions.
    waiting: Vec<(usize, Begun<'f>)>,
    /// First error in order of many values, and its position.
    failed: Option<(usize, ServerError)>,
    /// `true` if the error that is first in order is returned.
    is_ordered: bool,
}

impl<'f> Together<'f> {
    /// Polls each value one time. Ready if none has to wait, or if there are many.
    fn begin(
        &mut self,
        count: usize,
        mut begin: impl FnMut(usize) -> Begun<'f>,
        task: &mut TaskContext<'_>,
    ) -> Poll<ServerResult<()>> {
        for position in 0..count {
            let mut begun = begin(position);
            let value = match Pin::new(&mut begun).poll(task) {
                Poll::Ready(Ok(value)) => value,
                Poll::Ready(Err(error)) if self.is_ordered && !self.waiting.is_empty() => {
                    self.failed.get_or_insert((position, error));
                    Value::Null
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.waiting.push((position, begun));
                    Value::Null
                }
            };
            self.values.push(value);
        }
        if self.is_ordered || self.waiting.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Polls those of a few values that wait. Ready when none does.
    fn proceed(&mut self, task: &mut TaskContext<'_>) -> Poll<ServerResult<()>> {
        let mut next = 0;
        while let Some((position, begun)) = self.waiting.get_mut(next) {
            match Pin::new(begun).poll(task) {
                Poll::Ready(value) => {
                    self.values[*position] = value?;
                    // Keeps the order: the first one loads what the others wait for.
                    drop(self.waiting.remove(next));
                }
                Poll::Pending => next += 1,
            }
        }
        if self.waiting.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
