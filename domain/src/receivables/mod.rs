//! Receivables (kundreskontra) as of a day: the balance of each invoice by the day in the books,
//! and the days since it was due.
//!
//! Invoices, credit notes and reminders count from their own day; payments, refunds and write-offs
//! from their day in the books. So the sum of all balances equals the account of receivables in the
//! SIE file on every day.

pub mod aging;
pub mod balances;
pub mod interest_invoices;
pub mod late_interest;
pub mod open_items;
pub mod overdue;
pub mod remind;
mod reminder_checks;
pub mod reminder_documents;
pub mod reminder_fees;
pub mod reminders;

use std::collections::HashMap;

use ::entity::{
    adjustment,
    id::{InvoiceId, MemberId, OrganisationId},
    invoice::{Column, Entity, Model},
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
    payment, reminder,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, JoinType, Order, QueryResult,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

pub use self::aging::{AgedBalance, Bucket};
use crate::{
    context::Context,
    database::{among, sum},
    error::Result,
    invoices::{Buyer, fact_loading, parties::buyer_of, visible},
    query::column,
    receivables::open_items::visible_members,
};

/// The balance of an invoice as of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoiceBalance {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its number.
    pub number: String,
    /// The buyer, if a member.
    pub member_id: Option<MemberId>,
    /// The buyer, if an organisation.
    pub organisation_id: Option<OrganisationId>,
    /// Day of issue.
    pub issued_on: NaiveDate,
    /// Last day to pay; null for a credit note of no invoice.
    pub due_on: Option<NaiveDate>,
    /// Total at issue, öre; negative for a credit note of no invoice.
    pub total: Money,
    /// Sum paid by then, less reversals and refunds, öre.
    pub paid: Money,
    /// Sum credited by then, öre.
    pub credited: Money,
    /// Sum written off by then, öre; negative for a written-off overpayment.
    pub written_off: Money,
    /// Fees of reminders sent by then, öre.
    pub reminder_fees: Money,
}

impl InvoiceBalance {
    /// Returns the balance, öre; negative if more was paid, credited and written off than the
    /// total.
    #[must_use]
    pub fn balance(&self) -> Money {
        self.total - self.paid - self.credited - self.written_off + self.reminder_fees
    }

    /// Returns the sum still to be paid of the invoice itself, never negative, öre.
    #[must_use]
    pub fn outstanding(&self) -> Money {
        std::cmp::max(Money::ZERO, self.total - self.paid - self.credited - self.written_off)
    }

    /// Returns the bucket of its age.
    #[must_use]
    pub fn bucket(&self, as_of: NaiveDate) -> Bucket {
        Bucket::of(self.due_on, as_of)
    }

    /// Returns the buyer; `None` if the row has none.
    #[must_use]
    pub fn buyer(&self) -> Option<Buyer> {
        buyer_of(&Model {
            member_id: self.member_id,
            organisation_id: self.organisation_id,
            ..Model::default()
        })
    }
}

/// The name of the sum in each subquery.
const AMOUNT: &str = "amount";

/// Returns sums by invoice, as a table to join.
fn sums(
    mut of: SelectStatement,
    invoice: SimpleExpr,
    amount: SimpleExpr,
    day: SimpleExpr,
    as_of: NaiveDate,
) -> SelectStatement {
    of.expr_as(invoice.clone(), "invoice_id")
        .expr_as(sum(amount), AMOUNT)
        .and_where(day.lte(as_of))
        .and_where(invoice.clone().is_not_null())
        .add_group_by([invoice])
        .take()
}

/// Returns the sums of adjustments of a kind by invoice, as a table to join.
fn adjusted(kind: AdjustmentKind, as_of: NaiveDate) -> SelectStatement {
    use adjustment::Column as A;
    let own = |column: A| Expr::col((adjustment::Entity, column));
    let booked_on = Expr::from(Func::coalesce([own(A::BookedOn), own(A::DatedOn)]));
    let of_kind = Query::select().from(adjustment::Entity).and_where(A::Kind.eq(kind)).take();
    sums(of_kind, own(A::InvoiceId), own(A::Amount), booked_on, as_of)
}

/// Selects the invoices that the viewer may read and that were issued by then, with their sums as
/// of that day.
fn select(ctx: Context<'_>, as_of: NaiveDate) -> SelectStatement {
    let payment = |column: payment::Column| Expr::col((payment::Entity, column));
    let booked_on = Expr::from(Func::coalesce([
        payment(payment::Column::BookedOn),
        payment(payment::Column::ReceivedOn),
    ]));
    let payments = Query::select().from(payment::Entity).take();
    let paid = sums(
        payments,
        payment(payment::Column::InvoiceId),
        payment(payment::Column::Amount),
        booked_on,
        as_of,
    );
    // Only credit notes reference a credited invoice.
    let credits = Query::select().from(Entity).take();
    let credited = sums(
        credits,
        column(Column::CreditsId),
        column(Column::Total),
        column(Column::IssuedOn),
        as_of,
    );
    let reminder = |column: reminder::Column| Expr::col((reminder::Entity, column));
    let of = reminder(reminder::Column::InvoiceId);
    let reminders = Query::select().from(reminder::Entity).take();
    let reminded = sums(
        reminders,
        of,
        reminder(reminder::Column::Fee),
        reminder(reminder::Column::SentOn),
        as_of,
    );
    let mut select = Query::select();
    select
        .exprs(
            [
                Column::Id,
                Column::Number,
                Column::MemberId,
                Column::OrganisationId,
                Column::IssuedOn,
                Column::DueOn,
            ]
            .map(column),
        )
        .exprs([column(Column::Kind), column(Column::Total)])
        .exprs(["paid", "credited", "reminded", "refunded", "written_off"].map(joined))
        .from(Entity);
    let (refunded, written_off) =
        (adjusted(AdjustmentKind::Refund, as_of), adjusted(AdjustmentKind::WriteOff, as_of));
    let tables = [
        ("paid", paid),
        ("credited", credited),
        ("reminded", reminded),
        ("refunded", refunded),
        ("written_off", written_off),
    ];
    for (name, sums) in tables {
        let is_of = Expr::col((name, "invoice_id")).eq(column(Column::Id));
        select.join_subquery(JoinType::LeftJoin, sums, name, is_of);
    }
    select
        .cond_where(visible(ctx))
        .and_where(column(Column::IssuedOn).lte(as_of))
        // A credit note of an invoice is part of that invoice's balance.
        .and_where(column(Column::CreditsId).is_null());
    select
}

