//! GraphQL types of bank payments: payments from the bank's files.

use std::collections::HashMap;

use ::entity::{
    bank_payment,
    id::{BankPaymentId, InvoiceId},
    invoice, payment,
};
use async_graphql::{Context, Description, Enum, ID, Object};

use crate::graphql::{
    batch::{BatchRow, distinct, grouped, listed},
    caller,
    connection::{Column, ConnectionNode, DIRECT, selected_columns},
    cost::{cost, list_size, unversioned},
    invoices::types::Invoice,
    payments::types::Payment,
    request::LongText,
    scalars::{Date, DateTime, Money, Sha256, node_id},
    times,
};
use domain::{
    error::Result,
    invoices,
    payments::bank::{self, duplicates, mark_duplicate, reopen},
};

/// Status of a bank payment.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bank::State")]
pub enum BankPaymentStatus {
    /// Fully matched with invoices.
    Matched,
    /// The unmatched part pays no invoice (`bankPaymentExclude`).
    Excluded,
    /// Another bank payment represents the same money (`duplicateOf`).
    Duplicate,
    /// Needs a decision: match it (`bankPaymentMatch`) or exclude it (`bankPaymentExclude`).
    Pending,
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

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
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
    async fn file_sha256(&self) -> Sha256 {
        Sha256::new(&self.0.file_sha256)
    }

    /// Time of the import.
    async fn imported_at(&self) -> DateTime {
        DateTime(self.0.imported_at)
    }

    /// Account or giro number that received it.
    async fn account(&self) -> &str {
        &self.0.account
    }

    /// Day at the bank; `bookedOn` is the day in the books.
    async fn received_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// Day in the books: `receivedOn`, or the first open day when the file was imported after that
    /// day was closed (`periodClose`).
    async fn booked_on(&self) -> Date {
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

    /// Result of the automatic matching at import; `status` is the present status.
    async fn finding(&self) -> BankFinding {
        self.0.finding.into()
    }

    /// Present status.
    async fn status(&self) -> BankPaymentStatus {
        bank::state(&self.0).into()
    }

    /// Part matched with invoices, in kronor.
    async fn matched(&self) -> Money {
        self.0.matched.into()
    }

    /// Unmatched part, in kronor.
    async fn remaining(&self) -> Money {
        bank::left(&self.0).into()
    }

    /// Day on which it was excluded (`bankPaymentExclude`); null unless excluded.
    async fn excluded_on(&self) -> Option<Date> {
        self.0.set_aside_on.map(Date)
    }

    /// Reason of the exclusion; null unless excluded.
    async fn exclusion_reason(&self) -> Option<&str> {
        self.0.set_aside_reason.as_deref()
    }

    /// Bank payment that represents the same money, from another file; null unless this one is a
    /// duplicate.
    async fn duplicate_of(&self, ctx: &Context<'_>) -> Option<Result<BankPayment>> {
        let own = self.0.duplicate_of_id?;
        let found = self.0.load(ctx, "", || async {
            let ids = distinct(self.0.batch_rows().iter().filter_map(|row| row.duplicate_of_id));
            let rows =
                bank::by_ids(caller(ctx), &ids, &selected_columns::<BankPayment>(ctx, DIRECT))
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
            let rows = duplicates::of(caller(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.duplicate_of_id))
        });
        listed(ctx, found.await?.get(&Some(self.0.id)), BankPayment)
    }

    /// Bank payments of other files that may represent the same money, while this one waits. Mark
    /// it as a duplicate (`bankPaymentMarkDuplicate`), or match it if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_duplicates(&self, ctx: &Context<'_>) -> Result<Vec<BankPayment>> {
        let found = self.0.load(ctx, "", || async {
            let found = duplicates::possible(caller(ctx), &ids(&self.0)).await?;
            let of_each = found
                .into_iter()
                .map(|(id, possible)| (id, BatchRow::each(possible.bank_payments)));
            Ok(of_each.collect::<HashMap<_, _>>())
        });
        listed(ctx, found.await?.get(&self.0.id), BankPayment)
    }

