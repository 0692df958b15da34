//! Refunds of overpayments, each with its own day and reference.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment::{self, Model},
    bank_payment,
    id::{AdjustmentId, BankPaymentId, InvoiceId},
    invoice,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{
        adjustments::{uncovered, uncovered_on},
        aggregate::InvoiceAggregate,
        posting::Booking,
    },
    payments::{
        bank::{
            self, State, bookkeeping,
            import::ImportedPayment,
            matching::{Incoming, numbers, ocr_digits, ocrs},
            state,
        },
        record::{LONGEST, REVERSED},
    },
};

/// Input of a new refund.
#[derive(Clone, Debug, Default)]
pub struct NewRefund {
    /// The overpaid invoice.
    pub invoice: InvoiceId,
    /// Day in the bank; null: that of the bank payment.
    pub paid_on: Option<NaiveDate>,
    /// Sum paid back, öre; null: all of the bank payment.
    pub amount: Option<Money>,
    /// The bank's own reference; null: that of the bank payment.
    pub reference: Option<String>,
    /// Outgoing row of the bank's file that reports the refund; null: none.
    pub bank_payment: Option<BankPaymentId>,
}

/// Records the refund of an overpayment: the overpayment ends, and earlier days stay unchanged. The
/// same reference on the same invoice is the same refund: repeating it changes nothing. With a bank
/// payment, an outgoing row of the bank's file, the row supplies day, amount and reference.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOT_OVERPAID`, `REFUND_DIFFERS`, `REFUND_REVERSED`, or `NOT_OUTGOING`, `EXCLUDED` or
/// `DUPLICATE` for a bank payment that can't be a refund.
pub async fn record(
    ctx: Context<'_>,
    limit: Money,
    new: NewRefund,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::RefundRecord).await?;
    if new.bank_payment.is_some() && !errors.is_empty() {
        return errors.finish().map(|()| AdjustmentId::default());
    }
    let row = match new.bank_payment {
        Some(id) => Some(bank::find(change.tx(), id).await?),
        None => None,
    };
    let (of_row, row) =
        (row.as_ref().map(|row| (row.booked_on, -row.amount, row.bank_reference.clone())), row);
    let (day, amount, reference) = of_row.unwrap_or_default();
    check_source(&new, &mut errors);
    let (day, amount) = (new.paid_on.unwrap_or(day), new.amount.unwrap_or(amount));
    let problem = FieldErrorCode::OutOfRange.problem("must be above zero").with("min", 0);
    errors.expect(row.is_some() || new.amount.is_none() || amount > Money::ZERO, "amount", problem);
    let problem = FieldErrorCode::TooLate.problem("must not be in the future");
    errors.expect(day <= ctx.clock.today(), "paid_on", problem);
    let reference = match &new.reference {
        Some(reference) => errors.text("reference", reference, LONGEST),
        None => reference,
    };
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(aggregate) = booking.invoice(new.invoice).cloned() else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let is_issued = aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued();
    errors.expect(
        is_issued,
        "invoice_id",
        FieldErrorCode::WrongStatus
            .problem("must be an issued invoice: nothing is paid of a draft or a credit note"),
    );
    errors.finish()?;
    if let Some(row) = &row {
        require_outgoing(row)?;
    }
    // If the row waits, all earlier refunds of it were reversed.
    let reference = if row.is_some() { free_reference(&aggregate, &reference) } else { reference };
    if let Some(same) = aggregate
        .adjustments
        .iter()
        .find(|own| own.kind == AdjustmentKind::Refund && own.reference == reference)
    {
        return repeated(change, &aggregate, same, (day, amount)).await;
    }
    check(&aggregate, booking.credits(new.invoice), (day, amount))?;
    let booked_on = match &row {
        Some(row) => day_in_books(&change, row, ctx.clock.today()).await?,
        None => None,
    };
    let refund = Model {
        id: AdjustmentId::new(),
        invoice_id: new.invoice,
        kind: AdjustmentKind::Refund,
        dated_on: day,
        amount,
        reference,
        bank_payment_id: new.bank_payment,
        booked_on,
        ..Model::default()
    };
    let id = refund.id;
    booking.adjust(refund);
    booking.close(&mut change).await?;
    if let Some(row) = row {
        set_aside(&mut change, &row, &aggregate, ctx.clock.today()).await?;
    }
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}

