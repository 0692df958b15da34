//! adjustments.csv: refunds and write-offs of invoices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    adjustment::Model,
    id::{AdjustmentId, BankPaymentId, InvoiceId},
    invoice,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use super::super::{
    File, bank_payments,
    bulk_insert::{Batch, replace},
    export::session::{Export, Sheet, optional},
    import::session::Import,
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    error::{LINE, Result},
    invoices::{
        aggregate::InvoiceAggregate,
        loading::{self, credits_of},
        stored_allocation,
    },
};

/// A row of adjustments.csv.
struct Draft {
    invoice: String,
    kind: AdjustmentKind,
    dated_on: NaiveDate,
    amount: Money,
    reference: String,
    /// The reference of the bank payment that reports a refund.
    bank_payment: Option<String>,
    /// The reference of the adjustment of the same kind that it reverses.
    reverses: Option<String>,
    reason: Option<String>,
    booked_on: Option<NaiveDate>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        invoice: cells.key("invoice"),
        kind: cells.value("kind"),
        dated_on: cells.day("dated_on"),
        amount: cells.decimal("amount"),
        reference: cells.text("reference", LINE),
        bank_payment: cells.optional_key("bank_payment"),
        reverses: cells.optional_text("reverses", LINE),
        reason: cells.optional_text("reason", LINE),
        booked_on: cells.optional_day("booked_on"),
    };
    cells.check(|errors| {
        errors.expect(draft.amount != Money::ZERO, "amount", "must not be zero");
        let is_refund = draft.kind == AdjustmentKind::Refund;
        let has_sign = !is_refund || (draft.amount < Money::ZERO) == draft.reverses.is_some();
        errors.expect(
            has_sign,
            "amount",
            "of a refund must be above zero, and of the reversal of one below zero",
        );
        errors.expect(
            is_refund || draft.bank_payment.is_none(),
            "bank_payment",
            "must be empty but for a refund",
        );
        let is_in_order = draft.booked_on.is_none_or(|booked_on| booked_on >= draft.dated_on);
        errors.expect(is_in_order, "booked_on", "must not be before dated_on");
    });
    Some(draft)
}

/// Imports adjustments.csv. An adjustment is identified by its invoice, kind and reference.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Adjustments)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let name = |draft: &Draft| format!("{} {} {}", draft.invoice, draft.kind, draft.reference);
        import.check_names(File::Adjustments, &mut lines, "reference", name).await?;
        Box::pin(merge(import, lines)).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.invoice.as_str())));
    let invoices = key_resolution::references::<invoice::Model, InvoiceId>(
        import,
        "invoice",
        File::Invoices,
        wanted.clone(),
    )
    .await?;
    let ids: BTreeSet<InvoiceId> = wanted.iter().filter_map(|key| invoices.get(key)).collect();
    let before = loading::by_ids(import.tx(), &ids).await?;
    let mut after: BTreeMap<InvoiceId, InvoiceAggregate> =
        before.iter().map(|(id, aggregate)| (*id, aggregate.clone())).collect();
    let named =
        key_resolution::present(lines.iter().map(|line| line.draft.bank_payment.as_deref()));
    let bank_payments = key_resolution::bank_payments(import.tx(), &named).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let key = line.draft.invoice.clone();
        let aggregate =
            invoices.find(&mut line, "invoice", Some(&key)).and_then(|id| after.get_mut(&id));
        let row =
            aggregate.as_ref().and_then(|aggregate| build(&mut line, aggregate, &bank_payments));
        let is_new = |row: &Model| {
            aggregate
                .as_ref()
                .is_some_and(|aggregate| aggregate.adjustments.iter().all(|own| own.id != row.id))
        };
        let new_day = row.as_ref().filter(|row| is_new(row)).map(Model::day_in_books);
        if let Some(through) =
            import.closing.through.filter(|through| new_day.is_some_and(|day| day <= *through))
        {
            line.error(
                "booked_on",
                format!("is in a closed period: the books are closed through {through}"),
            );
        }
        let (Some(_), Some(aggregate), Some(row)) =
            (import.accept(File::Adjustments, |_| String::new(), line), aggregate, row)
        else {
            continue;
        };
        let old = aggregate.adjustments.iter().find(|own| own.id == row.id).cloned();
        if old.is_none() {
            aggregate.adjustments.push(row.clone());
        }
        import.put(File::Adjustments, old.as_ref(), row, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    settle(import, &before, after).await?;
    import.settle().await
}

