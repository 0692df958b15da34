//! GraphQL type of invoices.

pub mod lines;
pub mod run;
pub mod run_months;
pub mod status;

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice,
    kind::{AdjustmentKind, FileFormat},
};
use async_graphql::{Context, Description, ID, Object};

use self::{
    lines::{InvoiceLine, VatAmount},
    status::{InvoiceKind, InvoiceStatus, InvoiceWarning},
};
use crate::graphql::{
    agreements::counterparty::{Counterparty, CounterpartyIds, counterparty_of},
    batch::{BatchRow, grouped, listed},
    caller,
    connection::{Column, ConnectionNode, DIRECT, and, every, selected_columns},
    cost::{cost, list_size, unversioned},
    error_codes::Coded,
    network,
    payments::types::{InvoiceDifference, Payment, Refund, WriteOff},
    receivables::types::Reminder,
    request::LongText,
    scalars::{Date, DateTime, Money, Parsed, Url, node_id, take},
    times,
};
use domain::{
    codes::WarningCode,
    error::{Result, ValidationErrors},
    idempotency::Warning,
    invoices::{
        self, amounts, claim_terms, credit, differences, draft_status, issue, loading, write_off,
    },
    payments::{record as paid, refunds::record as refund},
    receivables::{interest_invoices::overclaims, late_interest, overdue, remind, reminders},
};

/// Warnings of the issue of invoices, for their batch.
pub(super) struct IssueWarnings(pub HashMap<InvoiceId, Vec<Warning>>);

/// An invoice (faktura) or credit note (kreditfaktura). Once issued, its content never changes.
#[derive(Clone, Description)]
pub struct Invoice(pub BatchRow<invoice::Model>);

#[Object(use_type_description)]
impl Invoice {
    /// Global id of the invoice, opaque. Pass it to `node` and to inputs.
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

    /// Invoice or credit note.
    async fn kind(&self) -> InvoiceKind {
        self.0.kind.into()
    }

    /// Number, gapless and never reused; null while a draft. Credit notes have their own series.
    async fn number(&self) -> Option<&str> {
        self.0.number.as_deref()
    }

    /// Payment reference (OCR-nummer) with its check digits; null when it has none.
    async fn ocr(&self) -> Option<&str> {
        self.0.ocr.as_deref()
    }

    /// Status as of a day, derived from the dates of issue, payment and crediting.
    async fn status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the calculation; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Result<InvoiceStatus> {
        Ok(amounts::state(&self.0, day_of(ctx, as_of)?).into())
    }

    /// Buyer, or recipient of a credit note.
    async fn buyer(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        let ids = |row: &invoice::Model| CounterpartyIds {
            member: row.member_id,
            organisation: row.organisation_id,
        };
        counterparty_of(ctx, &self.0, ids).await
    }

    /// Day of issue; null while a draft.
    async fn issued_on(&self) -> Option<Date> {
        self.0.issued_on.map(Date)
    }

    /// Last day to pay, as printed on the invoice; null for a draft or a credit note.
    async fn due_on(&self) -> Option<Date> {
        self.0.due_on.map(Date)
    }

    /// Last day on which a payment is in time: `dueOn` or, when that is a Saturday, a Sunday, a
    /// public holiday or Midsummer's, Christmas or New Year's Eve, the next banking day.
    /// `daysLate`, `interest` and OVERDUE count from it. Null when `dueOn` is null.
    async fn payable_until(&self) -> Option<Date> {
        claim_terms::payable_until(&self.0).map(Date)
    }

