//! GraphQL types, query and mutations of bank payments: payments from the bank's files, and the
//! handling of those that could not be matched automatically.

use std::collections::HashMap;

use ::entity::{
    bank_payment,
    id::{BankPaymentId, InvoiceId},
    invoice, payment,
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{Invoice, Payment, payments::limit};
use crate::graphql::{
    batch::{BatchRow, distinct, grouped, listed},
    connection::{
        self, Column, Connection, ConnectionNode, DIRECT, ListRequest, every, selected_columns,
    },
    cost::list_size,
    database,
    mutation::mutation,
    request::LongText,
    scalars::{Date, DateTime, Money, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    invoices::{self},
    payments::{
        bank::{self, Filter, Match},
        duplicates,
    },
};

/// Status of a bank payment.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bank::State")]
pub enum BankPaymentState {
    /// Fully matched with invoices.
    Matched,
    /// The unmatched part pays no invoice (`bankPaymentSetAside`).
    SetAside,
    /// Another bank payment represents the same money (`duplicateOf`).
    Duplicate,
    /// Needs a decision: match it (`bankPaymentMatch`) or exclude it (`bankPaymentSetAside`).
    Waiting,
}

/// Result of the automatic matching of a bank payment when the file was imported.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::BankFinding")]
pub enum BankFinding {
    /// Its OCR reference belongs to one invoice. A reference in the message counts only when the
    /// amount equals the outstanding sum.
    Ocr,
    /// Its message has the number of one invoice, and the amount equals the outstanding sum.
    Number,
    /// It has several references, each of an invoice, and the sums match.
    References,
    /// It has neither a reference nor a message that could name an invoice.
    NoReference,
    /// Its reference or message matches no invoice.
    UnknownReference,
    /// More than one match is possible: several invoices, a payer who is not the buyer, several
    /// manually recorded payments, or a bank payment of another file (`possibleDuplicates`).
    Ambiguous,
    /// It names invoices, but the sums don't match.
    AmountDiffers,
    /// It names an invoice that was issued after the payment; matched manually, it counts from the
    /// day of issue.
    BeforeIssue,
    /// The bank withdrew money, or returned an outgoing payment; not a payment of an invoice.
    NotIncoming,
    /// The payer uses a credit note (avdrag), which was deducted from the payment of the credited
    /// invoice. No action is needed.
    CreditNote,
    /// The payer makes a deduction (avdrag) that is not a credit note of an invoice in the same
    /// payment. All payments of the same deposit wait.
    Deduction,
}

/// A payment as reported by a file of the bank; stored permanently, matched or not.
#[derive(Clone, Description)]
pub struct BankPayment(pub BatchRow<bank_payment::Model>);

#[Object(use_type_description)]
impl BankPayment {
    /// Global id of the bank payment, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Identifier at the bank, the same in every file that reports the payment.
    async fn bank_reference(&self) -> &str {
        &self.0.bank_reference
    }

    /// Name of the file that first reported it.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// SHA-256 of that file, in hexadecimal.
    async fn file_sha256(&self) -> &str {
        &self.0.file_sha256
    }

    /// Time of the import.
    async fn imported_at(&self) -> DateTime {
        DateTime(self.0.imported_at)
    }

    /// Account or giro number that received it.
    async fn account(&self) -> &str {
        &self.0.account
    }

    /// Day at the bank.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// Day in the books: `bookedOn`, or the first open day when the file was imported after that
    /// day was closed (`periodClose`).
    async fn posted_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Received amount in kronor; negative for money that the bank withdrew.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// References of the payer, separated by spaces; null when there is none.
    async fn reference(&self) -> Option<LongText<&str>> {
        self.0.reference.as_deref().map(LongText)
    }

    /// Message of the payer; null when there is none.
    async fn message(&self) -> Option<LongText<&str>> {
        self.0.message.as_deref().map(LongText)
    }

    /// Name of the payer; null when the bank does not report it.
    async fn payer_name(&self) -> Option<LongText<&str>> {
        self.0.payer_name.as_deref().map(LongText)
    }

    /// Organisation number of the payer; null when the bank does not report it, or the payer is a
    /// natural person.
    async fn payer_org_number(&self) -> Option<&str> {
        self.0.payer_org_number.as_deref()
    }

    /// Result of the automatic matching at import; `state` is the present status.
    async fn finding(&self) -> BankFinding {
        self.0.finding.into()
    }

    /// Present status.
    async fn state(&self) -> BankPaymentState {
        bank::state(&self.0).into()
    }

    /// Part matched with invoices, in kronor.
    async fn matched(&self) -> Money {
        self.0.matched.into()
    }

    /// Unmatched part, in kronor.
    async fn left(&self) -> Money {
        bank::left(&self.0).into()
    }

    /// Day on which it was excluded (`bankPaymentSetAside`); null unless excluded.
    async fn set_aside_on(&self) -> Option<Date> {
        self.0.set_aside_on.map(Date)
    }

    /// Reason of the exclusion; null unless excluded.
    async fn set_aside_reason(&self) -> Option<&str> {
        self.0.set_aside_reason.as_deref()
    }

    /// Bank payment that represents the same money, from another file; null unless this one is a
    /// duplicate.
    async fn duplicate_of(&self, ctx: &Context<'_>) -> Option<Result<BankPayment>> {
        let own = self.0.duplicate_of_id?;
        let found = self.0.load(ctx, "", || async {
            let ids = distinct(self.0.batch_rows().iter().filter_map(|row| row.duplicate_of_id));
            let rows = bank::by_ids(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<BankPayment>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        });
        match found.await {
            Ok(found) => found.get(&own)?.first().cloned().map(BankPayment).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Bank payments of other files that were marked as duplicates of this one, in order of import.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn duplicates(&self, ctx: &Context<'_>) -> Result<Vec<BankPayment>> {
        let found = self.0.load(ctx, "", || async {
            let rows = duplicates::of(database(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.duplicate_of_id))
        });
        listed(ctx, found.await?.get(&Some(self.0.id)), BankPayment)
    }

    /// Bank payments of other files that may represent the same money, while this one waits. Mark
    /// it as a duplicate (`bankPaymentMarkDuplicate`), or match it if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_duplicates(&self, ctx: &Context<'_>) -> Result<Vec<BankPayment>> {
        let found = self.0.load(ctx, "", || async {
            let found = duplicates::possible(database(ctx), viewer(ctx), &ids(&self.0)).await?;
            let of_each = found
                .into_iter()
                .map(|(id, possible)| (id, BatchRow::each(possible.bank_payments)));
            Ok(of_each.collect::<HashMap<_, _>>())
        });
        listed(ctx, found.await?.get(&self.0.id), BankPayment)
    }

    /// Manually recorded payments of the same amount and about the same day that may represent the
    /// same money, while this one waits. Match it with the invoice and `recordedPayment`, or
    /// without if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_payments(&self, ctx: &Context<'_>) -> Result<Vec<BankPaymentMatch>> {
        let columns = selected_columns::<Invoice>(ctx, &[&["invoice"]]);
        let found = self.0.load(ctx, "", || async {
            let found = duplicates::possible(database(ctx), viewer(ctx), &ids(&self.0)).await?;
            with_invoices(
                ctx,
                found.into_iter().map(|(id, possible)| (id, possible.payments)).collect(),
                &columns,
            )
            .await
        });
        listed(ctx, found.await?.get(&self.0.id), |matched| matched)
    }

    /// Payments booked from it with their invoices, reversed ones included; the oldest first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn matches(&self, ctx: &Context<'_>) -> Result<Vec<BankPaymentMatch>> {
        let columns = selected_columns::<Invoice>(ctx, &[&["invoice"]]);
        let found = self.0.load(ctx, "", || async {
            with_invoices(ctx, bank::payments_of(database(ctx), &ids(&self.0)).await?, &columns)
                .await
        });
        listed(ctx, found.await?.get(&self.0.id), |matched| matched)
    }
}

/// Returns the ids of all rows of the batch.
fn ids(row: &BatchRow<bank_payment::Model>) -> Vec<BankPaymentId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

/// Returns the payments of each bank payment with their invoices.
async fn with_invoices(
    ctx: &Context<'_>,
    payments: HashMap<BankPaymentId, Vec<payment::Model>>,
    columns: &[Column<invoice::Model>],
) -> Result<HashMap<BankPaymentId, Vec<BankPaymentMatch>>> {
    let invoices = distinct(payments.values().flatten().map(|payment| payment.invoice_id));
    let rows = invoices::by_ids(database(ctx), viewer(ctx), &invoices, columns).await?;
    let invoices: HashMap<InvoiceId, Vec<BatchRow<_>>> =
        grouped(BatchRow::each(rows), |row| row.id);
    let matched = |payment: payment::Model| {
        let invoice = invoices.get(&payment.invoice_id)?.first()?.clone();
        Some(BankPaymentMatch { payment: Payment(payment), invoice: Invoice(invoice) })
    };
    Ok(payments
        .into_iter()
        .map(|(id, payments)| (id, payments.into_iter().filter_map(matched).collect()))
        .collect())
}

/// A payment that was booked from a bank payment, or that may represent the same money.
#[derive(Clone, Description)]
pub struct BankPaymentMatch {
    payment: Payment,
    invoice: Invoice,
}

#[Object(use_type_description)]
impl BankPaymentMatch {
    /// Payment, or reversal of one.
    async fn payment(&self) -> Payment {
        self.payment.clone()
    }

    /// Invoice of the payment.
    async fn invoice(&self) -> Invoice {
        self.invoice.clone()
    }
}

impl ConnectionNode for BankPayment {
    type Row = bank_payment::Model;
    const NAME: &'static str = "BankPayment";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use bank_payment::Column as C;
        match field {
            "bankReference" => &[C::BankReference],
            "fileName" => &[C::FileName],
            "fileSha256" => &[C::FileSha256],
            "importedAt" => &[C::ImportedAt],
            "account" => &[C::Account],
            "bookedOn" => &[C::BookedOn],
            "postedOn" => &[C::BookedOn, C::PostedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "message" => &[C::Message],
            "payerName" => &[C::PayerName],
            "payerOrgNumber" => &[C::PayerOrgNumber],
            "finding" => &[C::Finding],
            "state" => &[C::Amount, C::Matched, C::SetAsideOn, C::DuplicateOfId],
            "duplicateOf" => &[C::DuplicateOfId],
            "matched" => &[C::Matched],
            "left" => &[C::Amount, C::Matched],
            "setAsideOn" => &[C::SetAsideOn],
            "setAsideReason" => &[C::SetAsideReason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[bank_payment::Column::Id]
    }
}

/// Filter of bank payments. All conditions must hold.
#[derive(InputObject, Default)]
pub struct BankPaymentFilter {
    /// `true` for fully matched bank payments, `false` for the others.
    matched: Option<bool>,
    /// `true` for excluded bank payments, `false` for the others. `matched: false` with `setAside:
    /// false` returns those that wait for a decision.
    set_aside: Option<bool>,
    /// At the bank on this day or later.
    from: Option<Parsed<Date>>,
    /// At the bank on this day or earlier.
    to: Option<Parsed<Date>>,
}

impl BankPaymentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        Filter {
            matched: self.matched,
            set_aside: self.set_aside,
            from: take(self.from, "filter.from", errors).map(|day| day.0),
            to: take(self.to, "filter.to", errors).map(|day| day.0),
        }
    }
}

/// Queries of bank payments.
#[derive(Default)]
pub struct BankPaymentQuery;

#[Object]
impl BankPaymentQuery {
    /// Payments reported by the bank's files, the latest first; empty unless you see all invoices.
    /// The command `samregister payments import` imports files.
    async fn bank_payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<BankPaymentFilter>,
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
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<BankPayment, _>::new(ctx, filter, bank::order(), args),
            errors,
            |ctx, list| {
                Box::pin(bank::list(
                    database(ctx),
                    viewer(ctx),
                    &list.filter,
                    &list.args,
                    &list.columns,
                ))
            },
            |ctx, filter| Box::pin(bank::count(database(ctx), viewer(ctx), filter)),
        )
        .await
    }
}

