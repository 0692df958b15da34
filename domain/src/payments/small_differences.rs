//! Manual write-off of small differences of an invoice, if the settings do not write them off
//! automatically.

use std::collections::BTreeSet;

use ::entity::{
    adjustment::Model,
    id::{AdjustmentId, InvoiceId},
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{adjustments::uncovered, posting::Booking, write_off},
};

/// Maximum difference that can be written off manually, öre: less than a krona.
pub const MAX_WRITE_OFF: Money = Money(99);

/// Input of a manual write-off.
#[derive(Clone, Debug, Default)]
pub struct NewWriteOff {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Day from which the write-off counts, never one of a closed period; null: today.
    pub written_off_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Writes off the entire difference between an issued invoice and the sums that cover it: the owed
/// or the overpaid sum.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOTHING_TO_WRITE_OFF`, `BEYOND_LIMIT` for a difference of a krona or more, or
/// `PERIOD_CLOSED` if `written_off_on` is a day of a closed period.
pub async fn write_off(
    ctx: Context<'_>,
    new: NewWriteOff,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let today = ctx.clock.today();
    let day = new.written_off_on.unwrap_or(today);
    errors.expect(
        day <= today,
        "written_off_on",
        FieldErrorCode::TooLate.problem("must not be in the future"),
    );
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, Action::InvoiceWriteOff).await?;
    let mut booking = Booking::open(&change, BTreeSet::from([new.invoice])).await?;
    let Some(aggregate) = booking.invoice(new.invoice).cloned() else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let is_issued = aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued();
    errors.expect(
        is_issued,
        "invoice_id",
        FieldErrorCode::WrongStatus
            .problem("must be an issued invoice: no one owes a draft or a credit note"),
    );
    let last = aggregate
        .payments
        .iter()
        .map(|payment| payment.received_on)
        .chain(aggregate.row.issued_on)
        .max();
    if let Some(last) = last.filter(|last| day < *last) {
        errors.add(
            "written_off_on",
            FieldErrorCode::TooEarly
                .problem(format!("must not be before {last}, when the difference arose"))
                .with("min", last),
        );
    }
    errors.finish()?;
    let credited = booking.credits(new.invoice).iter().map(|(_, amount)| *amount).sum();
    let difference = uncovered(&aggregate, credited);
    if difference == Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NothingToWriteOff,
            format!("{} is settled to the öre", aggregate.name()),
        ));
    }
    if difference.0.abs() > MAX_WRITE_OFF.0 {
        let words = format!(
            "{} has a difference of {difference}, and at most {MAX_WRITE_OFF} can be written off; credit it or refund it instead",
            aggregate.name()
        );
        return Err(Error::conflict(ConflictReason::BeyondLimit, words));
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
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}