/// Checks that the facts of a refund come either from its bank payment or from the input.
fn check_source(new: &NewRefund, errors: &mut ValidationErrors) {
    for (field, is_given) in [
        ("paid_on", new.paid_on.is_some()),
        ("amount", new.amount.is_some()),
        ("reference", new.reference.is_some()),
    ] {
        let has_bank_payment = new.bank_payment.is_some();
        let problem = FieldErrorCode::Required.problem("is required without a bank payment");
        errors.expect(has_bank_payment || is_given, field, problem);
        errors.expect(
            !has_bank_payment || !is_given,
            field,
            FieldErrorCode::NotAllowed
                .problem("must be left out with a bank payment, which supplies it"),
        );
    }
}

/// Ends the mutation if the refund exists already.
async fn repeated(
    change: Change,
    aggregate: &InvoiceAggregate,
    same: &Model,
    (day, amount): (NaiveDate, Money),
) -> Result<AdjustmentId> {
    if (same.dated_on, same.amount) != (day, amount) {
        let words = format!(
            "{} has a refund {:?} of {} on {} already, and the same reference is the same refund",
            aggregate.name(),
            same.reference,
            same.amount,
            same.dated_on
        );
        return Err(Error::conflict(ConflictReason::RefundDiffers, words));
    }
    if aggregate.adjustments.iter().any(|other| other.reverses_id == Some(same.id)) {
        let words = format!(
            "the refund {:?} of {} was reversed; record it with a reference of its own",
            same.reference,
            aggregate.name()
        );
        return Err(Error::conflict(ConflictReason::RefundReversed, words));
    }
    change.commit_with(Outcome::of(aggregate.row.id).with(same.id)).await?;
    Ok(same.id)
}

/// Returns the reference of a row on an invoice, with a counter if reversed refunds have the same
/// reference.
fn free_reference(aggregate: &InvoiceAggregate, bank_reference: &str) -> String {
    let is_reversed =
        |own: &Model| aggregate.adjustments.iter().any(|other| other.reverses_id == Some(own.id));
    let is_taken = |reference: &str| {
        aggregate.adjustments.iter().any(|own| own.reference == reference && is_reversed(own))
    };
    let counted = (2..).map(|count| format!("{bank_reference} nr {count}"));
    std::iter::once(bank_reference.to_owned())
        .chain(counted)
        .find(|reference| !is_taken(reference))
        .unwrap_or_default()
}

/// Returns the day in the books of a refund if it differs from the bank's day. A row with a
/// reversed refund is not booked before that reversal; in a later month, it is booked today.
async fn day_in_books(
    change: &Change,
    row: &bank_payment::Model,
    today: NaiveDate,
) -> Result<Option<NaiveDate>> {
    let Some(freed) = bookkeeping::refund_reversed_on(change.tx(), row.id).await? else {
        return Ok(row.posted_on);
    };
    let earliest = freed.max(row.day_in_books());
    let is_late = (earliest.year(), earliest.month()) != (today.year(), today.month());
    Ok(Some(if is_late { today } else { earliest }).filter(|day| *day != row.booked_on))
}

fn require_outgoing(row: &bank_payment::Model) -> Result<()> {
    if row.amount > Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotOutgoing,
            "this bank payment is incoming; a refund is outgoing",
        ));
    }
    match state(row) {
        State::Pending => Ok(()),
        State::Duplicate => Err(Error::conflict(
            ConflictReason::Duplicate,
            "another bank payment stands for the same money; use that one",
        )),
        State::Excluded | State::Matched => Err(Error::conflict(
            ConflictReason::Excluded,
            "this bank payment is excluded, or is a refund already; reopen it first",
        )),
    }
}

