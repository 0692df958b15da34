//! GraphQL query of reminders of all invoices: filter, order and list.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::Reminder;
use crate::graphql::{
    connection::{self, Connection},
    cost::cost,
    invoices::{part_lists::listed, queries::buyer},
    order::{self, order_input},
    scalars::{Date, Parsed, day_range, row_id},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    invoices::parts::{self, Field, Filter},
};

/// Filter of reminders. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ReminderFilter {
    /// Id of the invoice.
    invoice_id: Option<ID>,
    /// Id of the buyer of the invoice, a member or an organisation.
    buyer_id: Option<ID>,
    /// `sentOn` is this day or later.
    sent_from: Option<Parsed<Date>>,
    /// `sentOn` is this day or earlier.
    sent_to: Option<Parsed<Date>>,
    /// All of these words occur in the number, the payment reference, the buyer's present and
    /// former names, the references or the text of the lines of the invoice. A word may be the
    /// beginning of a longer one.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ReminderFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [from, to] = day_range("sent", self.sent_from, self.sent_to, errors);
        Filter {
            invoice: self.invoice_id.map(|id| row_id(&id, "filter.invoiceId", errors)),
            buyer: self.buyer_id.and_then(|id| buyer(&id, errors)),
            from,
            to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
            ..Filter::default()
        }
    }
}

/// Field to order reminders by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum ReminderOrderField {
    /// By day on which it was sent.
    SentOn,
    /// By fee.
    Fee,
}

impl From<ReminderOrderField> for Field {
    fn from(field: ReminderOrderField) -> Self {
        match field {
            ReminderOrderField::SentOn => Self::Day,
            ReminderOrderField::Fee => Self::Amount,
        }
    }
}

order_input! {
    /// Order of reminders. Ties are ordered by id.
    ReminderOrder by ReminderOrderField
}

/// Queries of reminders.
#[derive(Default)]
pub struct ReminderQuery;

#[Object]
impl ReminderQuery {
    /// Reminders (påminnelser) of the invoices that you may see, the latest first unless `orderBy`
    /// says otherwise. A MEMBER sees those of its own invoices.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn reminders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<ReminderFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<ReminderOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Reminder>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (Field::Day, true));
        let order = parts::order::<::entity::reminder::Model>(field, descending);
        listed(ctx, filter, order, connection::args(first, after, last, before), errors).await
    }
}
