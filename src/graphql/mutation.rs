//! Execution of mutations with idempotency: applies the rule, or that of each item of a bulk
//! mutation, and builds the payload from the result.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::{Context, PathSegment};
use futures_util::future::BoxFuture;

use super::{caller, errors, viewer};
use domain::{
    bulk::{self, Applied, ItemRule, Items, NewItem},
    context::Context as Caller,
    error::{Error, Result, ValidationErrors},
    idempotency::{self, FromOutcome, Mutations, Performed},
};

/// A mutation field in execution.
pub(crate) struct Mutation<'c> {
    field: idempotency::MutationField,
    caller: Caller<'c>,
}

/// Returns the mutation of the context's field.
pub(crate) fn mutation<'c>(ctx: &Context<'c>) -> Mutation<'c> {
    let mutations = ctx.data_opt::<Arc<Mutations>>().cloned().unwrap_or_default();
    let response_key = ctx.item.node.response_key().node.as_str();
    let field = idempotency::MutationField::new(mutations, response_key, &viewer(ctx).subject);
    Mutation { field, caller: caller(ctx) }
}

impl Mutation<'_> {
    /// Returns the context of the mutation's rule.
    pub fn context(&self) -> Caller<'_> {
        self.caller.for_mutation(&self.field)
    }

    /// Applies `rule`, which writes in [`Mutation::context`], and builds the payload from its
    /// result. If an earlier request with the same idempotency key applied it, builds the payload
    /// from the stored outcome. Fails with CONFLICT `ANSWER_LOST` if the object no longer exists.
    /// The future is boxed, so that a resolver holds neither the rule nor the payload.
    pub fn perform<'m, R, P, F>(
        &'m self,
        rule: impl Future<Output = Result<R>> + Send + 'm,
        payload: impl FnOnce(R) -> F + Send + 'm,
    ) -> BoxFuture<'m, Result<P>>
    where
        R: FromOutcome + Send + 'm,
        F: Future<Output = Result<P>> + Send + 'm,
        P: 'm,
    {
        Box::pin(async move {
            match self.field.perform(rule).await.map_err(errors::within_input)? {
                Performed::Now(result) => payload(result).await,
                Performed::Earlier(outcome) => {
                    let result = R::from_outcome(&outcome).ok_or_else(|| self.field.lost())?;
                    payload(result).await.map_err(|error| {
                        if let Error::NotFound(_) = error { self.field.lost() } else { error }
                    })
                }
            }
        })
    }

    /// Applies `rule` to the items of a bulk mutation, and builds the payload from their results in
    /// order. With `is_partial`, each item has a transaction of its own, and one that fails has no
    /// result; otherwise nothing is changed if an item fails, and there is no payload. Reports an
    /// error for each item that failed. Results of an earlier request with the same idempotency key
    /// are used again.
    pub fn perform_items<'m, R, P, F>(
        &'m self,
        ctx: &'m Context<'_>,
        mut rule: R,
        (items, is_partial): (Vec<NewItem<R::Item>>, bool),
        payload: impl FnOnce(Vec<Option<R::Output>>) -> F + Send + 'm,
    ) -> BoxFuture<'m, Option<Result<P>>>
    where
        R: ItemRule + 'm,
        F: Future<Output = Result<P>> + Send + 'm,
        P: 'm,
    {
        Box::pin(async move {
            let performed = if is_partial {
                self.perform_each(ctx, &rule, items).await
            } else {
                self.perform_all(ctx, &mut rule, items).await
            };
            match performed {
                Ok(Some(results)) => Some(payload(results).await.map_err(|error| {
                    if let Error::NotFound(_) = error { self.field.lost() } else { error }
                })),
                Ok(None) => None,
                Err(error) => Some(Err(errors::within_input(error))),
            }
        })
    }

    /// Applies a rule to all items in one transaction. Returns `None` after reporting the errors of
    /// items.
    async fn perform_all<R: ItemRule>(
        &self,
        ctx: &Context<'_>,
        rule: &mut R,
        items: Vec<NewItem<R::Item>>,
    ) -> Result<Option<Vec<Option<R::Output>>>> {
        let rule = bulk::apply_all(self.context(), rule, items);
        let done = match self.field.perform(rule).await? {
            Performed::Now(Applied::All(done)) => done,
            Performed::Now(Applied::Rejected(rejected)) => {
                for (position, error) in rejected {
                    report(ctx, position, error, None);
                }
                return Ok(None);
            }
            Performed::Earlier(outcome) => {
                let items = Items::<R::Output>::from_outcome(&outcome);
                items.ok_or_else(|| self.field.lost())?.0
            }
        };
        Ok(Some(done.into_iter().map(Some).collect()))
    }

    /// Applies a rule to each item in a transaction of its own, and reports the errors.
    async fn perform_each<R: ItemRule>(
        &self,
        ctx: &Context<'_>,
        rule: &R,
        items: Vec<NewItem<R::Item>>,
    ) -> Result<Option<Vec<Option<R::Output>>>> {
        let results = bulk::apply_each(self.context(), rule, items).await?;
        let selected = ctx.field().selection_set().find(|field| field.name() == RESULTS);
        let key = selected.map(|field| field.alias().unwrap_or(RESULTS).to_owned());
        let mut done = Vec::with_capacity(results.len());
        for (position, result) in results.into_iter().enumerate() {
            done.push(match result {
                Ok(output) => Some(output),
                Err(error) => {
                    report(ctx, position, error, key.as_deref());
                    None
                }
            });
        }
        Ok(Some(done))
    }
}

/// The field of the payload of a bulk mutation with the results of its items.
const RESULTS: &str = "results";

/// Reports the error of an item of a bulk mutation, with its position. Its path leads to the result
/// of the item, which has this response key; else to the mutation.
fn report(ctx: &Context<'_>, position: usize, error: Error, results: Option<&str>) {
    let error = async_graphql::Error::from(errors::within_input(error));
    let mut error = ctx.set_error_path(error.into_server_error(ctx.item.pos));
    error.extensions.get_or_insert_default().set("item", position);
    if let Some(results) = results {
        error.path.push(PathSegment::Field(results.to_owned()));
        error.path.push(PathSegment::Index(position));
    }
    ctx.add_error(error);
}

/// Converts the inputs of the items of a bulk mutation; `check` adds an error for each bad field.
pub(crate) fn new_items<I, T>(
    inputs: Vec<I>,
    check: impl Fn(I, &mut ValidationErrors) -> T,
) -> Vec<NewItem<T>> {
    let read = |input| {
        let mut errors = ValidationErrors::default();
        let item = check(input, &mut errors);
        NewItem { item, errors }
    };
    inputs.into_iter().map(read).collect()
}

/// Returns the object of an item. Fails with NOT_FOUND if it was not found.
pub(crate) fn object_of<K: Eq + Hash, T: Clone>(
    found: &HashMap<K, T>,
    id: &K,
    message: &str,
) -> Result<T> {
    found.get(id).cloned().ok_or_else(|| Error::NotFound(message.into()))
}