/// Checks that this amount was overpaid by a day, and still is.
///
/// # Errors
/// CONFLICT `NOT_OVERPAID`, INVALID.
fn check(
    aggregate: &InvoiceAggregate,
    credits: &[(NaiveDate, Money)],
    (day, amount): (NaiveDate, Money),
) -> Result<()> {
    let credited = credits.iter().map(|(_, amount)| *amount).sum();
    let overpaid = -uncovered(aggregate, credited);
    if overpaid <= Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotOverpaid,
            format!("{} is not overpaid; only an overpayment can be refunded", aggregate.name()),
        ));
    }
    let by_then = -uncovered_on(aggregate, credits, day);
    let mut errors = ValidationErrors::default();
    if amount > overpaid {
        errors.add(
            "amount",
            FieldErrorCode::OutOfRange
                .problem(format!("must be at most {overpaid}, the overpaid sum"))
                .with("max", overpaid),
        );
    } else if amount > by_then {
        let by_then = by_then.max(Money::ZERO);
        errors.add(
            "paid_on",
            FieldErrorCode::TooEarly.problem(format!(
                "must not be before {amount} was overpaid: the overpaid sum on {day} was {by_then}"
            )),
        );
    }
    errors.finish()
}

/// Records the refunded invoice in an outgoing row of the bank's file.
async fn set_aside(
    change: &mut Change,
    row: &bank_payment::Model,
    aggregate: &InvoiceAggregate,
    today: NaiveDate,
) -> Result<bank_payment::Model> {
    let number = aggregate.row.number.as_deref().unwrap_or_default();
    let reason: String = format!("Återbetalning: faktura {number}").chars().take(LINE).collect();
    let after = bank_payment::Model {
        set_aside_on: Some(today),
        set_aside_reason: Some(reason),
        ..row.clone()
    };
    audit::replace(change, after.clone()).await?;
    change.record(Some(row), Some(&after))?;
    Ok(after)
}