/// Returns the sum of a joined table, zero without a row for the invoice.
fn joined(name: &'static str) -> SimpleExpr {
    Func::coalesce([Expr::col((name, AMOUNT)), Expr::cust("0")]).into()
}

fn read(row: &QueryResult) -> Result<InvoiceBalance> {
    let (kind, total): (InvoiceKind, Money) = (row.try_get_by_index(6)?, row.try_get_by_index(7)?);
    Ok(InvoiceBalance {
        invoice_id: row.try_get_by_index(0)?,
        number: row.try_get_by_index::<Option<String>>(1)?.unwrap_or_default(),
        member_id: row.try_get_by_index(2)?,
        organisation_id: row.try_get_by_index(3)?,
        issued_on: row.try_get_by_index(4)?,
        due_on: row.try_get_by_index(5)?,
        total: if kind == InvoiceKind::CreditNote { -total } else { total },
        paid: row.try_get_by_index::<Money>(8)? - row.try_get_by_index::<Money>(11)?,
        credited: row.try_get_by_index(9)?,
        reminder_fees: row.try_get_by_index(10)?,
        written_off: row.try_get_by_index(12)?,
    })
}

/// Returns every invoice that the viewer may read and that has a balance at the end of the day,
/// with the buyer's name: by that name and then by number.
pub async fn open(ctx: Context<'_>, as_of: NaiveDate) -> Result<Vec<(String, InvoiceBalance)>> {
    let mut select = select(ctx, as_of);
    let left =
        column(Column::Total).sub(joined("paid")).add(joined("refunded")).sub(joined("credited"));
    let left = left.sub(joined("written_off")).add(joined("reminded"));
    select
        .and_where(left.ne(0))
        .order_by_expr(column(Column::NumberKey), Order::Asc)
        .order_by_expr(column(Column::Id), Order::Asc);
    let found: Vec<InvoiceBalance> =
        ctx.db.read().query_all(&select).await?.iter().map(read).collect::<Result<_>>()?;
    let names = fact_loading::names(ctx, found.iter().filter_map(InvoiceBalance::buyer)).await?;
    let name = |item: &InvoiceBalance| {
        item.buyer().and_then(|buyer| names.get(&buyer).cloned()).unwrap_or_default()
    };
    let mut named: Vec<(String, InvoiceBalance)> =
        found.into_iter().map(|item| (name(&item), item)).collect();
    // A stable sort, so that the invoices of a buyer stay in order of number.
    named.sort_by_cached_key(|(name, item)| {
        (crate::collation::key(name), item.member_id, item.organisation_id)
    });
    Ok(named)
}

/// Returns the balance as of a day of each of these invoices that the viewer may read and that was
/// issued by then.
pub async fn of_invoices(
    ctx: Context<'_>,
    ids: &[InvoiceId],
    as_of: NaiveDate,
) -> Result<HashMap<InvoiceId, InvoiceBalance>> {
    let mut select = select(ctx, as_of);
    select.and_where(among(ctx.db.backend(), column(Column::Id), ids.iter().copied()));
    ctx.db
        .read()
        .query_all(&select)
        .await?
        .iter()
        .map(|row| read(row).map(|item| (item.invoice_id, item)))
        .collect()
}

/// Returns the aged balance as of a day of each of these members whose invoices the viewer may
/// read.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    as_of: NaiveDate,
) -> Result<HashMap<MemberId, AgedBalance>> {
    let visible_members = visible_members(ctx, members).await?;
    let mut aged: HashMap<MemberId, AgedBalance> =
        visible_members.into_iter().map(|member| (member, AgedBalance::default())).collect();
    if aged.is_empty() {
        return Ok(aged);
    }
    let mut select = select(ctx, as_of);
    select.and_where(among(
        ctx.db.backend(),
        column(Column::MemberId),
        aged.keys().copied().collect::<Vec<_>>(),
    ));
    for row in ctx.db.read().query_all(&select).await? {
        let item = read(&row)?;
        if let Some(own) = item.member_id.and_then(|member| aged.get_mut(&member)) {
            own.add(item.bucket(as_of), item.balance());
        }
    }
    Ok(aged)
}
