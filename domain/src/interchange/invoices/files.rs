//! The files, written side by side.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement,
    id::{InvoiceId, InvoiceLineId, PaymentId},
    invoice, invoice_line,
    kind::InvoiceKind,
};

use super::super::{
    File,
    export::{CHUNK, Export, key_in, optional},
    key_resolution::{self, Keyed},
};
use super::{adjustments, charges, credits::positions, documents, matches, reminders};
use crate::{error::Result, invoices::aggregate::parts_of};

/// Writes invoices.csv, invoice_lines.csv, payments.csv, adjustments.csv, reminders.csv,
/// fee_charges.csv and invoice_documents.csv.
pub(in crate::interchange) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<invoice::Model>().await?;
    let mut sheet = export.begin(File::Invoices, order.len())?;
    let mut line_sheet = export.begin(File::InvoiceLines, 0)?;
    let mut payment_sheet = export.begin(File::Payments, 0)?;
    let mut adjustment_sheet = export.begin(File::Adjustments, 0)?;
    let mut reminder_sheet = export.begin(File::Reminders, 0)?;
    let mut charge_sheet = export.begin(File::FeeCharges, 0)?;
    let mut document_sheet = export.begin(File::InvoiceDocuments, 0)?;
    for ids in order.chunks(CHUNK) {
        let rows: Vec<invoice::Model> = export.rows(ids).await?;
        let mut parts =
            parts_of(&export.tx, rows.iter().map(|row| row.id).collect::<BTreeSet<InvoiceId>>())
                .await?;
        let others = rows
            .iter()
            .flat_map(|row| [row.credits_id, row.corrects_id])
            .flatten()
            .map(Into::into)
            .collect();
        let others = key_resolution::keys_of::<invoice::Model>(&export.tx, others).await?;
        let credited_lines = parts
            .values()
            .flat_map(|(lines, ..)| lines)
            .filter_map(|line| line.credits_line_id)
            .collect();
        let credited_lines =
            positions(&export.tx, invoice_line::Column::Id, credited_lines).await?;
        let credited_lines: HashMap<InvoiceLineId, i32> =
            credited_lines.into_iter().map(|line| (line.id, line.position)).collect();
        let agreements = parts
            .values()
            .flat_map(|(lines, ..)| lines)
            .filter_map(|line| line.agreement_id)
            .map(Into::into)
            .collect();
        let agreements =
            key_resolution::keys_of::<agreement::Model>(&export.tx, agreements).await?;
        let payments = parts
            .values()
            .flat_map(|(_, payments, _)| payments)
            .map(|payment| payment.id)
            .collect();
        let bank_payments = matches::references_of(&export.tx, payments).await?;
        let told = adjustments::references(
            export,
            parts.values().flat_map(|(.., adjustments)| adjustments),
        )
        .await?;
        let reminders =
            reminders::of_invoices(&export.tx, rows.iter().map(|row| row.id).collect()).await?;
        let charged =
            charges::by_line(&export.tx, parts.values().flat_map(|(lines, ..)| lines)).await?;
        documents::write(export, &mut document_sheet, &rows).await?;
        for row in rows {
            let key = row.key();
            let (lines, payments, adjusted) = parts.remove(&row.id).unwrap_or_default();
            for line in lines {
                charges::write(&mut charge_sheet, &key, &line, &charged)?;
                let credits_line =
                    line.credits_line_id.and_then(|id| credited_lines.get(&id)).copied();
                let (activity, agreement) =
                    (export.activity(line.activity_id), key_in(&agreements, line.agreement_id));
                line_sheet.write(line_cells(
                    &row,
                    key.clone(),
                    line,
                    [activity, agreement],
                    credits_line,
                ))?;
            }
            let references: HashMap<PaymentId, String> =
                payments.iter().map(|payment| (payment.id, payment.reference.clone())).collect();
            for payment in payments {
                payment_sheet.write([
                    key.clone(),
                    payment.received_on.to_string(),
                    payment.amount.to_string(),
                    payment.reference,
                    optional(payment.reverses_id.and_then(|id| references.get(&id))),
                    optional(payment.reason),
                    optional(bank_payments.get(&payment.id)),
                    optional(payment.booked_on),
                ])?;
            }
            adjustments::write(&mut adjustment_sheet, &key, &adjusted, &told)?;
            let theirs: Vec<_> = reminders
                .iter()
                .filter(|reminder| reminder.invoice_id == row.id)
                .cloned()
                .collect();
            reminders::write(&mut reminder_sheet, &key, &theirs)?;
            sheet.write([
                key,
                optional(row.number),
                row.kind.to_string(),
                export.party(row.member_id, row.organisation_id),
                optional(row.issued_on),
                optional(row.due_on),
                key_in(&others, row.credits_id),
                optional(row.ocr),
                row.rounding.to_string(),
                key_in(&others, row.corrects_id),
                optional(row.reason),
                optional(row.due_in_days),
                optional(row.order_reference),
                optional(row.our_reference),
                optional(row.buyer_reference),
            ])?;
        }
        export.tell(&sheet);
    }
    export.end(sheet)?;
    export.end(line_sheet)?;
    export.end(payment_sheet)?;
    export.end(adjustment_sheet)?;
    export.end(reminder_sheet)?;
    export.end(charge_sheet)?;
    export.end(document_sheet)
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
        // An invoice's follows from its lines; what a credit note takes depends on what those
        // before it have left.
        optional(Some(line.vat).filter(|_| document.kind == InvoiceKind::CreditNote)),
        optional(line.exemption_reason),
        optional(line.exemption_code),
    ]
}
