//! Payments of the bank's files as the API tells of them, and how those are handled that could not
//! be matched by themselves.

use std::{collections::HashMap, sync::Arc};

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
        self, CONNECTION, Column, Connection, ConnectionNode, DIRECT, every, selected_columns,
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

/// What became of a bank payment so far.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bank::State")]
pub enum BankPaymentState {
    /// All of it is matched with invoices.
    Matched,
    /// What is left of it pays no invoice (`bankPaymentSetAside`).
    SetAside,
    /// Another bank payment stands for the same money (`duplicateOf`).
    Duplicate,
    /// Somebody must look at it: match it (`bankPaymentMatch`) or set it aside.
    Waiting,
}

/// What was found out about a payment when the bank's file came in.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::BankFinding")]
pub enum BankFinding {
    /// Its OCR reference is that of one invoice. One that stands in its text counts only when
    /// exactly this sum was to be paid.
    Ocr,
    /// Its text names one invoice by its number, and exactly this sum was to be paid of it.
    Number,
    /// It has several references, each that of an invoice, and the sums come out.
    References,
    /// It says nothing that could name an invoice.
    NoReference,
    /// What it says is no invoice's reference or number.
    UnknownReference,
    /// What it says may mean one invoice or another, or somebody else than the buyer paid, or
    /// several payments of the invoice that were recorded by hand may be it, or it may be of the
    /// same money as a bank payment of another file (`possibleDuplicates`).
    Ambiguous,
    /// It names invoices, but the sums don't come out.
    AmountDiffers,
    /// It names an invoice that was issued after it came; matched by hand, it counts from the day
    /// of issue.
    BeforeIssue,
    /// The bank took money back, or gave back money that was paid out: no payment of an invoice.
    NotIncoming,
    /// The payer makes use of a credit note (avdrag), which was taken off what it pays of the
    /// credited invoice. Nothing is left to be done.
    CreditNote,
    /// The payer deducts (avdrag) what is no credit note of an invoice that it pays with it. All
    /// that it pays in the same deposit waits.
    Deduction,
}

/// A payment as a file of the bank tells of it: kept for ever, whether it was matched with an
/// invoice or not.
#[derive(Clone, Description)]
pub struct BankPayment(pub BatchRow<bank_payment::Model>);

