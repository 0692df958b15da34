//! GraphQL mutation of many reminders.

use std::collections::HashMap;

use ::entity::{
    id::{InvoiceId, ReminderId},
    reminder,
};
use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{mutations::InvoiceRemindInput, payloads::InvoiceRemindPayload, types::Reminder};
use crate::graphql::{
    batch::{BatchRow, distinct},
    caller,
    connection::every,
    cost::{cost, list_size},
    invoices::relations::changed_each,
    mutation::{mutation, new_items, object_of},
};
use domain::{error::Result, invoices::parts, receivables::remind::RemindEach};

/// Input of `invoicesRemind`.
#[derive(InputObject)]
pub struct InvoicesRemindInput {
    /// Reminders to record, 1 to 100.
    items: Vec<InvoiceRemindInput>,
    /// `true` for a transaction of its own for each item; otherwise nothing is changed if an item
    /// fails.
    #[graphql(default)]
    partial: bool,
}

/// Payload of `invoicesRemind`.
#[derive(SimpleObject)]
pub struct InvoicesRemindPayload {
    /// Result of each item, in their order. Null for an item that failed: its error has its
    /// position as `extensions.item`.
    #[graphql(directive = list_size::apply(Some(1), None))]
    results: Vec<Option<InvoiceRemindPayload>>,
}

/// Bulk mutation of reminders.
#[derive(Default)]
pub struct ReminderBulkMutation;

#[Object]
impl ReminderBulkMutation {
    /// Records reminders of many overdue invoices, as `invoiceRemind` does for each. If an item
    /// fails, nothing is changed, and an error for each item that failed has its position as
    /// `extensions.item`. With `partial`, the others are recorded.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    #[graphql(
        directive = cost::apply("200".into()),
        directive = list_size::apply(None, Some(vec!["input.items".into()]))
    )]
    async fn invoices_remind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reminders to record.")] input: Box<InvoicesRemindInput>,
    ) -> Option<Result<InvoicesRemindPayload>> {
        let items = new_items(input.items, InvoiceRemindInput::check);
        let mutation = mutation(ctx);
        mutation
            .perform_items(ctx, RemindEach, (items, input.partial), |ids| reminded(ctx, ids))
            .await
    }
}

/// Loads the reminders of the items, and their invoices.
async fn reminded(
    ctx: &Context<'_>,
    ids: Vec<Option<ReminderId>>,
) -> Result<InvoicesRemindPayload> {
    let of_rows: Vec<_> = ids.iter().flatten().map(|id| id.0).collect();
    let rows =
        parts::by_ids::<reminder::Model>(caller(ctx), &of_rows, &every::<Reminder>()).await?;
    let reminders: HashMap<ReminderId, Reminder> =
        BatchRow::each(rows).into_iter().map(|row| (row.id, Reminder(row))).collect();
    let of_invoices: Vec<InvoiceId> =
        distinct(reminders.values().map(|reminder| reminder.0.invoice_id));
    let invoices = changed_each(ctx, &of_invoices).await?;
    let result = |id: ReminderId| -> Result<InvoiceRemindPayload> {
        let reminder = object_of(&reminders, &id, "there is no such part of an invoice")?;
        let invoice = object_of(&invoices, &reminder.0.invoice_id, "there is no such invoice")?;
        Ok(InvoiceRemindPayload { reminder, invoice })
    };
    let results = ids.into_iter().map(|id| id.map(result).transpose()).collect::<Result<_>>()?;
    Ok(InvoicesRemindPayload { results })
}
