//! Overdue invoices as of any day: days late, unpaid sum and late interest.

use std::collections::HashMap;

use ::entity::{
    adjustment,
    dated_amount::DatedAmount,
    id::{InvoiceId, MemberId, OrganisationId},
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
    member,
    money::Money,
    organisation, payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, Order,
    sea_query::{Expr, Query, SelectStatement, UnionType},
};

use super::{
    late_interest::{Bearing, COLUMNS, Entries, OverdueFigures, days_late},
    reminders,
};
use crate::{
    context::Context,
    database::among,
    error::Result,
    members, organisations,
    query::{self, column},
};
use crate::{
    interest::reference_rates,
    invoices::{
        Filter,
        amounts::State,
        differences::is_small_rest,
        documents::{self, InterestTerms},
        matching,
    },
};

/// Selects the adjustments that count of each of these invoices, in the form of payments. A
/// write-off counts from its day; a refund reduces the paid sum.
fn adjustments_of(backend: DbBackend, invoices: &[InvoiceId]) -> SelectStatement {
    let own = |column: adjustment::Column| Expr::col((adjustment::Entity, column));
    let reversal = |column: adjustment::Column| Expr::col(("reversal", column));
    let reversed = Query::select()
        .expr(Expr::cust("1"))
        .from_as(adjustment::Entity, "reversal")
        .and_where(reversal(adjustment::Column::ReversesId).eq(own(adjustment::Column::Id)))
        .take();
    Query::select()
        .exprs([
            own(adjustment::Column::InvoiceId),
            own(adjustment::Column::DatedOn),
            Expr::cust("CASE kind WHEN 'REFUND' THEN -amount ELSE amount END"),
            Expr::cust("0"),
        ])
        .from(adjustment::Entity)
        .and_where(among(backend, own(adjustment::Column::InvoiceId), invoices.iter().copied()))
        .and_where(own(adjustment::Column::ReversesId).is_null())
        .and_where(Expr::exists(reversed).not())
        .take()
}

/// Returns the payments that count and the issued credit notes of each of these invoices, by one
/// statement.
async fn entries_of(
    db: &impl ConnectionTrait,
    invoices: &[InvoiceId],
) -> Result<HashMap<InvoiceId, Entries>> {
    let backend = db.get_database_backend();
    let payment = |column: payment::Column| Expr::col((payment::Entity, column));
    let credits = Query::select()
        .exprs([
            column(Column::CreditsId),
            column(Column::IssuedOn),
            column(Column::Total),
            Expr::cust("1"),
        ])
        .from(Entity)
        .and_where(among(backend, column(Column::CreditsId), invoices.iter().copied()))
        .and_where(column(Column::IssuedOn).is_not_null())
        .take();
    // A reversed payment never counts, so that the unpaid sum agrees with the state, which ignores
    // it too.
    let reversal = |column: payment::Column| Expr::col(("reversal", column));
    let reversed = Query::select()
        .expr(Expr::cust("1"))
        .from_as(payment::Entity, "reversal")
        .and_where(reversal(payment::Column::ReversesId).eq(payment(payment::Column::Id)))
        .take();
    let both = Query::select()
        .exprs([
            payment(payment::Column::InvoiceId),
            payment(payment::Column::ReceivedOn),
            payment(payment::Column::Amount),
            Expr::cust("0"),
        ])
        .from(payment::Entity)
        .and_where(among(backend, payment(payment::Column::InvoiceId), invoices.iter().copied()))
        .and_where(payment(payment::Column::ReversesId).is_null())
        .and_where(Expr::exists(reversed).not())
        .union(UnionType::All, credits)
        .union(UnionType::All, adjustments_of(backend, invoices))
        .take();
    let mut entries: HashMap<InvoiceId, Entries> = HashMap::new();
    for row in db.query_all(&both).await? {
        let own = entries.entry(row.try_get_by_index(0)?).or_default();
        let entry = DatedAmount::new(row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if row.try_get_by_index::<i32>(3)? == 1 {
            own.credits.push(entry)
        } else {
            own.payments.push(entry)
        }
    }
    Ok(entries)
}

/// Returns the figures of those of these invoices that are late on `on`, or were settled late
/// before it. The rows must have [`COLUMNS`], and the caller must have checked that the viewer may
/// read them. An invoice has the interest of the terms that it was issued with. Imported history
/// has no stored terms: it has `points`, from the settings, from the 30th day after its issue.
/// Three statements, independent of their number; none if no invoice is late.
pub async fn interest_of(
    ctx: Context<'_>,
    invoices: &[Model],
    on: NaiveDate,
    points: u16,
) -> Result<HashMap<InvoiceId, OverdueFigures>> {
    let bearing = bearing_of(ctx.db.read(), invoices, on, points).await?;
    if bearing.is_empty() {
        return Ok(HashMap::new());
    }
    let rates = reference_rates::all(ctx.db.read()).await?.into_iter().collect();
    Ok(bearing.into_iter().map(|(id, own)| (id, own.figures(&rates))).collect())
}

/// Returns the interest-bearing parts of those of these invoices that are late on `on`, or were
/// settled late before it: see [`interest_of`].
pub(super) async fn bearing_of(
    db: &impl ConnectionTrait,
    invoices: &[Model],
    on: NaiveDate,
    points: u16,
) -> Result<HashMap<InvoiceId, Bearing>> {
    let late: Vec<&Model> = invoices.iter().filter(|row| days_late(row, on) > 0).collect();
    if late.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<InvoiceId> = late.iter().map(|row| row.id).collect();
    let mut entries = entries_of(db, &ids).await?;
    let issued_with = documents::interest_terms(db, &ids).await?;
    let figures = |row: &Model| {
        let entries = entries.remove(&row.id).unwrap_or_default();
        // No agreed terms are known of imported history.
        let terms = issued_with.get(&row.id).copied().unwrap_or(InterestTerms {
            points,
            is_agreed: false,
            is_interest: false,
        });
        (row.id, Bearing::of(row, &entries, terms, on))
    };
    Ok(late.into_iter().map(figures).collect())
}

/// An overdue invoice, for reminders and lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueInvoice {
    /// Id of the invoice.
    pub id: InvoiceId,
    /// Its number.
    pub number: String,
    /// Name of the buyer.
    pub buyer: String,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Last day to pay, as stated on the invoice.
    pub due_on: NaiveDate,
    /// Days since then, or since the next banking day if banks were closed on it.
    pub days: i64,
    /// Total of the invoice, öre.
    pub total: Money,
    /// Unpaid sum and interest.
    pub figures: OverdueFigures,
    /// Fees of the reminders sent by then, öre; in addition to the total, and never part of the
    /// unpaid sum.
    pub reminder_fees: Money,
}