#[Object(use_type_description)]
impl BankPayment {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("bank_payment", self.0.id)
    }

    /// What the bank knows it by, however many files tell of it.
    async fn bank_reference(&self) -> &str {
        &self.0.bank_reference
    }

    /// The name of the file that first told of it.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// SHA-256 of that file, in hexadecimal.
    async fn file_sha256(&self) -> &str {
        &self.0.file_sha256
    }

    /// When.
    async fn imported_at(&self) -> DateTime {
        DateTime(self.0.imported_at)
    }

    /// The account or giro that it came to.
    async fn account(&self) -> &str {
        &self.0.account
    }

    /// Day in the bank.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// Day in the books: `bookedOn`, or the first open day when the file came after that day was
    /// closed (`periodClose`).
    async fn posted_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// What came in; below zero for what the bank took back.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The payer's references, with blanks between; null when there is none.
    async fn reference(&self) -> Option<LongText<&str>> {
        self.0.reference.as_deref().map(LongText)
    }

    /// The payer's words; null when there are none.
    async fn message(&self) -> Option<LongText<&str>> {
        self.0.message.as_deref().map(LongText)
    }

    /// Who paid; null when the bank does not say.
    async fn payer_name(&self) -> Option<LongText<&str>> {
        self.0.payer_name.as_deref().map(LongText)
    }

    /// The organisation number of who paid; null when the bank does not say, or it is a person.
    async fn payer_org_number(&self) -> Option<&str> {
        self.0.payer_org_number.as_deref()
    }

    /// What was found out about it when the file came in; what became of it since is `state`.
    async fn finding(&self) -> BankFinding {
        self.0.finding.into()
    }

    /// What became of it so far.
    async fn state(&self) -> BankPaymentState {
        bank::state(&self.0).into()
    }

    /// How much of it is matched with invoices.
    async fn matched(&self) -> Money {
        self.0.matched.into()
    }

    /// How much of it is not.
    async fn left(&self) -> Money {
        bank::left(&self.0).into()
    }

    /// Day on which it was set aside; null when it was not.
    async fn set_aside_on(&self) -> Option<Date> {
        self.0.set_aside_on.map(Date)
    }

    /// Why it was set aside; null when it was not.
    async fn set_aside_reason(&self) -> Option<&str> {
        self.0.set_aside_reason.as_deref()
    }

    /// The bank payment that stands for the same money, which another file told of; null when this
    /// one counts.
    async fn duplicate_of(&self, ctx: &Context<'_>) -> Option<Result<BankPayment>> {
        let own = self.0.duplicate_of_id?;
        let found = self.0.load(ctx, "", async {
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

    /// The bank payments of other files that tell of the same money, in the order in which they
    /// came.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn duplicates(&self, ctx: &Context<'_>) -> Result<Vec<BankPayment>> {
        let found = self.0.load(ctx, "", async {
            let rows = duplicates::of(database(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.duplicate_of_id))
        });
        listed(ctx, found.await?.get(&Some(self.0.id)), BankPayment)
    }

    /// Bank payments of other files that may be of the same money, while this one waits: mark it as
    /// a duplicate (`bankPaymentMarkDuplicate`), or match it if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_duplicates(&self, ctx: &Context<'_>) -> Result<Vec<BankPayment>> {
        let found = self.0.load(ctx, "", async {
            let found = duplicates::possible(database(ctx), viewer(ctx), &ids(&self.0)).await?;
            let of_each = found
                .into_iter()
                .map(|(id, possible)| (id, BatchRow::each(possible.bank_payments)));
            Ok(of_each.collect::<HashMap<_, _>>())
        });
        listed(ctx, found.await?.get(&self.0.id), BankPayment)
    }

    /// Payments of the same sum and about the same day that were recorded manually and may be of
    /// the same money, while this one waits: match it with the invoice and `recordedPayment`, or
    /// without if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_payments(&self, ctx: &Context<'_>) -> Result<Vec<BankPaymentMatch>> {
        let columns = selected_columns::<Invoice>(ctx, &[&["invoice"]]);
        let found = self.0.load(ctx, "", async {
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

    /// The payments that were made of it with their invoices, and those of them that were reversed;
    /// the first one first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn matches(&self, ctx: &Context<'_>) -> Result<Vec<BankPaymentMatch>> {
        let columns = selected_columns::<Invoice>(ctx, &[&["invoice"]]);
        let found = self.0.load(ctx, "", async {
            with_invoices(ctx, bank::payments_of(database(ctx), &ids(&self.0)).await?, &columns)
                .await
        });
        listed(ctx, found.await?.get(&self.0.id), |matched| matched)
    }
}

/// The ids of a row and of all that came with it.
fn ids(row: &BatchRow<bank_payment::Model>) -> Vec<BankPaymentId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

/// These payments of each bank payment with their invoices.
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

/// A payment that was made of a bank payment, or may be of the same money.
#[derive(Clone, Description)]
pub struct BankPaymentMatch {
    payment: Payment,
    invoice: Invoice,
}

#[Object(use_type_description)]
impl BankPaymentMatch {
    /// The payment, or the reversal of one.
    async fn payment(&self) -> Payment {
        self.payment.clone()
    }

    /// The invoice that it is of.
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

/// Which bank payments; every part narrows the others.
#[derive(InputObject, Default)]
pub struct BankPaymentFilter {
    /// Whether all of it is matched with invoices.
    matched: Option<bool>,
    /// Whether it was set aside. With `matched: false`, `setAside: false` leaves those that wait
    /// for somebody.
    set_aside: Option<bool>,
    /// In the bank on this day or later.
    from: Option<Parsed<Date>>,
    /// In the bank on this day or earlier.
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

/// Questions about the bank's files.
#[derive(Default)]
pub struct BankPaymentQuery;

#[Object]
impl BankPaymentQuery {
    /// The payments that the bank's files told of, the latest first; empty unless you see all
    /// invoices. Files come in by the command `samregister payments import`.
    async fn bank_payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<BankPaymentFilter>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<BankPayment>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        domain::page::Page::check(&args, &bank::order(), &mut errors);
        errors.finish()?;
        let slice = bank::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &args,
            &selected_columns::<BankPayment>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { bank::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }
}

/// A bank payment, or some of it, to be matched with an invoice.
#[derive(InputObject)]
pub struct BankPaymentMatchInput {
    /// The bank payment.
    payment: ID,
    /// The invoice that it pays; issued, and no credit note.
    invoice: ID,
    /// How much of it; all that is left when left out. Match the rest with another invoice by
    /// another deed.
    amount: Option<Parsed<Money>>,
    /// Day in the books, from the bank's day to today. When left out it is the bank's day, or today
    /// for money that came in an earlier month or that was given back by a reversal in one, so that
    /// what was reported of that month stays true. No day of a closed period.
    booked_on: Option<Parsed<Date>>,
    /// The payment of the invoice that somebody recorded manually of the same money: nothing is
    /// booked again. Left out, a payment of the same day and sum is taken for it.
    recorded_payment: Option<ID>,
}

/// A bank payment that is of the same money as another.
#[derive(InputObject)]
pub struct BankPaymentMarkDuplicateInput {
    /// The bank payment that counts no more; nothing of it may be matched.
    payment: ID,
    /// The one that stands for the money; of the same amount.
    duplicate_of: ID,
}

/// The result of `bankPaymentMarkDuplicate`.
#[derive(SimpleObject)]
pub struct BankPaymentMarkDuplicatePayload {
    /// The bank payment that counts no more.
    bank_payment: BankPayment,
}

/// A bank payment that pays no invoice.
#[derive(InputObject)]
pub struct BankPaymentSetAsideInput {
    /// The bank payment.
    payment: ID,
    /// Why: what it is instead.
    reason: String,
}

/// A bank payment that was set aside and is to be looked at again.
#[derive(InputObject)]
pub struct BankPaymentTakeUpInput {
    /// The bank payment.
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

/// Deeds on the bank's payments.
#[derive(Default)]
pub struct BankPaymentMutation;

#[Object]
impl BankPaymentMutation {
    /// Matches a bank payment, or some of it, with an invoice: it is booked there as a payment of
    /// the same day, part or overpayment as it may be; of the day of issue, when the money came
    /// before that (`BankPayment.bookedOn` keeps the bank's day). A payment of that day and sum
    /// that somebody recorded by hand is taken for it, so that nothing is booked twice. A match is
    /// undone by `paymentReverse`.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when nothing is left of it, SET_ASIDE when it was set
    /// aside, DUPLICATE when another stands for its money, NOT_INCOMING when the bank took it back
    /// or the payer deducted it, or PERIOD_CLOSED when `bookedOn` is in a closed period, or the
    /// payment that was recorded manually would change what a closed period has and is of no export
    /// batch yet.
    async fn bank_payment_match(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: BankPaymentMatchInput,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let new = Match {
            payment: row_id(&input.payment, "bank_payment", "input.payment", &mut errors),
            invoice: row_id(&input.invoice, "invoice", "input.invoice", &mut errors),
            amount: take(input.amount, "input.amount", &mut errors).map(|amount| amount.0),
            booked_on: take(input.booked_on, "input.bookedOn", &mut errors).map(|day| day.0),
            recorded: input
                .recorded_payment
                .map(|id| row_id(&id, "payment", "input.recordedPayment", &mut errors)),
        };
        let id = new.payment;
        let mutation = mutation(ctx);
        mutation
            .perform(bank::match_with(mutation.db(), viewer(ctx), limit(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Sets aside what is left of a bank payment, since it pays no invoice: a grant, somebody
    /// else's money that was sent back, or what the bank took back. CONFLICT with reason
    /// ALREADY_MATCHED or SET_ASIDE.
    async fn bank_payment_set_aside(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: BankPaymentSetAsideInput,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.payment, "bank_payment", "input.payment", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(bank::set_aside(mutation.db(), viewer(ctx), id, &input.reason, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Marks a bank payment that waits as one of the same money as another, which stands for it: it
    /// counts no more, and stays as the bank told it. `bankPaymentTakeUp` undoes that.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when some of it is matched, DUPLICATE when one of the
    /// two is a duplicate already or stands for others, or PERIOD_CLOSED when its own voucher is in
    /// a closed period and of no export batch yet.
    async fn bank_payment_mark_duplicate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: BankPaymentMarkDuplicateInput,
    ) -> Option<Result<BankPaymentMarkDuplicatePayload>> {
        Some(mark_duplicate(ctx, input).await)
    }

    /// Takes up a bank payment again that was set aside, so that it can be matched. CONFLICT with
    /// reason NOT_SET_ASIDE, IS_REFUND for one that is matched as a refund (see `refundReverse`),
    /// IN_DETAILS for the total of an entry whose payments count in its place, IN_TOTAL for a
    /// payment whose entry's total counts in its place, or PERIOD_CLOSED for a duplicate whose
    /// voucher is in a closed period and of no export batch yet.
    async fn bank_payment_take_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: BankPaymentTakeUpInput,
    ) -> Result<BankPayment> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.payment, "bank_payment", "input.payment", &mut errors);
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
    let id = row_id(&input.payment, "bank_payment", "input.payment", &mut errors);
    let of = row_id(&input.duplicate_of, "bank_payment", "input.duplicateOf", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(BankPaymentMarkDuplicatePayload { bank_payment: changed(ctx, id).await? });
    mutation.perform(duplicates::mark(mutation.db(), viewer(ctx), id, of, errors), payload).await
}
