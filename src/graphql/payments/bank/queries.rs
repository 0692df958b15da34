//! GraphQL query of bank payments: filter, order and list.

use async_graphql::{Context, Enum, InputObject, Object};

use super::types::{BankFinding, BankPayment, BankPaymentStatus};
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    cost::cost,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    payments::bank::{self, Filter},
};

/// Filter of bank payments. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct BankPaymentFilter {
    /// Has one of these statuses. PENDING bank payments need a decision.
    status: Option<Vec<BankPaymentStatus>>,
    /// Had one of these results of the automatic matching.
    finding: Option<Vec<BankFinding>>,
    /// `receivedOn` is this day or later.
    received_from: Option<Parsed<Date>>,
    /// `receivedOn` is this day or earlier.
    received_to: Option<Parsed<Date>>,
    /// All of these words occur in the payer's name, the references, the message or the identifier
    /// at the bank. A word may be the beginning of a longer one. Case and accents are ignored, but
    /// å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl BankPaymentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [from, to] = day_range("received", self.received_from, self.received_to, errors);
        Filter {
            states: self.status.into_iter().flatten().map(Into::into).collect(),
            findings: self.finding.into_iter().flatten().map(Into::into).collect(),
            from,
            to,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field to order bank payments by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bank::Field")]
pub enum BankPaymentOrderField {
    /// By day at the bank.
    ReceivedOn,
    /// By amount.
    Amount,
}

order_input! {
    /// Order of bank payments. Ties are ordered by id.
    BankPaymentOrder by BankPaymentOrderField
}

/// Queries of bank payments.
#[derive(Default)]
pub struct BankPaymentQuery;

#[Object]
impl BankPaymentQuery {
    /// Payments reported by the bank's files, the latest first unless `orderBy` says otherwise;
    /// empty unless you see all invoices. The command `samregister payments import` imports files.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn bank_payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<BankPaymentFilter>,
        >,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            BankPaymentOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<BankPayment>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (bank::Field::ReceivedOn, true));
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<BankPayment, _>::new(
                filter,
                bank::order(field, descending),
                args,
                errors,
            ),
            |ctx, filter, page| Box::pin(bank::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(bank::count(caller(ctx), filter)),
        )
        .await
    }
}
