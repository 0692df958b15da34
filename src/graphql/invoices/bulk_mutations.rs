//! GraphQL mutation that issues many invoices.

use std::collections::HashMap;

use ::entity::{id::InvoiceId, invoice};
use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{
    mutations::InvoiceIssueInput,
    payloads::InvoiceIssuePayload,
    types::{Invoice, IssueWarnings},
};
use crate::graphql::{
    batch::{Batch, BatchRow},
    caller,
    connection::every,
    cost::{cost, list_size},
    mutation::{mutation, new_items, object_of},
    network,
};
use domain::{
    error::Result,
    invoices::{self, issue_each::IssueEach, issue_new::NewIssued},
};

/// Input of `invoicesIssue`.
#[derive(InputObject)]
pub struct InvoicesIssueInput {
    /// Drafts or invoices to issue, 1 to 100. They get their numbers in this order.
    items: Vec<InvoiceIssueInput>,
    /// `true` for a transaction of its own for each item; otherwise nothing is changed if an item
    /// fails.
    #[graphql(default)]
    partial: bool,
}

/// Payload of `invoicesIssue`.
#[derive(SimpleObject)]
pub struct InvoicesIssuePayload {
    /// Result of each item, in their order. Null for an item that failed: its error has its
    /// position as `extensions.item`.
    #[graphql(directive = list_size::apply(Some(1), None))]
    results: Vec<Option<InvoiceIssuePayload>>,
}

/// Bulk mutation of invoices.
#[derive(Default)]
pub struct InvoiceBulkMutation;

#[Object]
impl InvoiceBulkMutation {
    /// Issues many invoices, as `invoiceIssue` does for each. If an item fails, nothing is changed,
    /// and an error for each item that failed has its position as `extensions.item`. With
    /// `partial`, the others are issued; an invoice that fails takes no number.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    #[graphql(
        directive = cost::apply("200".into()),
        directive = list_size::apply(None, Some(vec!["input.items".into()]))
    )]
    async fn invoices_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoices to issue.")] input: Box<InvoicesIssueInput>,
    ) -> Option<Result<InvoicesIssuePayload>> {
        let items = new_items(input.items, InvoiceIssueInput::check);
        let rule = IssueEach { network: network(ctx) };
        let mutation = mutation(ctx);
        mutation
            .perform_items(ctx, rule, (items, input.partial), |done| issued_each(ctx, done))
            .await
    }
}

/// Loads the issued invoices of the items, with their warnings.
async fn issued_each(
    ctx: &Context<'_>,
    done: Vec<Option<NewIssued>>,
) -> Result<InvoicesIssuePayload> {
    let order: Vec<Option<InvoiceId>> =
        done.iter().map(|issued| issued.as_ref().map(|issued| issued.id)).collect();
    let warnings: HashMap<_, _> =
        done.into_iter().flatten().map(|issued| (issued.id, issued.warnings)).collect();
    let ids: Vec<InvoiceId> = order.iter().flatten().copied().collect();
    let rows: Vec<invoice::Model> =
        invoices::by_ids(caller(ctx), &ids, &every::<Invoice>()).await?;
    let batch = Batch::with_extra(rows, IssueWarnings(warnings));
    let all = (0..batch.rows.len()).map(|position| BatchRow::at(&batch, position));
    let found: HashMap<InvoiceId, Invoice> = all.map(|row| (row.id, Invoice(row))).collect();
    let result = |id: InvoiceId| -> Result<InvoiceIssuePayload> {
        let invoice = object_of(&found, &id, "there is no such invoice")?;
        Ok(InvoiceIssuePayload { invoice })
    };
    let results = order.into_iter().map(|id| id.map(result).transpose()).collect::<Result<_>>()?;
    Ok(InvoicesIssuePayload { results })
}
