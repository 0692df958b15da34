//! GraphQL mutation that sets many allocations.

use std::collections::HashMap;

use ::entity::id::MemberId;
use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{mutations::AllocationSetInput, payloads::AllocationSetPayload, types::Member};
use crate::graphql::{
    batch::{BatchRow, distinct},
    caller,
    connection::every,
    cost::{cost, list_size},
    mutation::{mutation, new_items, object_of},
};
use domain::{
    error::Result,
    members::{self, allocations::set::SetEach},
};

/// Input of `allocationsSet`.
#[derive(InputObject)]
pub struct AllocationsSetInput {
    /// Allocations to set, 1 to 100.
    items: Vec<AllocationSetInput>,
    /// `true` for a transaction of its own for each item; otherwise nothing is changed if an item
    /// fails.
    #[graphql(default)]
    partial: bool,
}

/// Payload of `allocationsSet`.
#[derive(SimpleObject)]
pub struct AllocationsSetPayload {
    /// Result of each item, in their order. Null for an item that failed: its error has its
    /// position as `extensions.item`.
    #[graphql(directive = list_size::apply(Some(1), None))]
    results: Vec<Option<AllocationSetPayload>>,
}

/// Bulk mutation of allocations.
#[derive(Default)]
pub struct AllocationBulkMutation;

#[Object]
impl AllocationBulkMutation {
    /// Sets the allocations of many members, as `allocationSet` does for each. If an item fails,
    /// nothing is changed, and an error for each item that failed has its position as
    /// `extensions.item`. With `partial`, the others are set.
    ///
    /// Requires the role OFFICE or FINANCE.
    #[graphql(
        directive = cost::apply("200".into()),
        directive = list_size::apply(None, Some(vec!["input.items".into()]))
    )]
    async fn allocations_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The allocations.")] input: Box<AllocationsSetInput>,
    ) -> Option<Result<AllocationsSetPayload>> {
        let items = new_items(input.items, AllocationSetInput::check);
        let mutation = mutation(ctx);
        mutation
            .perform_items(ctx, SetEach, (items, input.partial), |ids| members_of(ctx, ids))
            .await
    }
}

/// Loads the members of the items.
async fn members_of(
    ctx: &Context<'_>,
    ids: Vec<Option<MemberId>>,
) -> Result<AllocationsSetPayload> {
    let of_rows: Vec<MemberId> = distinct(ids.iter().flatten().copied());
    let rows = members::by_ids(caller(ctx), &of_rows, &every::<Member>()).await?;
    let found: HashMap<MemberId, Member> =
        BatchRow::each(rows).into_iter().map(|row| (row.id, Member(row))).collect();
    let result = |id: MemberId| -> Result<AllocationSetPayload> {
        let member = object_of(&found, &id, "there is no such member")?;
        Ok(AllocationSetPayload { member })
    };
    let results = ids.into_iter().map(|id| id.map(result).transpose()).collect::<Result<_>>()?;
    Ok(AllocationsSetPayload { results })
}