/// Input of `bankPaymentMatch`.
#[derive(InputObject)]
pub struct BankPaymentMatchInput {
    /// Id of the bank payment.
    payment: ID,
    /// Id of the invoice that it pays; issued, and not a credit note.
    invoice: ID,
    /// Amount to match, in kronor; defaults to the unmatched remainder. Match the rest in a second
    /// mutation.
    amount: Option<Parsed<Money>>,
    /// Day in the books, from the bank's day to today, in no closed period. Defaults to the bank's
    /// day. For money that arrived in an earlier month, or was released by a reversal in one,
    /// defaults to today, so that reports of that month do not change.
    booked_on: Option<Parsed<Date>>,
    /// Id of the manually recorded payment of the invoice that represents the same money: no other
    /// payment is booked. Defaults to a payment of the same day and amount, if there is one.
    recorded_payment: Option<ID>,
}

/// Input of `bankPaymentMarkDuplicate`.
#[derive(InputObject)]
pub struct BankPaymentMarkDuplicateInput {
    /// Id of the duplicate, which no longer counts; no part of it may be matched.
    payment: ID,
    /// Id of the bank payment that represents the money; of the same amount.
    duplicate_of: ID,
}

/// Payload of `bankPaymentMarkDuplicate`.
#[derive(SimpleObject)]
pub struct BankPaymentMarkDuplicatePayload {
    /// The duplicate.
    bank_payment: BankPayment,
}

