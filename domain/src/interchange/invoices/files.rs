//! The export of the invoices' files, chunk by chunk.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment, agreement, fee_charge,
    id::{BankPaymentId, InvoiceId, InvoiceLineId, PaymentId},
    invoice, invoice_line,
    kind::InvoiceKind,
    payment, reminder,
};
use uuid::Uuid;

use super::{
    super::{
        File,
        export::session::{Export, PAGE_SIZE, Sheet, key_in, optional},
        key_resolution,
        keyed_rows::Keyed,
    },
    adjustments, charges,
    credits::positions,
    documents, matches, reminders,
};
use crate::{error::Result, invoices::loading::parts_of};

/// The lines, payments and adjustments of each invoice.
type Parts =
    HashMap<InvoiceId, (Vec<invoice_line::Model>, Vec<payment::Model>, Vec<adjustment::Model>)>;

/// Writes invoices.csv, invoice_lines.csv, payments.csv, adjustments.csv, reminders.csv,
/// fee_charges.csv and invoice_documents.csv.
pub(in crate::interchange) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<invoice::Model>().await?;
    let mut sheets = Sheets::begin(export, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<invoice::Model> = export.rows(ids).await?;
        let mut parts =
            parts_of(&export.tx, rows.iter().map(|row| row.id).collect::<BTreeSet<InvoiceId>>())
                .await?;
        let related = Related::load(export, &rows, &parts).await?;
        documents::write(export, &mut sheets.documents, &rows).await?;
        for row in rows {
            let key = row.key();
            let (lines, payments, adjustments) = parts.remove(&row.id).unwrap_or_default();
            for line in lines {
                sheets.line(export, &related, &row, &key, line)?;
            }
            sheets.payments(&related, &key, payments)?;
            adjustments::write(
                &mut sheets.adjustments,
                &key,
                &adjustments,
                &related.refund_references,
            )?;
            let reminders: Vec<_> = related
                .reminders
                .iter()
                .filter(|reminder| reminder.invoice_id == row.id)
                .cloned()
                .collect();
            reminders::write(&mut sheets.reminders, &key, &reminders)?;
            sheets.invoice(export, &related, key, row)?;
        }
        export.report(&sheets.invoices);
    }
    sheets.end(export)
}

/// The keys and rows that the invoices of a chunk refer to.
struct Related {
    /// Keys of credited and corrected invoices.
    invoices: HashMap<Uuid, String>,
    /// Positions of credited lines.
    credited_lines: HashMap<InvoiceLineId, i32>,
    agreements: HashMap<Uuid, String>,
    /// References of the bank payments that payments were made of.
    bank_payments: HashMap<PaymentId, String>,
    /// References of the bank payments of refunds.
    refund_references: HashMap<BankPaymentId, String>,
    reminders: Vec<reminder::Model>,
    charges: HashMap<InvoiceLineId, fee_charge::Model>,
}

impl Related {
    async fn load(export: &Export<'_>, rows: &[invoice::Model], parts: &Parts) -> Result<Self> {
        let tx = &export.tx;
        let invoices = rows
            .iter()
            .flat_map(|row| [row.credits_id, row.corrects_id])
            .flatten()
            .map(Into::into)
            .collect();
        let credited_lines = parts
            .values()
            .flat_map(|(lines, ..)| lines)
            .filter_map(|line| line.credits_line_id)
            .collect();
        let credited_lines = positions(tx, invoice_line::Column::Id, credited_lines).await?;
        let agreements = parts
            .values()
            .flat_map(|(lines, ..)| lines)
            .filter_map(|line| line.agreement_id)
            .map(Into::into)
            .collect();
        let payments = parts
            .values()
            .flat_map(|(_, payments, _)| payments)
            .map(|payment| payment.id)
            .collect();
        Ok(Self {
            invoices: key_resolution::keys_of::<invoice::Model>(tx, invoices).await?,
            credited_lines: credited_lines
                .into_iter()
                .map(|line| (line.id, line.position))
                .collect(),
            agreements: key_resolution::keys_of::<agreement::Model>(tx, agreements).await?,
            bank_payments: matches::references_of(tx, payments).await?,
            refund_references: adjustments::references(
                export,
                parts.values().flat_map(|(.., adjustments)| adjustments),
            )
            .await?,
            reminders: reminders::of_invoices(tx, rows.iter().map(|row| row.id).collect()).await?,
            charges: charges::by_line(tx, parts.values().flat_map(|(lines, ..)| lines)).await?,
        })
    }
}

