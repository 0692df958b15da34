//! Payload of the mutation of reminders.

use async_graphql::SimpleObject;

use super::types::Reminder;
use crate::graphql::invoices::types::Invoice;

/// Payload of `invoiceRemind`.
#[derive(SimpleObject)]
pub struct InvoiceRemindPayload {
    /// The reminder.
    pub(super) reminder: Reminder,
    /// The invoice.
    pub(super) invoice: Invoice,
}
