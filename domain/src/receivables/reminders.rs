//! Reminders (påminnelser) of overdue invoices, with a fee if one was agreed.

use std::{
    cmp::min,
    collections::{BTreeSet, HashSet},
};

use ::documents::invoice::Terms;
use ::entity::{
    id::{InvoiceId, ReminderId},
    invoice,
    kind::InvoiceKind,
    money::Money,
    reminder::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::invoices::{
    adjustments::uncovered_on,
    aggregate::InvoiceAggregate,
    amounts::{State, state},
    claim_terms::{LATE_COMPENSATION, MAX_REMINDER_FEE, payable_until},
    counted_payments::counted,
    differences::is_small_rest,
    documents,
    loading::{by_ids, credits_of},
    outstanding,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    database::among,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Returns the fee of the first reminder of an invoice: the compensation for the delay of the terms
/// that it was issued with, else the fee that was agreed when the claim arose (lag 1981:739 2 and 4
/// a §§), never both. Zero for imported history, which has no stored terms.
#[must_use]
pub fn agreed_fee(issued_with: Option<&Terms>) -> Money {
    let Some(terms) = issued_with else { return Money::ZERO };
    let fee = terms.reminder_fee.unwrap_or_default().clamp(Money::ZERO, MAX_REMINDER_FEE);
    terms
        .late_compensation
        .filter(|sum| *sum > Money::ZERO)
        .map_or(fee, |sum| min(sum, LATE_COMPENSATION))
}

/// The fees that a reminder claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimedFees {
    /// Its own, öre.
    pub own: Money,
    /// Fees of earlier reminders that are still owed, with their days.
    pub earlier: Vec<(NaiveDate, Money)>,
}

impl ClaimedFees {
    /// Returns the sum of the fees of earlier reminders, öre.
    #[must_use]
    pub fn earlier_sum(&self) -> Money {
        self.earlier.iter().map(|(_, fee)| *fee).sum()
    }
}

/// Returns the fees that a reminder claims, of these reminders of its invoice. The document and the
/// API both use it.
#[must_use]
pub fn claimed_fees(reminders: &[Model], own: &Model) -> ClaimedFees {
    let earlier =
        reminders.iter().filter(|other| other.sent_on < own.sent_on && other.fee > Money::ZERO);
    ClaimedFees { own: own.fee, earlier: earlier.map(|other| (other.sent_on, other.fee)).collect() }
}

/// Records that a reminder of an invoice was sent, on `sent_on` or today. The first reminder has
/// the agreed fee, later ones none: the fee is owed once for a claim. The invoice itself never
/// changes.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID for a day in the future; NOT_FOUND;
/// CONFLICT `CREDIT_NOTE`, `DRAFT`, `PAID`, `CREDITED`, `NOT_OVERDUE`, `ORE_ONLY` or
/// `ALREADY_REMINDED`.
pub async fn remind(
    ctx: Context<'_>,
    id: InvoiceId,
    sent_on: Option<NaiveDate>,
    mut errors: ValidationErrors,
) -> Result<ReminderId> {
    ctx.require(Permission::ManageInvoices)?;
    let today = ctx.clock.today();
    let day = sent_on.unwrap_or(today);
    errors.expect(
        day <= today,
        "sent_on",
        FieldErrorCode::TooLate.problem("must not be in the future"),
    );
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::InvoiceRemind).await?;
    let row = invoice::Entity::find_by_id(id).one(change.tx()).await?;
    let row = row.ok_or_else(|| Error::NotFound("there is no such invoice".into()))?;
    require_overdue(&row, day)?;
    refuse_small_rest(change.tx(), &row, day).await?;
    Closing::load(change.tx()).await?.require_open(day)?;
    let sent = Entity::find()
        .filter(Column::InvoiceId.eq(id))
        .order_by_asc(Column::SentOn)
        .all(change.tx())
        .await?;
    let name = name(&row);
    if sent.iter().any(|reminder| reminder.sent_on == day) {
        return Err(Error::conflict(
            ConflictReason::AlreadyReminded,
            format!("a reminder of {name} was sent on {day} already"),
        ));
    }
    let fee = if sent.iter().any(|reminder| reminder.fee > Money::ZERO) {
        Money::ZERO
    } else {
        let issued = documents::content(change.tx(), id).await?;
        agreed_fee(issued.as_ref().map(|issued| &issued.terms))
    };
    let reminder = Model { id: ReminderId::new(), invoice_id: id, sent_on: day, fee };
    let inserted = audit::insert(&change, reminder.clone()).await;
    let twice = || {
        Error::conflict(
            ConflictReason::AlreadyReminded,
            format!("a reminder of {name} was sent on {day} already"),
        )
    };
    inserted.map_err(|error| error.on_constraint("reminder__invoice_id__sent_on", twice()))?;
    change.record(None, Some(&reminder))?;
    change.commit_with(Outcome::of(id).with(reminder.id)).await?;
    Ok(reminder.id)
}

