//! Sums over invoices, lines, payments, costs and grants, and over the stored totals by month.

use std::collections::BTreeSet;

use ::entity::{
    attribution, cost, grant, id::AgreementId, invoice, invoice_line, kind::InvoiceKind,
    revenue_month, total::Total,
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, ExprTrait, Iden, JoinType, QueryResult,
    sea_query::{Asterisk, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};
use uuid::Uuid;

use super::{
    grouping::{Group, Grouping, Range},
    member_sums,
    report_filter::Scope,
    selection::Selection,
    sums::{Basis, Groups},
};
use crate::{
    database::{among, sum, total},
    error::Result,
    invoices::payment_allocation::NO_LINE,
};

fn invoice(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

/// Returns a column with the total zero.
fn zero() -> SimpleExpr {
    Expr::cust("CAST('0' AS text)")
}

/// Returns the amount on rows of invoices of this kind, and zero on others.
fn if_kind(kind: InvoiceKind, amount: SimpleExpr) -> SimpleExpr {
    Expr::case(invoice(invoice::Column::Kind).eq(kind), amount).finally(Expr::cust("0")).into()
}

fn attributed(column: attribution::Column) -> SimpleExpr {
    Expr::col((attribution::Entity, column))
}

/// Selects what was invoiced or paid in a range, grouped, with only the joins that are needed.
fn entries(backend: DbBackend, selection: Selection<'_>) -> SelectStatement {
    let Selection { scope, basis, group_by, range } = selection;
    let mut select = Query::select();
    let by_activity = selection.is_by_activity();
    let day = if basis == Basis::Paid {
        let of_invoice = || attributed(attribution::Column::InvoiceId);
        select.from(attribution::Entity);
        if by_activity {
            let position =
                attributed(attribution::Column::Position).eq(line(invoice_line::Column::Position));
            // A payment that is on no line belongs to no activity.
            let on = of_invoice().eq(line(invoice_line::Column::InvoiceId)).and(position);
            select.join(JoinType::LeftJoin, invoice_line::Entity, on);
        }
        if group_by.member || scope.is_by_member() {
            select.join(
                JoinType::InnerJoin,
                invoice::Entity,
                of_invoice().eq(invoice(invoice::Column::Id)),
            );
        }
        attributed(attribution::Column::CountedOn)
    } else {
        select.from(invoice::Entity);
        if by_activity {
            let of_invoice = line(invoice_line::Column::InvoiceId)
                .equals((invoice::Entity, invoice::Column::Id));
            select.join(JoinType::InnerJoin, invoice_line::Entity, of_invoice);
        }
        invoice(invoice::Column::IssuedOn)
    };
    select.and_where(range.has(&day)).cond_where(scope.of_lines(backend));
    group_by.onto(
        &mut select,
        backend,
        line(invoice_line::Column::ActivityId),
        invoice(invoice::Column::MemberId),
        &day,
    );
    select
}

/// Adds what was invoiced or paid in a range, from the ledger itself.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    groups: &mut Groups,
) -> Result<()> {
    let mut select = entries(tx.get_database_backend(), selection);
    let total = |of| total(tx.get_database_backend(), of);
    if selection.basis == Basis::Paid {
        let net = || attributed(attribution::Column::Net);
        let pays_no_line = || attributed(attribution::Column::Position).eq(NO_LINE);
        let if_line = Expr::case(pays_no_line(), Expr::cust("0")).finally(net());
        select
            .expr(total(if_line.into()))
            .expr(zero())
            .expr(total(attributed(attribution::Column::Vat)))
            .expr(zero());
        select.expr(total(Expr::case(pays_no_line(), net()).finally(Expr::cust("0")).into()));
    } else {
        let amounts = if selection.is_by_activity() {
            [line(invoice_line::Column::Net), line(invoice_line::Column::Vat)]
        } else {
            // The lines of an invoice add up to it.
            [invoice(invoice::Column::Net), invoice(invoice::Column::Vat)]
        };
        for amount in amounts {
            select
                .expr(total(if_kind(InvoiceKind::Invoice, amount.clone())))
                .expr(total(if_kind(InvoiceKind::CreditNote, amount)));
        }
        select.expr(zero());
    }
    for row in &tx.query_all(&select).await? {
        let (group, position) = selection.group_by.read(row)?;
        add_sums(groups, group, row, position)?;
    }
    Ok(())
}

/// Adds net, credited net, VAT, credited VAT and the amount on no line, which are in a row from
/// `position` on.
fn add_sums(groups: &mut Groups, group: Group, row: &QueryResult, position: usize) -> Result<()> {
    let sums = groups.of(group)?;
    let amount = |after: usize| row.try_get_by_index::<Total>(position + after);
    sums.net += amount(0)? - amount(1)?;
    sums.credited += amount(1)?;
    sums.vat += amount(2)? - amount(3)?;
    sums.unattributed += amount(4)?;
    Ok(())
}

/// Selects what was invoiced, paid or accrued in whole months, from the stored totals: the columns
/// of [`add_sums`], and the number of invoices, which is correct for rows by activity. It is zero
/// unless they were invoiced. The number of rows is that of activities and months, for a ledger of
/// any size.
pub(super) fn select_stored(backend: DbBackend, selection: Selection<'_>) -> SelectStatement {
    use revenue_month::Column as C;
    let Selection { scope, basis, group_by, range } = selection;
    let column = |column: C| Expr::col((revenue_month::Entity, column));
    let total = |of| total(backend, of);
    let month = column(C::Month);
    let mut select = Query::select();
    select
        .from(revenue_month::Entity)
        .and_where(range.has(&month))
        .cond_where(scope.of_activity(backend, column(C::ActivityId)));
    group_by.onto(
        &mut select,
        backend,
        column(C::ActivityId),
        Expr::val(Option::<Uuid>::None),
        &month,
    );
    let mut amounts = |columns: [C; 4]| {
        for amount in columns {
            select.expr(total(column(amount)));
        }
    };
    match basis {
        Basis::Paid => {
            select
                .expr(total(column(C::PaidNet)))
                .expr(zero())
                .expr(total(column(C::PaidVat)))
                .expr(zero())
                .expr(total(column(C::Unattributed)))
                .expr(no_invoices());
        }
        Basis::Invoiced => {
            amounts([C::InvoicedNet, C::CreditedNet, C::InvoicedVat, C::CreditedVat]);
            select.expr(zero()).expr(sum(column(C::Invoices)));
        }
        Basis::Accrued => {
            amounts([C::AccruedNet, C::AccruedCreditedNet, C::AccruedVat, C::AccruedCreditedVat]);
            select.expr(zero()).expr(no_invoices());
        }
    }
    select
}

/// Selects the costs and then the grants that were booked in a range, with the columns of
/// [`select_stored`]: the sum takes the place of the net sum.
pub(super) fn select_costs(
    backend: DbBackend,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
) -> [SelectStatement; 2] {
    let costs = select_booked(backend, scope, group_by, range, (cost::Entity, None));
    let grants = select_booked(backend, scope, group_by, range, (grant::Entity, None));
    [costs, grants].map(|mut select| {
        for _ in 0..4 {
            select.expr(zero());
        }
        select.expr(no_invoices()).take()
    })
}

/// Returns a column with no invoices.
fn no_invoices() -> SimpleExpr {
    Expr::cust("CAST(0 AS bigint)")
}

/// Adds what was invoiced, paid or accrued in the range of [`Selection::stored_range`], from the
/// stored totals.
pub(super) async fn stored(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    groups: &mut Groups,
) -> Result<()> {
    if selection.group_by.member {
        return member_sums::add(tx, selection, groups).await;
    }
    let select = select_stored(tx.get_database_backend(), selection);
    for row in &tx.query_all(&select).await? {
        let (group, position) = selection.group_by.read(row)?;
        add_stored(groups, group, row, position)?;
    }
    Ok(())
}

/// Adds the columns of [`select_stored`], which are in a row from `position` on.
pub(super) fn add_stored(
    groups: &mut Groups,
    group: Group,
    row: &QueryResult,
    position: usize,
) -> Result<()> {
    groups.of(group.clone())?.invoices += row.try_get_by_index::<i64>(position + 5)?;
    add_sums(groups, group, row, position)
}

/// Returns the number of distinct invoices and credit notes in a statement's rows.
fn distinct_invoices(basis: Basis, has_lines: bool) -> SimpleExpr {
    Expr::cust(match (basis, has_lines) {
        (Basis::Paid, _) => "COUNT(DISTINCT \"attribution\".\"invoice_id\")",
        (_, true) => "COUNT(DISTINCT \"invoice\".\"id\")",
        (_, false) => "COUNT(*)",
    })
}

/// Adds the number of invoices and credit notes that were issued in a range, or that received
/// payments in it.
pub(super) async fn counts(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    groups: &mut Groups,
) -> Result<()> {
    let mut select = entries(tx.get_database_backend(), selection);
    select.expr(distinct_invoices(selection.basis, selection.is_by_activity()));
    for row in &tx.query_all(&select).await? {
        let (group, position) = selection.group_by.read(row)?;
        groups.of(group)?.invoices += row.try_get_by_index::<i64>(position)?;
    }
    Ok(())
}

/// Counts like [`counts`], for the whole range and with each invoice only one time.
pub(super) async fn count(tx: &DatabaseTransaction, selection: Selection<'_>) -> Result<i64> {
    let mut groups = Groups::default();
    let ungrouped = Selection { group_by: Grouping::default(), ..selection };
    counts(tx, ungrouped, &mut groups).await?;
    Ok(groups.0.into_values().map(|sums| sums.invoices).sum())
}

/// Adds the costs and grants that were booked in a range. They belong to no member.
pub(super) async fn costs(
    tx: &DatabaseTransaction,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<()> {
    if !scope.has_costs() {
        return Ok(());
    }
    let group_by = Grouping { member: false, ..group_by };
    let backend = tx.get_database_backend();
    let mut costs = select_booked(backend, scope, group_by, range, (cost::Entity, None));
    let mut grants = select_booked(backend, scope, group_by, range, (grant::Entity, None));
    costs.expr(Expr::cust("0"));
    grants.expr(Expr::cust("1"));
    // As subqueries, since each has its own limit.
    let of = |select: SelectStatement| {
        Query::select().column(Asterisk).from_subquery(select, "booked").take()
    };
    let both = of(costs).union(UnionType::All, of(grants)).take();
    for row in &tx.query_all(&both).await? {
        let (group, position) = group_by.read(row)?;
        let amount: Total = row.try_get_by_index(position)?;
        let sums = groups.of(group)?;
        if row.try_get_by_index::<i32>(position + 1)? == 0 {
            sums.cost += amount
        } else {
            sums.grants += amount
        }
    }
    Ok(())
}

/// Adds the costs that were booked in a range for these agreements, as the booked part of their
/// commitments.
pub(super) async fn booked_for_agreements(
    tx: &DatabaseTransaction,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    agreements: BTreeSet<AgreementId>,
    groups: &mut Groups,
) -> Result<()> {
    if agreements.is_empty() {
        return Ok(());
    }
    let group_by = Grouping { member: false, ..group_by };
    let backend = tx.get_database_backend();
    let is_for_agreement =
        among(backend, Expr::col((cost::Entity, cost::Column::AgreementId)), agreements);
    let of = (cost::Entity, Some(is_for_agreement));
    let select = select_booked(backend, scope, group_by, range, of);
    for row in &tx.query_all(&select).await? {
        let (group, position) = group_by.read(row)?;
        groups.of(group)?.committed.get_or_insert_default().booked +=
            row.try_get_by_index::<Total>(position)?;
    }
    Ok(())
}

/// Selects the sums of bookings in a table with the columns `activity_id`, `booked_on` and
/// `amount`; with a condition, only of bookings that fulfill it.
fn select_booked<T: Iden + Copy + 'static>(
    backend: DbBackend,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    (table, only): (T, Option<SimpleExpr>),
) -> SelectStatement {
    let column = |column: cost::Column| Expr::col((table, column));
    let (activity, day) = (column(cost::Column::ActivityId), column(cost::Column::BookedOn));
    let mut select = Query::select();
    select
        .from(table)
        .and_where(range.has(&day))
        .and_where_option(only)
        .cond_where(scope.of_activity(backend, activity.clone()));
    group_by.onto(&mut select, backend, activity, Expr::val(Option::<Uuid>::None), &day);
    select.expr(total(backend, column(cost::Column::Amount)));
    select
}
