//! GraphQL mutation of reminders.

use ::entity::id::ReminderId;
use async_graphql::{Context, ID, InputObject, Object};

use super::payloads::InvoiceRemindPayload;
use crate::graphql::{
    invoices::relations::{changed, part},
    mutation::mutation,
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    receivables::remind::{self, NewReminder},
};

/// Input of `invoiceRemind`.
#[derive(InputObject)]
pub struct InvoiceRemindInput {
    /// Id of the invoice, overdue on that day.
    invoice_id: ID,
    /// Day on which the reminder was sent; defaults to today.
    sent_on: Option<Parsed<Date>>,
}

impl InvoiceRemindInput {
    /// Converts the input; adds an error for each bad field.
    pub(super) fn check(self, errors: &mut ValidationErrors) -> NewReminder {
        NewReminder {
            invoice: row_id(&self.invoice_id, "invoice_id", errors),
            sent_on: take(self.sent_on, "sent_on", errors).map(|day| day.0),
        }
    }
}

/// Mutations of reminders.
#[derive(Default)]
pub struct ReminderMutation;

#[Object]
impl ReminderMutation {
    /// Records that a reminder of an overdue invoice was sent. The first reminder of an invoice has
    /// the reminder fee (påminnelseavgift) that an agreement or the statutes provided for at issue,
    /// at most 60.00 (lag 1981:739), or instead the compensation for the delay
    /// (förseningsersättning) of 450.00 where the settings provided for it. It has none where none
    /// was agreed, for imported history, whose terms are not known, and for later reminders. The
    /// fee is claimed in addition to the invoice, whose total never changes.
    ///
    /// CONFLICT with reason NOT_OVERDUE, PAID, CREDITED, DRAFT or CREDIT_NOTE when there was
    /// nothing to remind of on that day, ORE_ONLY when less than one krona was unpaid, or
    /// ALREADY_REMINDED when a reminder was sent on the same day.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_remind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reminder to record.")] input: Box<InvoiceRemindInput>,
    ) -> Option<Result<InvoiceRemindPayload>> {
        let mut errors = ValidationErrors::default();
        let NewReminder { invoice: id, sent_on } = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    remind::remind(mutation.context(), id, sent_on, errors),
                    async |reminder: ReminderId| {
                        Ok(InvoiceRemindPayload {
                            reminder: part(ctx, reminder.0).await?,
                            invoice: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }
}