/// Input of the reversal of a refund.
#[derive(Clone, Debug, Default)]
pub struct Reversal {
    /// The refund.
    pub refund: AdjustmentId,
    /// Day from which the reversal counts, never one of a closed period; null: today.
    pub reversed_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Reverses a refund that was recorded by mistake or was returned, on a day of its own, so that
/// earlier days stay unchanged. The row of the bank's file waits again, on the observation account
/// from that day on, and can be recorded again. Returns the reversal.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `REFUND_REVERSED`, `IS_REVERSAL`, or `PERIOD_CLOSED` if `reversed_on` is a day of a
/// closed period.
pub async fn reverse(
    ctx: Context<'_>,
    limit: Money,
    new: Reversal,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let today = ctx.clock.today();
    let day = new.reversed_on.unwrap_or(today);
    let problem = FieldErrorCode::TooLate.problem("must not be in the future");
    errors.expect(day <= today, "reversed_on", problem);
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, Action::RefundReverse).await?;
    let found = adjustment::Entity::find_by_id(new.refund).one(change.tx()).await?;
    let Some(refund) = found.filter(|found| found.kind == AdjustmentKind::Refund) else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such refund".into()));
    };
    if day < refund.dated_on {
        errors.add(
            "reversed_on",
            FieldErrorCode::TooEarly
                .problem(format!("must not be before {}, when it was paid back", refund.dated_on)),
        );
    }
    errors.finish()?;
    if refund.reverses_id.is_some() {
        return Err(Error::conflict(
            ConflictReason::IsReversal,
            "this is a reversal itself; record the refund again instead",
        ));
    }
    let earlier = adjustment::Entity::find()
        .filter(adjustment::Column::ReversesId.eq(refund.id))
        .one(change.tx())
        .await?;
    if let Some(earlier) = earlier {
        return Err(Error::conflict(
            ConflictReason::RefundReversed,
            format!("the refund was reversed on {} already", earlier.dated_on),
        ));
    }
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([refund.invoice_id])).await?.writing_off(limit);
    let stem: String = refund.reference.chars().take(LONGEST).collect();
    let reversal = Model {
        id: AdjustmentId::new(),
        dated_on: day,
        amount: -refund.amount,
        reference: format!("{stem}{REVERSED}"),
        reverses_id: Some(refund.id),
        reason: Some(reason),
        bank_payment_id: None,
        booked_on: None,
        ..refund.clone()
    };
    let id = reversal.id;
    booking.adjust(reversal);
    booking.close(&mut change).await?;
    if let Some(id) = refund.bank_payment_id {
        let before = bank::find(change.tx(), id).await?;
        let after =
            bank_payment::Model { set_aside_on: None, set_aside_reason: None, ..before.clone() };
        audit::replace(&change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(Outcome::of(refund.invoice_id).with(id)).await?;
    Ok(id)
}

/// An overpaid invoice that an outgoing row of the bank's file may name.
#[derive(Clone, Debug)]
struct Overpaid {
    id: InvoiceId,
    number: String,
    ocr: Option<String>,
    amount: Money,
}

/// Outgoing rows of the bank's files that may be refunds, by the bank's reference. The invoice is
/// known if the row names it and pays back exactly its overpaid sum.
pub type Outgoing = HashMap<String, Option<InvoiceId>>;

/// Finds the outgoing payments that may be refunds: those that name an overpaid invoice, or pay
/// back exactly an overpaid sum. Others, such as salaries, are not stored.
pub async fn possible(change: &Change, outgoing: &[Incoming]) -> Result<Outgoing> {
    if outgoing.is_empty() {
        return Ok(Outgoing::new());
    }
    let overpaid = overpaid(change.tx()).await?;
    Ok(outgoing
        .iter()
        .filter_map(|incoming| {
            Some((incoming.bank_reference.clone(), decide(incoming, &overpaid)?))
        })
        .collect())
}

/// Returns `None` for a payment that is no refund, else its invoice if that is certain.
fn decide(incoming: &Incoming, overpaid: &[Overpaid]) -> Option<Option<InvoiceId>> {
    let texts = || {
        incoming
            .references
            .iter()
            .map(|reference| reference.text.as_str())
            .chain(incoming.message.as_deref())
    };
    let digits: BTreeSet<String> = texts().flat_map(ocrs).collect();
    let words: BTreeSet<&str> = texts().flat_map(numbers).collect();
    let names = |own: &&Overpaid| {
        words.contains(own.number.as_str())
            || own.ocr.as_deref().and_then(ocr_digits).is_some_and(|ocr| digits.contains(&ocr))
    };
    let named: Vec<&Overpaid> = overpaid.iter().filter(names).collect();
    match &named[..] {
        [one] => Some((one.amount == -incoming.amount).then_some(one.id)),
        [] if overpaid.iter().any(|own| own.amount == -incoming.amount) => Some(None),
        [] => None,
        _ => Some(None),
    }
}

async fn overpaid(tx: &impl ConnectionTrait) -> Result<Vec<Overpaid>> {
    use invoice::Column as C;
    let select = Query::select()
        .columns([C::Id, C::Number, C::Ocr])
        .expr(Expr::cust("paid + credited + written_off - total"))
        .from(invoice::Entity)
        .and_where(C::Kind.eq(InvoiceKind::Invoice))
        .and_where(C::IssuedOn.is_not_null())
        // The same expression as in the partial index, so that the index is used.
        .and_where(Expr::cust(
            "\"invoice\".\"paid\" + \"invoice\".\"credited\" <> \"invoice\".\"total\"",
        ))
        .and_where(Expr::cust("paid + credited + written_off > total"))
        .take();
    let row = |row: &sea_orm::QueryResult| {
        Ok(Overpaid {
            id: row.try_get_by_index(0)?,
            number: row.try_get_by_index::<Option<String>>(1)?.unwrap_or_default(),
            ocr: row.try_get_by_index(2)?,
            amount: row.try_get_by_index(3)?,
        })
    };
    tx.query_all(&select).await?.iter().map(row).collect()
}

/// Books the rows of a chunk that are certain refunds, after they are stored.
pub async fn book(
    change: &mut Change,
    outgoing: &Outgoing,
    limit: Money,
    imported: &mut [ImportedPayment],
) -> Result<()> {
    for imported in imported
        .iter_mut()
        .filter(|imported| !imported.was_known && imported.row.amount < Money::ZERO)
    {
        let Some(Some(invoice)) = outgoing.get(&imported.row.bank_reference) else { continue };
        let mut booking =
            Booking::open(change, BTreeSet::from([*invoice])).await?.writing_off(limit);
        let Some(aggregate) = booking.invoice(*invoice).cloned() else { continue };
        let (day, amount) = (imported.row.booked_on, -imported.row.amount);
        // An earlier row of the file may have refunded it already, or the money came later.
        if check(&aggregate, booking.credits(*invoice), (day, amount)).is_err() {
            continue;
        }
        booking.adjust(Model {
            id: AdjustmentId::new(),
            invoice_id: *invoice,
            kind: AdjustmentKind::Refund,
            dated_on: day,
            amount,
            reference: imported.row.bank_reference.clone(),
            bank_payment_id: Some(imported.row.id),
            booked_on: imported.row.posted_on,
            ..Model::default()
        });
        booking.close(change).await?;
        let today = crate::clock::day_of(change.at());
        imported.row = set_aside(change, &imported.row, &aggregate, today).await?;
        imported.refunded = aggregate.row.number.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::bank::matching::Reference;

    #[test]
    fn a_released_row_has_its_reference_with_a_counter() {
        let refund = |reference: &str| Model {
            id: AdjustmentId::new(),
            reference: reference.into(),
            ..Model::default()
        };
        let mut aggregate = InvoiceAggregate::default();
        for (reference, next) in [("CAMT 1", "CAMT 1 nr 2"), ("CAMT 1 nr 2", "CAMT 1 nr 3")] {
            assert_eq!(free_reference(&aggregate, "CAMT 1"), reference);
            let own = refund(reference);
            aggregate.adjustments.push(own.clone());
            assert_eq!(
                free_reference(&aggregate, "CAMT 1"),
                reference,
                "until it is reversed, it is the same refund"
            );
            aggregate.adjustments.push(Model { reverses_id: Some(own.id), ..refund("x") });
            assert_eq!(free_reference(&aggregate, "CAMT 1"), next);
        }
    }

    #[test]
    fn an_outgoing_payment_is_a_refund_when_it_names_an_overpaid_invoice_or_its_sum() {
        let (one, two) = (InvoiceId::new(), InvoiceId::new());
        let of = |id, number: &str, ocr: &str, ore| Overpaid {
            id,
            number: number.into(),
            ocr: Some(ocr.into()),
            amount: Money(ore),
        };
        let overpaid =
            [of(one, "20260001", "2026000105", 7_500), of(two, "20260002", "2026000204", 9_900)];
        let out = |reference: &str, message: &str, ore: i64| Incoming {
            amount: Money(-ore),
            references: vec![Reference { text: reference.into(), amount: None }],
            message: Some(message.into()),
            ..Incoming::default()
        };
        for (incoming, expected) in [
            (out("2026000105", "", 7_500), Some(Some(one))),
            (out("", "Återbetalning faktura 20260001", 7_500), Some(Some(one))),
            (out("", "Återbetalning faktura 20260001", 7_400), Some(None)),
            (out("", "20260001 och 20260002", 7_500), Some(None)),
            (out("", "Tack", 9_900), Some(None)),
            (out("", "Lön november", 2_500_000), None),
        ] {
            assert_eq!(decide(&incoming, &overpaid), expected, "{incoming:?}");
        }
    }
}