    /// Lines, in the order of the document.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceLine>> {
        let columns = selected_columns::<InvoiceLine>(ctx, DIRECT);
        let found = self.0.load(ctx, "", || async {
            let rows = match self.0.extra::<run::Planned>() {
                Some(planned) => planned.lines().cloned().collect(),
                None => invoices::lines::of_invoices(caller(ctx), &ids(&self.0), &columns).await?,
            };
            Ok(grouped(BatchRow::each(rows), |row| row.invoice_id))
        });
        listed(ctx, found.await?.get(&self.0.id), InvoiceLine)
    }

    /// Sum of its lines in kronor, without VAT.
    async fn net(&self) -> Money {
        self.0.net.into()
    }

    /// VAT in kronor, calculated per rate on the net sum at that rate and rounded half up.
    async fn vat(&self) -> Money {
        self.0.vat.into()
    }

    /// Net sum and VAT at each rate that occurs, the highest first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn vat_breakdown(&self, ctx: &Context<'_>) -> Result<Vec<VatAmount>> {
        if let Some(planned) = self.0.extra::<run::Planned>() {
            return Ok(amounts::by_rate(planned.of(self.0.id))
                .into_iter()
                .map(VatAmount)
                .collect());
        }
        let found = self
            .0
            .load(ctx, "", || async { invoices::lines::vat_of(caller(ctx), &ids(&self.0)).await })
            .await?;
        listed(ctx, found.get(&self.0.id), VatAmount)
    }

    /// Rounding to whole kronor (öresavrundning), more than -1.00 and less than 1.00.
    async fn rounding(&self) -> Money {
        self.0.rounding.into()
    }

    /// Sum to pay in kronor: net, VAT and rounding.
    async fn total(&self) -> Money {
        self.0.total.into()
    }

    /// Sum of its payments in kronor, less reversed payments and refunds.
    async fn paid(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only payments with a day in the books on this day or earlier; all when omitted."
        )]
        as_of: Option<Parsed<Date>>,
    ) -> Result<Money> {
        let standing = self.standing(ctx, as_of).await?;
        Ok(standing.map_or(self.0.paid, |standing| standing.paid).into())
    }

    /// Sum of its credit notes in kronor, with VAT.
    async fn credited(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only credit notes issued on this day or earlier; all when omitted.")]
        as_of: Option<Parsed<Date>>,
    ) -> Result<Money> {
        let standing = self.standing(ctx, as_of).await?;
        Ok(standing.map_or(self.0.credited, |standing| standing.credited).into())
    }

    /// Sum of its write-offs in kronor (`writeOffs`); negative for an overpayment of öre that is
    /// not refunded.
    async fn written_off(&self) -> Money {
        self.0.written_off.into()
    }

    /// Sum in kronor that is still to be paid: the total less payments, credit notes and
    /// write-offs, never below zero. Zero for a credit note.
    async fn outstanding(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day in the books; everything recorded counts when omitted.")]
        as_of: Option<Parsed<Date>>,
    ) -> Result<Money> {
        let standing = self.standing(ctx, as_of).await?;
        Ok(standing
            .map_or_else(|| invoices::outstanding(&self.0), |standing| standing.outstanding())
            .into())
    }

    /// Balance in kronor on the account of receivables: the total and reminder fees, less payments,
    /// credit notes and write-offs. Negative when overpaid. Zero for a credit note of an invoice,
    /// which is part of that invoice's balance, and before the day of issue.
    async fn balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day in the books; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Result<Money> {
        let today = Parsed::Good(Date(caller(ctx).clock.today()));
        let standing = self.standing(ctx, Some(as_of.unwrap_or(today))).await?.unwrap_or_default();
        Ok(standing.balance().into())
    }

    /// Difference between the paid sum and its total; null when there is none.
    async fn difference(&self, ctx: &Context<'_>) -> Result<Option<InvoiceDifference>> {
        let found = self.0.load(ctx, "", || async {
            let rows = loading::payments_of(caller(ctx), &ids(&self.0)).await?;
            Ok(grouped(rows, |row| row.invoice_id))
        });
        let payments = found.await?;
        let own = payments.get(&self.0.id).map(Vec::as_slice).unwrap_or_default();
        Ok(differences::of_row(&self.0, own).map(Into::into))
    }

    /// Refunds (`refundRecord`) and their reversals, in the order in which they were recorded.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        listed(ctx, Some(&self.adjustments(ctx, AdjustmentKind::Refund).await?), Refund)
    }

    /// Write-offs and their reversals, in the order in which they were made.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn write_offs(&self, ctx: &Context<'_>) -> Result<Vec<WriteOff>> {
        listed(ctx, Some(&self.adjustments(ctx, AdjustmentKind::WriteOff).await?), WriteOff)
    }

    /// Sum in kronor that was paid, credited and written off beyond the total: to be refunded,
    /// except what paid a reminder fee or late interest. Zero for a credit note.
    async fn overpaid(&self) -> Money {
        invoices::overpaid(&self.0).into()
    }

    /// Days after `payableUntil`, until the invoice was settled or until `asOf`; zero when it is
    /// not late.
    async fn days_late(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the calculation; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Result<i64> {
        Ok(late_interest::days_late(&self.0, day_of(ctx, as_of)?))
    }

    /// Late interest (dröjsmålsränta) in kronor up to and including `asOf`, without VAT. The rate
    /// is the reference rate plus the percentage points of the terms at issue (räntelagen 6 §); for
    /// imported history the network's own points (8 unless set). It is simple interest on the
    /// unpaid sum of each day up to and including the day of payment. It runs after `payableUntil`
    /// where an agreement or the statutes provided for it at issue (räntelagen 3 §), else after the
    /// 30th day from issue (4 §), as for imported history. Reversed payments are ignored. Null when
    /// the invoice was never late by then, and when a reference rate of the days is not known (see
    /// `referenceRates`).
    async fn interest(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the calculation; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<Money>> {
        let found = async {
            let (on, points) = (day_of(ctx, as_of)?, network(ctx).invoicing.interest_points);
            self.0
                .load(ctx, "", || async {
                    overdue::interest_of(caller(ctx), self.0.batch_rows(), on, points).await
                })
                .await
        };
        let sum =
            found.await.map(|found| found.get(&self.0.id).and_then(|late| late.interest.known()));
        sum.map(|sum| sum.map(Money)).transpose()
    }

    /// Payments and their reversals, the oldest first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn payments(&self, ctx: &Context<'_>) -> Result<Vec<Payment>> {
        let found = self.0.load(ctx, "", || async {
            let rows = loading::payments_of(caller(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.invoice_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Payment)
    }

    /// Reminders (påminnelser) that were sent, the oldest first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn reminders(&self, ctx: &Context<'_>) -> Result<Vec<Reminder>> {
        let found = self.0.load(ctx, "", || async {
            let rows = reminders::of_invoices(caller(ctx), &ids(&self.0)).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.invoice_id))
        });
        listed(ctx, found.await?.get(&self.0.id), Reminder)
    }

    /// Invoice that this one corrects upwards; null when it corrects none.
    async fn corrects(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        self.other(ctx, |row| row.corrects_id).await
    }

    /// Reason of the credit or correction, or another note to the buyer; null: none.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }

    /// Order reference of the buyer (BT-13), as `PO-4711`; null: none. A credit note has that of
    /// its invoice.
    async fn order_reference(&self) -> Option<&str> {
        self.0.order_reference.as_deref()
    }

    /// Contact person of the network (Vår referens, BT-41); null: none. A credit note has that of
    /// its invoice.
    async fn our_reference(&self) -> Option<&str> {
        self.0.our_reference.as_deref()
    }

    /// Buyer's reference (Er referens, BT-10) of this invoice; null: that of the buyer's billing
    /// details on the day of issue.
    async fn buyer_reference(&self) -> Option<&str> {
        self.0.buyer_reference.as_deref()
    }

    /// Days from issue to the last day to pay, as set on the draft; null: as in the agreements of
    /// its lines, else as in the settings.
    async fn due_in_days(&self) -> Option<i32> {
        self.0.due_in_days
    }

    /// Warnings: SUPPLY_DATE_ASSUMED and TAX_DECISION_DIFFERS only in the payloads of
    /// `invoiceIssue` and `invoicesIssue`, OVERCLAIMED for viewers who see all invoices. Empty
    /// without warnings.
    #[graphql(directive = list_size::apply(Some(1), None))]
    async fn warnings(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceWarning>> {
        let issued = self.0.extra::<IssueWarnings>();
        let of_issue = issued.and_then(|issued| issued.0.get(&self.0.id)).cloned();
        let found = self.0.share("warnings".to_owned(), || async {
            let as_of = (caller(ctx).clock.today(), network(ctx).invoicing.interest_points);
            overclaims::warnings(caller(ctx), ids(&self.0).into_iter().collect(), as_of).await
        });
        let found = found.await?;
        let of_interest = found.get(&self.0.id).into_iter().flatten();
        let of_interest = of_interest.map(|message| InvoiceWarning {
            code: Coded(WarningCode::Overclaimed),
            message: message.clone(),
        });
        let of_issue = of_issue
            .unwrap_or_default()
            .into_iter()
            .map(|Warning { code, message }| InvoiceWarning { code: Coded(code), message });
        Ok(of_issue.chain(of_interest).collect())
    }

    /// Link to the PDF/A file with the embedded e-invoice: absolute, and signed so that it opens
    /// without a token for some minutes. Null for a draft, and for imported history without a
    /// document.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Option<Result<Url>> {
        self.url(ctx, FileFormat::Pdf, valid_for_seconds).await.transpose()
    }

    /// Link to the e-invoice, Peppol BIS Billing 3 (UBL): absolute, and signed so that it opens
    /// without a token for some minutes. Null when `pdfUrl` is null.
    #[graphql(directive = unversioned::apply())]
    async fn peppol_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Option<Result<Url>> {
        self.url(ctx, FileFormat::Xml, valid_for_seconds).await.transpose()
    }

    /// Invoice that this credit note credits; null for an invoice.
    async fn credits(&self, ctx: &Context<'_>) -> Option<Result<Invoice>> {
        self.other(ctx, |row| row.credits_id).await
    }

    /// Credit notes of this invoice, in order of number.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn credit_notes(&self, ctx: &Context<'_>) -> Result<Vec<Invoice>> {
        let columns = and(selected_columns::<Invoice>(ctx, DIRECT), invoice::Column::CreditsId);
        let found = self.0.load(ctx, "", || async {
            let rows = invoices::credit_notes_of(caller(ctx), &ids(&self.0), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.credits_id))
        });
        listed(ctx, found.await?.get(&Some(self.0.id)), Invoice)
    }

    /// `true` if you may change the draft (`invoiceDraftUpdate`) or discard it
    /// (`invoiceDraftDiscard`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update_draft(&self, ctx: &Context<'_>) -> bool {
        self.is_stored() && draft_status::can_update(caller(ctx), &self.0)
    }

    /// `true` if you may issue the draft (`invoiceIssue`). Facts that the document needs and lacks,
    /// as the buyer's address, may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_issue(&self, ctx: &Context<'_>) -> bool {
        self.is_stored() && issue::can_issue(caller(ctx), &self.0)
    }

    /// `true` if you may credit the invoice (`invoiceCredit`): it is issued, and a part of it is
    /// not credited yet.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_credit(&self, ctx: &Context<'_>) -> bool {
        credit::can_credit(caller(ctx), &self.0)
    }

    /// `true` if you may record a payment of the invoice (`paymentRecord`): it is issued.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_record_payment(&self, ctx: &Context<'_>) -> bool {
        paid::can_record(caller(ctx), &self.0)
    }

    /// `true` if you may record a refund to the buyer (`refundRecord`): the invoice is issued, and
    /// overpaid.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_record_refund(&self, ctx: &Context<'_>) -> bool {
        refund::can_record(caller(ctx), &self.0)
    }

    /// `true` if you may write off its difference (`invoiceWriteOff`): the invoice is issued, and
    /// less than one krona is owed or overpaid.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_write_off(&self, ctx: &Context<'_>) -> bool {
        write_off::can_write_off(caller(ctx), &self.0)
    }

    /// `true` if you may remind the buyer today (`invoiceRemind`): the invoice is overdue, more
    /// than öre is left to pay, and no reminder was sent today.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_remind(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || remind::remindable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
    }
}