/// Returns the invoices that are overdue on a day, by the payments and credit notes of that day,
/// the longest overdue first. Invoices with less than a krona left by payments are left out.
pub async fn overdue(ctx: Context<'_>, on: NaiveDate, points: u16) -> Result<Vec<OverdueInvoice>> {
    let filter = Filter {
        states: vec![State::Overdue],
        as_of: Some(on),
        kind: Some(InvoiceKind::Invoice),
        ..Filter::default()
    };
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .chain([Column::Number, Column::MemberId, Column::OrganisationId, Column::FirstPaidOn])
        .collect();
    let mut select = matching(ctx, &filter);
    select
        .order_by_expr(column(Column::DueOn), Order::Asc)
        .order_by_expr(column(Column::NumberKey), Order::Asc);
    let found: Vec<Model> = query::rows(ctx.db.read(), select, &columns).await?;
    let figures = interest_of(ctx, &found, on, points).await?;
    let ids: Vec<InvoiceId> = found.iter().map(|row| row.id).collect();
    let mut fees: HashMap<InvoiceId, Money> = HashMap::new();
    for reminder in reminders::of_invoices(ctx, &ids)
        .await?
        .into_iter()
        .filter(|reminder| reminder.sent_on <= on)
    {
        *fees.entry(reminder.invoice_id).or_default() += reminder.fee;
    }
    let members: Vec<MemberId> = found.iter().filter_map(|row| row.member_id).collect();
    let members =
        members::by_ids(ctx, &members, &[member::Column::Id, member::Column::Name]).await?;
    let members: HashMap<_, _> = members.into_iter().map(|row| (row.id, row.name)).collect();
    let others: Vec<OrganisationId> = found.iter().filter_map(|row| row.organisation_id).collect();
    let others = organisations::by_ids(
        ctx,
        &others,
        &[organisation::Column::Id, organisation::Column::Name],
    )
    .await?;
    let others: HashMap<_, _> = others.into_iter().map(|row| (row.id, row.name)).collect();
    let is_asked_for = |row: &Model| {
        let is_paid = row.first_paid_on.is_some_and(|first| first <= on);
        figures.get(&row.id).is_some_and(|late| !is_small_rest(late.unpaid, is_paid))
    };
    let late = found.into_iter().filter(is_asked_for).filter_map(|row| {
        let member = row.member_id.and_then(|id| members.get(&id));
        let buyer = member.or_else(|| row.organisation_id.and_then(|id| others.get(&id)));
        Some(OverdueInvoice {
            id: row.id,
            days: days_late(&row, on),
            buyer: buyer.cloned().unwrap_or_default(),
            issued_on: row.issued_on?,
            due_on: row.due_on?,
            total: row.total,
            figures: *figures.get(&row.id)?,
            reminder_fees: fees.get(&row.id).copied().unwrap_or_default(),
            number: row.number?,
        })
    });
    Ok(late.collect())
}
