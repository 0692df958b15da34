//! Small differences: what is left of an invoice below a limit is written off manually, where no
//! setting does it.

use std::collections::BTreeSet;

use ::entity::{
    adjustment::Model,
    id::{AdjustmentId, InvoiceId},
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use crate::{
    audit,
    auth::viewer::{Permission, Viewer},
    books::Closing,
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{adjustments::uncovered, posting::Booking, write_off},
};

/// The largest difference that is written off manually, öre: less than a krona.
pub const MAX_WRITE_OFF: Money = Money(99);

/// A difference to be written off.
#[derive(Clone, Debug, Default)]
pub struct NewWriteOff {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The day that it counts from, never one of a closed period; null: today.
    pub written_off_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Writes off all of the difference between an issued invoice and what covers it: what is still
/// owed, or what is overpaid.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOTHING_TO_WRITE_OFF`, `BEYOND_LIMIT` for a difference of a krona or more, or
/// `PERIOD_CLOSED` when `written_off_on` is a day of a closed period.
pub async fn write_off(
    db: &Database,
    viewer: &Viewer,
    new: NewWriteOff,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let today = db.clock.today();
    let day = new.written_off_on.unwrap_or(today);
    errors.expect(day <= today, "input.writtenOffOn", "must not be in the future");
    let reason = errors.text("input.reason", &new.reason, LINE);
    let mut change = audit::begin(db, viewer, "invoiceWriteOff").await?;
    let mut booking = Booking::open(&change, BTreeSet::from([new.invoice])).await?;
    let Some(aggregate) = booking.invoice(new.invoice).cloned() else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let is_issued = aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued();
    errors.expect(
        is_issued,
        "input.invoice",
        "must be an issued invoice: nobody owes a draft or a credit note",
    );
    let last = aggregate
        .payments
        .iter()
        .map(|payment| payment.received_on)
        .chain(aggregate.row.issued_on)
        .max();
    if let Some(last) = last.filter(|last| day < *last) {
        errors.add(
            "input.writtenOffOn",
            format!("must not be before {last}, when the difference arose"),
        );
    }
    errors.finish()?;
    let credited = booking.credits(new.invoice).iter().map(|(_, amount)| *amount).sum();
    let difference = uncovered(&aggregate, credited);
    if difference == Money::ZERO {
        return Err(Error::conflict(
            "NOTHING_TO_WRITE_OFF",
            format!("{} is settled to the öre", aggregate.name()),
        ));
    }
    if difference.0.abs() > MAX_WRITE_OFF.0 {
        let words = format!(
            "{} has a difference of {difference}, and at most {MAX_WRITE_OFF} can be written off: credit it or pay it back instead",
            aggregate.name()
        );
        return Err(Error::conflict("BEYOND_LIMIT", words));
    }
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut written = [Model {
        id: AdjustmentId::new(),
        invoice_id: new.invoice,
        kind: AdjustmentKind::WriteOff,
        dated_on: day,
        amount: difference,
        reason: Some(reason),
        ..Model::default()
    }];
    write_off::number(&aggregate, &mut written);
    let [written] = written;
    let id = written.id;
    booking.adjust(written);
    booking.close(&mut change).await?;
    change.commit_with(Outcome::of(new.invoice).with(id)).await
}