/// The files that are written together.
struct Sheets {
    invoices: Sheet,
    lines: Sheet,
    payments: Sheet,
    adjustments: Sheet,
    reminders: Sheet,
    charges: Sheet,
    documents: Sheet,
}

impl Sheets {
    fn begin(export: &Export<'_>, count: usize) -> Result<Self> {
        Ok(Self {
            invoices: export.begin(File::Invoices, count)?,
            lines: export.begin(File::InvoiceLines, 0)?,
            payments: export.begin(File::Payments, 0)?,
            adjustments: export.begin(File::Adjustments, 0)?,
            reminders: export.begin(File::Reminders, 0)?,
            charges: export.begin(File::FeeCharges, 0)?,
            documents: export.begin(File::InvoiceDocuments, 0)?,
        })
    }

    /// Writes a line and, if a run recorded one, its charge.
    fn line(
        &mut self,
        export: &Export<'_>,
        related: &Related,
        document: &invoice::Model,
        key: &str,
        line: invoice_line::Model,
    ) -> Result<()> {
        charges::write(&mut self.charges, key, &line, &related.charges)?;
        let credits_line =
            line.credits_line_id.and_then(|id| related.credited_lines.get(&id)).copied();
        let (activity, agreement) =
            (export.activity(line.activity_id), key_in(&related.agreements, line.agreement_id));
        self.lines.write(line_cells(
            document,
            key.to_owned(),
            line,
            [activity, agreement],
            credits_line,
        ))
    }

    /// Writes the payments of an invoice.
    fn payments(
        &mut self,
        related: &Related,
        key: &str,
        payments: Vec<payment::Model>,
    ) -> Result<()> {
        let references: HashMap<PaymentId, String> =
            payments.iter().map(|payment| (payment.id, payment.reference.clone())).collect();
        for payment in payments {
            self.payments.write([
                key.to_owned(),
                payment.received_on.to_string(),
                payment.amount.to_string(),
                payment.reference,
                optional(payment.reverses_id.and_then(|id| references.get(&id))),
                optional(payment.reason),
                optional(related.bank_payments.get(&payment.id)),
                optional(payment.booked_on),
            ])?;
        }
        Ok(())
    }

    /// Writes the row of an invoice.
    fn invoice(
        &mut self,
        export: &Export<'_>,
        related: &Related,
        key: String,
        row: invoice::Model,
    ) -> Result<()> {
        self.invoices.write([
            key,
            optional(row.number),
            row.kind.to_string(),
            export.party(row.member_id, row.organisation_id),
            optional(row.issued_on),
            optional(row.due_on),
            key_in(&related.invoices, row.credits_id),
            optional(row.ocr),
            row.rounding.to_string(),
            key_in(&related.invoices, row.corrects_id),
            optional(row.reason),
            optional(row.due_in_days),
            optional(row.order_reference),
            optional(row.our_reference),
            optional(row.buyer_reference),
        ])
    }

    fn end(self, export: &mut Export<'_>) -> Result<()> {
        let Self { invoices, lines, payments, adjustments, reminders, charges, documents } = self;
        for sheet in [invoices, lines, payments, adjustments, reminders, charges, documents] {
            export.end(sheet)?;
        }
        Ok(())
    }
}

/// Returns the row of a line, with the keys of its activity and agreement and the position of the
/// line that it credits.
fn line_cells(
    document: &invoice::Model,
    key: String,
    line: invoice_line::Model,
    [activity, agreement]: [String; 2],
    credits_line: Option<i32>,
) -> [String; 15] {
    [
        key,
        line.description,
        activity,
        agreement,
        optional(line.period_from),
        optional(line.period_to),
        line.quantity.to_string(),
        line.unit_price.to_string(),
        line.vat_rate.to_string(),
        line.unit.to_string(),
        line.account,
        optional(credits_line),
        // The VAT of an invoice's line follows from its lines; that of a credit note depends on the
        // credit notes before it.
        optional(Some(line.vat).filter(|_| document.kind == InvoiceKind::CreditNote)),
        optional(line.exemption_reason),
        optional(line.exemption_code),
    ]
}