    /// Manually recorded payments of the same amount and about the same day that may represent the
    /// same money, while this one waits. Match it with the invoice and `recordedPaymentId`, or
    /// without if it is another payment.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn possible_payments(&self, ctx: &Context<'_>) -> Result<Vec<BankPaymentMatch>> {
        let columns = selected_columns::<Invoice>(ctx, &[&["invoice"]]);
        let found = self.0.load(ctx, "", || async {
            let found = duplicates::possible(caller(ctx), &ids(&self.0)).await?;
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
            with_invoices(ctx, bank::payments_of(caller(ctx), &ids(&self.0)).await?, &columns).await
        });
        listed(ctx, found.await?.get(&self.0.id), |matched| matched)
    }

    /// `true` if you may match it with an invoice (`bankPaymentMatch`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_match(&self, ctx: &Context<'_>) -> bool {
        bank::status::can_match(caller(ctx), &self.0)
    }

    /// `true` if you may exclude the unmatched part (`bankPaymentExclude`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_exclude(&self, ctx: &Context<'_>) -> bool {
        bank::status::can_exclude(caller(ctx), &self.0)
    }

    /// `true` if you may reopen it (`bankPaymentReopen`): it is excluded or a duplicate, is no
    /// refund, and would count no money twice. A closed period may still prevent it.
    #[graphql(directive = cost::apply("5".into()), directive = unversioned::apply())]
    async fn viewer_can_reopen(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || reopen::reopenable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
    }

    /// `true` if you may mark it as a duplicate of another one (`bankPaymentMarkDuplicate`): no
    /// part of it is matched, and it neither is a duplicate nor has any. A closed period may still
    /// prevent it.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_mark_duplicate(&self, ctx: &Context<'_>) -> Result<bool> {
        let found =
            self.0.load(ctx, "", || mark_duplicate::markable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
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
    let rows = invoices::by_ids(caller(ctx), &invoices, columns).await?;
    let invoices: HashMap<InvoiceId, Vec<BatchRow<_>>> =
        grouped(BatchRow::each(rows), |row| row.id);
    let (owners, rows): (Vec<BankPaymentId>, Vec<payment::Model>) = payments
        .into_iter()
        .flat_map(|(id, payments)| payments.into_iter().map(move |payment| (id, payment)))
        .unzip();
    let mut matches: HashMap<BankPaymentId, Vec<BankPaymentMatch>> = HashMap::new();
    for (owner, payment) in owners.into_iter().zip(BatchRow::each(rows)) {
        let invoice = invoices.get(&payment.invoice_id).and_then(|rows| rows.first());
        if let Some(invoice) = invoice.cloned() {
            let matched = BankPaymentMatch { payment: Payment(payment), invoice: Invoice(invoice) };
            matches.entry(owner).or_default().push(matched);
        }
    }
    Ok(matches)
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

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use bank_payment::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "bankReference" => &[C::BankReference],
            "fileName" => &[C::FileName],
            "fileSha256" => &[C::FileSha256],
            "importedAt" => &[C::ImportedAt],
            "account" => &[C::Account],
            "receivedOn" => &[C::BookedOn],
            "bookedOn" => &[C::BookedOn, C::PostedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "message" => &[C::Message],
            "payerName" => &[C::PayerName],
            "payerOrgNumber" => &[C::PayerOrgNumber],
            "finding" => &[C::Finding],
            "status" => &[C::Amount, C::Matched, C::SetAsideOn, C::DuplicateOfId],
            "duplicateOf" => &[C::DuplicateOfId],
            "matched" => &[C::Matched],
            "remaining" => &[C::Amount, C::Matched],
            "excludedOn" => &[C::SetAsideOn],
            "exclusionReason" => &[C::SetAsideReason],
            "viewerCanMatch" | "viewerCanExclude" => {
                &[C::Amount, C::Matched, C::SetAsideOn, C::DuplicateOfId]
            }
            "viewerCanMarkDuplicate" => &[C::Amount, C::Matched, C::SetAsideOn, C::DuplicateOfId],
            "viewerCanReopen" => {
                &[C::SetAsideOn, C::DuplicateOfId, C::EntryReference, C::BankReference]
            }
            "id" | "createdAt" | "updatedAt" | "duplicates" | "possibleDuplicates"
            | "possiblePayments" | "matches" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[bank_payment::Column::Id]
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&BankPaymentMatch {
        payment: Payment(crate::graphql::future_sizes::row()),
        invoice: Invoice(crate::graphql::future_sizes::row()),
    });
}
