//! Recording of sent reminders, with a fee if one was agreed.

use std::collections::{BTreeSet, HashSet};

use ::entity::{
    id::{InvoiceId, ReminderId},
    invoice,
    money::Money,
    reminder::{Column, Entity, Model},
};
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use super::{
    reminder_checks::{self, name, require_overdue},
    reminder_fees::agreed_fee,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    bulk::{ItemRule, NewItem},
    context::Context,
    database::among,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{
        differences::is_small_rest,
        documents,
        loading::{by_ids, credits_of},
        outstanding,
    },
};

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
        FieldErrorCode::too_late(today, "must not be in the future"),
    );
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::InvoiceRemind).await?;
    let row = invoice::Entity::find_by_id(id).one(change.tx()).await?;
    let row = row.ok_or_else(|| Error::missing("invoice_id", "there is no such invoice"))?;
    require_overdue(&row, day)?;
    require_kronor(change.tx(), &row, day).await?;
    Closing::load(change.tx()).await?.require_open(day)?;
    let sent = Entity::find()
        .filter(Column::InvoiceId.eq(id))
        .order_by_asc(Column::SentOn)
        .all(change.tx())
        .await?;
    let name = name(&row);
    let again = || {
        let words = format!("a reminder of {name} was sent on {day} already");
        Error::conflict(ConflictReason::AlreadyReminded, words)
    };
    if sent.iter().any(|reminder| reminder.sent_on == day) {
        return Err(again());
    }
    let fee = if sent.iter().any(|reminder| reminder.fee > Money::ZERO) {
        Money::ZERO
    } else {
        let issued = documents::content(change.tx(), id).await?;
        agreed_fee(issued.as_ref().map(|issued| &issued.terms))
    };
    let reminder = Model { id: ReminderId::new(), invoice_id: id, sent_on: day, fee };
    let inserted = audit::insert(&change, reminder.clone()).await;
    inserted.map_err(|error| error.on_constraint("reminder__invoice_id__sent_on", again()))?;
    change.record(None, Some(&reminder))?;
    change.commit_with(Outcome::of(id).with(reminder.id)).await?;
    Ok(reminder.id)
}

/// A reminder to record, of many.
#[derive(Clone, Copy, Debug)]
pub struct NewReminder {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Day on which it was sent; null: today.
    pub sent_on: Option<NaiveDate>,
}

/// Records many reminders: [`remind`] for each.
#[derive(Clone, Copy, Debug)]
pub struct RemindEach;

impl ItemRule for RemindEach {
    type Item = NewReminder;
    type Output = ReminderId;
    const PERMISSION: Permission = Permission::ManageInvoices;

    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        _: usize,
        NewItem { item, errors }: NewItem<NewReminder>,
    ) -> BoxFuture<'a, Result<ReminderId>> {
        Box::pin(remind(ctx, item.invoice, item.sent_on, errors))
    }
}

/// Rejects a reminder of less than a krona that payments have left.
async fn require_kronor(
    tx: &impl ConnectionTrait,
    row: &invoice::Model,
    day: NaiveDate,
) -> Result<()> {
    let ids = BTreeSet::from([row.id]);
    let Some(aggregate) = by_ids(tx, &ids).await?.remove(&row.id) else { return Ok(()) };
    let credits = credits_of(tx, ids).await?.remove(&row.id).unwrap_or_default();
    reminder_checks::require_kronor(&aggregate, &credits, day)
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