/// Builds the row of an adjustment, with errors if it differs from the stored one, which never
/// changes, or contradicts the invoice.
fn build(
    line: &mut Line<Draft>,
    aggregate: &InvoiceAggregate,
    bank_payments: &HashMap<String, ::entity::bank_payment::Model>,
) -> Option<Model> {
    let is_issued = aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued();
    if !is_issued {
        line.error("invoice", "must be an issued invoice");
    }
    let of_kind = |reference: &str| {
        let kind = line.draft.kind;
        aggregate
            .adjustments
            .iter()
            .find(|own| own.kind == kind && own.reference == reference)
            .cloned()
    };
    let (old, reversed) =
        (of_kind(&line.draft.reference), line.draft.reverses.as_deref().map(of_kind));
    if let Some(reversed) = &reversed {
        match reversed {
            None => line.error(
                "reverses",
                "is the reference of no adjustment before it of this invoice and kind",
            ),
            Some(reversed) if reversed.amount != -line.draft.amount => {
                line.error(
                    "amount",
                    format!("must be {}, all of what it reverses", -reversed.amount),
                );
            }
            Some(_) => {}
        }
    }
    let bank_payment =
        line.draft.bank_payment.as_ref().map(|reference| bank_payments.get(reference));
    if let Some(None) = bank_payment {
        line.error("bank_payment", "is the reference of no bank payment");
    }
    let draft = &line.draft;
    let row = Model {
        id: old.as_ref().map_or_else(AdjustmentId::new, |old| old.id),
        invoice_id: aggregate.row.id,
        kind: draft.kind,
        dated_on: draft.dated_on,
        amount: draft.amount,
        reference: draft.reference.clone(),
        bank_payment_id: bank_payment.flatten().map(|row| row.id),
        reverses_id: reversed.flatten().map(|reversed| reversed.id),
        reason: draft.reason.clone(),
        booked_on: draft.booked_on.filter(|booked_on| *booked_on != draft.dated_on),
    };
    if old.is_some_and(|old| old != row) {
        line.error(
            "reference",
            "is that of a stored adjustment that differs; adjustments never change",
        );
    }
    Some(row)
}

/// Settles the invoices that have new adjustments.
async fn settle(
    import: &mut Import<'_>,
    before: &HashMap<InvoiceId, InvoiceAggregate>,
    after: BTreeMap<InvoiceId, InvoiceAggregate>,
) -> Result<()> {
    let is_changed = |id: &InvoiceId, aggregate: &InvoiceAggregate| {
        before.get(id).is_some_and(|old| old.adjustments.len() != aggregate.adjustments.len())
    };
    let after: BTreeMap<_, _> =
        after.into_iter().filter(|(id, aggregate)| is_changed(id, aggregate)).collect();
    if after.is_empty() || !import.is_good() {
        return Ok(());
    }
    let credits = credits_of(import.tx(), after.keys().copied().collect()).await?;
    let (touched, mut rows): (BTreeSet<InvoiceId>, _) =
        (after.keys().copied().collect(), Vec::new());
    for (id, mut aggregate) in after {
        aggregate.settle(credits.get(&id).map(Vec::as_slice).unwrap_or_default());
        let Some(old) = before.get(&id).filter(|old| old.row != aggregate.row) else { continue };
        import.change.record(Some(old), Some(&aggregate))?;
        rows.push(aggregate.row);
    }
    replace(import.tx(), rows).await?;
    let delta = stored_allocation::renew(&import.change, &touched).await?;
    delta.months().for_each(|month| import.earned_on(month));
    Ok(())
}

/// Returns the references of the bank payments of these refunds.
pub(super) async fn references(
    export: &Export<'_>,
    adjustments: impl IntoIterator<Item = &Model>,
) -> Result<HashMap<BankPaymentId, String>> {
    let named =
        adjustments.into_iter().filter_map(|adjustment| adjustment.bank_payment_id).collect();
    bank_payments::references(&export.tx, named).await
}

/// Writes the adjustments of an invoice.
pub(super) fn write(
    sheet: &mut Sheet,
    invoice: &str,
    adjustments: &[Model],
    bank_payments: &HashMap<BankPaymentId, String>,
) -> Result<()> {
    let references: HashMap<AdjustmentId, &str> =
        adjustments.iter().map(|own| (own.id, own.reference.as_str())).collect();
    adjustments.iter().try_for_each(|own| {
        sheet.write([
            invoice.to_owned(),
            own.kind.to_string(),
            own.dated_on.to_string(),
            own.amount.to_string(),
            own.reference.clone(),
            optional(own.bank_payment_id.and_then(|id| bank_payments.get(&id))),
            optional(own.reverses_id.and_then(|id| references.get(&id))),
            optional(own.reason.as_ref()),
            optional(own.booked_on),
        ])
    })
}