/// Input of `bankPaymentSetAside`.
#[derive(InputObject)]
pub struct BankPaymentSetAsideInput {
    /// Id of the bank payment.
    payment: ID,
    /// Reason, as what it is instead.
    reason: String,
}

/// Input of `bankPaymentTakeUp`.
#[derive(InputObject)]
pub struct BankPaymentTakeUpInput {
    /// Id of the bank payment.
    payment: ID,
}

async fn changed(ctx: &Context<'_>, id: BankPaymentId) -> Result<BankPayment> {
    let found = bank::by_ids(database(ctx), viewer(ctx), &[id], &every::<BankPayment>()).await?;
    let row = found
        .into_iter()
        .next()
        .ok_or_else(|| Error::NotFound("there is no such bank payment".into()))?;
    Ok(BankPayment(BatchRow::single(row)))
}

/// Mutations of bank payments.
#[derive(Default)]
pub struct BankPaymentMutation;

#[Object]
impl BankPaymentMutation {
    /// Matches a bank payment, or a part of it, with an invoice, and books it there as a payment of
    /// the same day; on the day of issue when the money arrived earlier (`BankPayment.bookedOn`
    /// retains the bank's day). It may pay the invoice in part, in full or in excess. A manually
    /// recorded payment of that day and amount is taken as the same money, so that nothing is
    /// booked twice. `paymentReverse` reverses a match.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when nothing of it is unmatched, SET_ASIDE when it was
    /// excluded, DUPLICATE when another represents its money, NOT_INCOMING when the bank withdrew
    /// it or the payer deducted it, or PERIOD_CLOSED when `bookedOn` is in a closed period, or when
    /// the manually recorded payment would change a closed period and is not yet in an export
    /// batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_match(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment and its invoice.")] input: Box<BankPaymentMatchInput>,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let new = Match {
            payment: row_id(&input.payment, "payment", &mut errors),
            invoice: row_id(&input.invoice, "invoice", &mut errors),
            amount: take(input.amount, "amount", &mut errors).map(|amount| amount.0),
            booked_on: take(input.booked_on, "booked_on", &mut errors).map(|day| day.0),
            recorded_payment: input
                .recorded_payment
                .map(|id| row_id(&id, "recorded_payment", &mut errors)),
        };
        let id = new.payment;
        let mutation = mutation(ctx);
        mutation
            .perform(bank::match_with(mutation.db(), viewer(ctx), limit(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Excludes the unmatched part of a bank payment, since it pays no invoice: a grant, money sent
    /// by mistake and returned, or money that the bank withdrew. CONFLICT with reason
    /// ALREADY_MATCHED, SET_ASIDE or DUPLICATE.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_set_aside(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment to exclude.")] input: Box<BankPaymentSetAsideInput>,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.payment, "payment", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(bank::set_aside(mutation.db(), viewer(ctx), id, &input.reason, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Marks a waiting bank payment as a duplicate of another, which represents the same money: it
    /// no longer counts, and its data stays as reported. `bankPaymentTakeUp` reverses it.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when a part of it is matched, DUPLICATE when one of the
    /// two is already a duplicate or this one has duplicates, or PERIOD_CLOSED when its own voucher
    /// is in a closed period and not yet in an export batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_mark_duplicate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The duplicate and its original.")] input: Box<
            BankPaymentMarkDuplicateInput,
        >,
    ) -> Option<Result<BankPaymentMarkDuplicatePayload>> {
        Some(Box::pin(mark_duplicate(ctx, *input)).await)
    }

    /// Reopens a bank payment that was excluded or marked as a duplicate, so that it can be
    /// matched. CONFLICT with reason NOT_SET_ASIDE, IS_REFUND for one that is matched as a refund
    /// (see `refundReverse`), IN_DETAILS for the total of an entry whose individual payments count
    /// instead, IN_TOTAL for a payment whose entry's total counts instead, or PERIOD_CLOSED for a
    /// duplicate whose voucher is in a closed period and not yet in an export batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_take_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment to reopen.")] input: Box<BankPaymentTakeUpInput>,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.payment, "payment", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(bank::take_up(mutation.db(), viewer(ctx), id, errors), |()| changed(ctx, id))
            .await
    }
}

async fn mark_duplicate(
    ctx: &Context<'_>,
    input: BankPaymentMarkDuplicateInput,
) -> Result<BankPaymentMarkDuplicatePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.payment, "payment", &mut errors);
    let of = row_id(&input.duplicate_of, "duplicate_of", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(BankPaymentMarkDuplicatePayload { bank_payment: changed(ctx, id).await? });
    mutation.perform(duplicates::mark(mutation.db(), viewer(ctx), id, of, errors), payload).await
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&BankPaymentMatch {
        payment: Payment(payment::Model::default()),
        invoice: Invoice(crate::graphql::future_sizes::row()),
    });
}
