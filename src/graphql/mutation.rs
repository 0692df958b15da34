//! Execution of mutations with idempotency: applies the rule, and builds the payload from its
//! result.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::future::BoxFuture;

use super::{caller, errors, viewer};
use domain::{
    context::Context as Caller,
    error::{Error, Result},
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
}