/// Parses the day of a calculation; defaults to today.
fn day_of(ctx: &Context<'_>, as_of: Option<Parsed<Date>>) -> Result<chrono::NaiveDate> {
    let mut errors = ValidationErrors::default();
    let on =
        take(as_of, "as_of", &mut errors).map_or_else(|| caller(ctx).clock.today(), |day| day.0);
    errors.finish()?;
    Ok(on)
}

/// Returns the ids of all rows of the batch.
pub(super) fn ids(row: &BatchRow<invoice::Model>) -> Vec<InvoiceId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

impl ConnectionNode for Invoice {
    type Row = invoice::Model;
    const NAME: &'static str = "Invoice";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use invoice::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "kind" => &[C::Kind],
            "number" => &[C::Number],
            "ocr" => &[C::Ocr],
            "status" => &[C::IssuedOn, C::DueOn, C::FirstPaidOn, C::SettledOn, C::CreditedOn],
            "buyer" => &[C::MemberId, C::OrganisationId],
            "issuedOn" => &[C::IssuedOn],
            "dueOn" => &[C::DueOn],
            "payableUntil" => &[C::Kind, C::DueOn],
            "net" => &[C::Net],
            "vat" => &[C::Vat],
            "rounding" => &[C::Rounding],
            "total" => &[C::Total],
            "paid" => &[C::Paid],
            "credited" => &[C::Credited],
            "writtenOff" => &[C::WrittenOff],
            "outstanding" | "overpaid" => &[C::Kind, C::Total, C::Paid, C::Credited, C::WrittenOff],
            "difference" => &[C::Kind, C::IssuedOn, C::Total, C::Paid, C::Credited, C::WrittenOff],
            "daysLate" | "interest" => &late_interest::COLUMNS,
            "credits" => &[C::CreditsId],
            "corrects" => &[C::CorrectsId],
            "reason" => &[C::Reason],
            "dueInDays" => &[C::DueInDays],
            "orderReference" => &[C::OrderReference],
            "ourReference" => &[C::OurReference],
            "buyerReference" => &[C::BuyerReference],
            "viewerCanUpdateDraft" => &[C::IssuedOn],
            "viewerCanIssue" | "viewerCanRecordPayment" => &[C::Kind, C::IssuedOn],
            "viewerCanCredit" => &[C::Kind, C::IssuedOn, C::Total, C::Credited],
            "viewerCanRecordRefund" | "viewerCanWriteOff" => {
                &[C::Kind, C::IssuedOn, C::Total, C::Paid, C::Credited, C::WrittenOff]
            }
            "viewerCanRemind" => &remind::COLUMNS,
            "id" | "createdAt" | "updatedAt" | "lines" | "vatBreakdown" | "balance" | "refunds"
            | "writeOffs" | "payments" | "reminders" | "warnings" | "pdfUrl" | "peppolUrl"
            | "creditNotes" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[invoice::Column::Id]
    }
}

/// Returns the invoice with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: InvoiceId) -> Result<Option<Invoice>> {
    let found = invoices::by_ids(caller(ctx), &[id], &every::<Invoice>()).await?;
    Ok(found.into_iter().next().map(|row| Invoice(BatchRow::single(row))))
}
