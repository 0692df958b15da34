//! GraphQL mutations that draft and offer many agreements.

use std::collections::HashMap;

use ::entity::id::AgreementId;
use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{
    inputs::{AgreementDraftInput, AgreementOfferInput},
    payloads::{AgreementDraftPayload, AgreementOfferPayload},
    types::Agreement,
};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::every,
    cost::{cost, list_size},
    mutation::{mutation, new_items, object_of},
    network,
    scalars::row_id,
};
use domain::{
    agreements::{self, draft::DraftEach, offer::OfferEach},
    error::Result,
};

/// Input of `agreementsDraft`.
#[derive(InputObject)]
pub struct AgreementsDraftInput {
    /// Agreements to draft, 1 to 100.
    items: Vec<AgreementDraftInput>,
    /// `true` for a transaction of its own for each item; otherwise nothing is changed if an item
    /// fails.
    #[graphql(default)]
    partial: bool,
}

/// Input of `agreementsOffer`.
#[derive(InputObject)]
pub struct AgreementsOfferInput {
    /// Drafts to offer, 1 to 20. They get their numbers in this order.
    items: Vec<AgreementOfferInput>,
    /// `true` for a transaction of its own for each item; otherwise nothing is changed if an item
    /// fails.
    #[graphql(default)]
    partial: bool,
}

/// Payload of `agreementsDraft`.
#[derive(SimpleObject)]
pub struct AgreementsDraftPayload {
    /// Result of each item, in their order. Null for an item that failed: its error has its
    /// position as `extensions.item`.
    #[graphql(directive = list_size::apply(Some(1), None))]
    results: Vec<Option<AgreementDraftPayload>>,
}

/// Payload of `agreementsOffer`.
#[derive(SimpleObject)]
pub struct AgreementsOfferPayload {
    /// Result of each item, in their order. Null for an item that failed: its error has its
    /// position as `extensions.item`.
    #[graphql(directive = list_size::apply(Some(1), None))]
    results: Vec<Option<AgreementOfferPayload>>,
}

/// Bulk mutations of agreements.
#[derive(Default)]
pub struct AgreementBulkMutation;

#[Object]
impl AgreementBulkMutation {
    /// Drafts many agreements, as `agreementDraft` does for each. If an item fails, nothing is
    /// changed, and an error for each item that failed has its position as `extensions.item`. With
    /// `partial`, the others are drafted.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    #[graphql(
        directive = cost::apply("200".into()),
        directive = list_size::apply(None, Some(vec!["input.items".into()]))
    )]
    async fn agreements_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agreements to draft.")] input: Box<AgreementsDraftInput>,
    ) -> Option<Result<AgreementsDraftPayload>> {
        let items = new_items(input.items, AgreementDraftInput::check);
        let rule = DraftEach::new(network(ctx));
        let mutation = mutation(ctx);
        mutation
            .perform_items(ctx, rule, (items, input.partial), async |ids| {
                let result = |agreement| AgreementDraftPayload { agreement };
                Ok(AgreementsDraftPayload { results: each(ctx, ids, result).await? })
            })
            .await
    }

    /// Offers many drafts, as `agreementOffer` does for each. If an item fails, nothing is changed,
    /// and an error for each item that failed has its position as `extensions.item`. With
    /// `partial`, the others are offered; an agreement that fails takes no number.
    ///
    /// Requires the role OFFICE, or the scope `agreements:write`.
    #[graphql(
        directive = cost::apply("2000".into()),
        directive = list_size::apply(None, Some(vec!["input.items".into()]))
    )]
    async fn agreements_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The drafts to offer.")] input: Box<AgreementsOfferInput>,
    ) -> Option<Result<AgreementsOfferPayload>> {
        let items = new_items(input.items, |item, errors| {
            row_id::<AgreementId>(&item.agreement_id, "agreement_id", errors)
        });
        let rule = OfferEach::new(network(ctx));
        let mutation = mutation(ctx);
        mutation
            .perform_items(ctx, rule, (items, input.partial), async |ids| {
                let result = |agreement| AgreementOfferPayload { agreement };
                Ok(AgreementsOfferPayload { results: each(ctx, ids, result).await? })
            })
            .await
    }
}

/// Loads the agreements of the items, and builds their results.
async fn each<T>(
    ctx: &Context<'_>,
    ids: Vec<Option<AgreementId>>,
    result: impl Fn(Agreement) -> T + Send,
) -> Result<Vec<Option<T>>> {
    let of_rows: Vec<AgreementId> = ids.iter().flatten().copied().collect();
    let rows = agreements::by_ids(caller(ctx), &of_rows, &every::<Agreement>()).await?;
    let found: HashMap<AgreementId, Agreement> =
        BatchRow::each(rows).into_iter().map(|row| (row.id, Agreement(row))).collect();
    let result = |id: AgreementId| -> Result<T> {
        Ok(result(object_of(&found, &id, "there is no such agreement")?))
    };
    ids.into_iter().map(|id| id.map(&result).transpose()).collect()
}