/// The columns of an invoice by which a reminder is allowed.
pub const COLUMNS: [invoice::Column; 10] = [
    invoice::Column::Kind,
    invoice::Column::IssuedOn,
    invoice::Column::DueOn,
    invoice::Column::FirstPaidOn,
    invoice::Column::SettledOn,
    invoice::Column::CreditedOn,
    invoice::Column::Total,
    invoice::Column::Paid,
    invoice::Column::Credited,
    invoice::Column::WrittenOff,
];

/// Returns those of these invoices that the viewer may remind of today: they are overdue, more than
/// öre is left to pay, and no reminder of today was sent.
pub async fn remindable(ctx: Context<'_>, rows: &[invoice::Model]) -> Result<HashSet<InvoiceId>> {
    if !ctx.viewer.has(Permission::ManageInvoices) {
        return Ok(HashSet::new());
    }
    let today = ctx.clock.today();
    let theirs =
        among(ctx.db.backend(), Expr::col(Column::InvoiceId), rows.iter().map(|row| row.id));
    let sent = Entity::find()
        .select_only()
        .column(Column::InvoiceId)
        .filter(theirs)
        .filter(Column::SentOn.eq(today));
    let sent: HashSet<InvoiceId> =
        sent.into_tuple().all(ctx.db.read()).await?.into_iter().collect();
    let can = |row: &&invoice::Model| {
        require_overdue(row, today).is_ok()
            && !is_small_rest(outstanding(row), row.paid > Money::ZERO)
            && !sent.contains(&row.id)
    };
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
}

fn name(row: &invoice::Model) -> String {
    InvoiceAggregate { row: row.clone(), ..InvoiceAggregate::default() }.name()
}

fn require_overdue(row: &invoice::Model, day: NaiveDate) -> Result<()> {
    if row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            format!("{} is never paid, and no reminder of it can be sent", name(row)),
        ));
    }
    let (reason, words) = match state(row, day) {
        State::Overdue => return Ok(()),
        State::Draft if row.issued_on.is_none() => {
            return Err(Error::conflict(
                ConflictReason::Draft,
                "a draft is not owed; issue it first",
            ));
        }
        State::Draft => (ConflictReason::NotOverdue, "was not issued yet"),
        State::Paid => (ConflictReason::Paid, "was paid"),
        State::Credited => (ConflictReason::Credited, "was credited"),
        State::Issued | State::PartlyPaid => (ConflictReason::NotOverdue, "was not overdue"),
    };
    let due = payable_until(row)
        .map_or_else(String::new, |until| format!("; its last day to pay is {until}"));
    Err(Error::conflict(reason, format!("{} {words} on {day}{due}", name(row))))
}

/// Rejects a reminder of less than a krona that payments have left.
async fn refuse_small_rest(
    tx: &impl ConnectionTrait,
    row: &invoice::Model,
    day: NaiveDate,
) -> Result<()> {
    let ids = BTreeSet::from([row.id]);
    let Some(aggregate) = by_ids(tx, &ids).await?.remove(&row.id) else { return Ok(()) };
    let credits = credits_of(tx, ids).await?.remove(&row.id).unwrap_or_default();
    let unpaid = uncovered_on(&aggregate, &credits, day);
    let is_paid = counted(&aggregate.payments).any(|payment| payment.received_on <= day);
    if is_small_rest(unpaid, is_paid) {
        let words =
            format!("{} had {unpaid} left to pay on {day}: write it off instead", name(row));
        return Err(Error::conflict(ConflictReason::OreOnly, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_reminder_claims_the_earlier_fee_and_none_of_its_own() {
        let reminder = |day: &str, fee: i64| Model {
            sent_on: day.parse().unwrap(),
            fee: Money(fee),
            ..Model::default()
        };
        let all =
            [reminder("2027-01-15", 6000), reminder("2027-02-01", 0), reminder("2027-03-01", 0)];
        assert_eq!(claimed_fees(&all, &all[0]), ClaimedFees { own: Money(6000), earlier: vec![] });
        let earlier = vec![(all[0].sent_on, Money(6000))];
        for later in &all[1..] {
            let fees = claimed_fees(&all, later);
            assert_eq!(
                (fees.earlier_sum(), fees),
                (Money(6000), ClaimedFees { own: Money::ZERO, earlier: earlier.clone() })
            );
        }
    }

    #[test]
    fn no_fee_exceeds_the_legal_maximum() {
        for (agreed, taken) in [(5950, 5950), (6000, 6000), (6001, 6000), (-1, 0)] {
            let terms = Terms { reminder_fee: Some(Money(agreed)), ..Terms::default() };
            assert_eq!(agreed_fee(Some(&terms)), Money(taken));
        }
        assert_eq!(agreed_fee(Some(&Terms::default())), Money::ZERO);
        let compensated = Terms {
            reminder_fee: Some(MAX_REMINDER_FEE),
            late_compensation: Some(LATE_COMPENSATION),
            ..Terms::default()
        };
        assert_eq!(
            agreed_fee(Some(&compensated)),
            Money(45_000),
            "instead of the fee, never in addition to it"
        );
        assert_eq!(agreed_fee(None), Money::ZERO, "no agreed terms are known");
    }
}
