//! Sums over invoices, lines, payments, costs and grants, and over the totals by month that are
//! kept of them.

use std::collections::BTreeSet;

use ::entity::{
    attribution, cost, grant,
    id::{ActivityId, AgreementId, MemberId},
    invoice, invoice_line,
    kind::InvoiceKind,
    revenue_month,
    total::Total,
};
use chrono::{Datelike, Days, Months, NaiveDate};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, ExprTrait, Iden, JoinType, QueryResult,
    sea_query::{Asterisk, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};
use uuid::Uuid;

use super::{Basis, Groups, MOST, Period, report_filter::Scope};
use crate::{
    database::{among, sum, total},
    error::Result,
    invoices::{monthly_totals::month_of, payment_allocation::NO_LINE},
    swedish,
};

/// What a row of a report is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// The activity; null: of none, or of any when rows are not by activity.
    pub activity: Option<ActivityId>,
    /// The member; null: of none, or of any when rows are not by member.
    pub member: Option<MemberId>,
    /// `2026`, `2026-Q2` or `2026-04`; null when rows are not by time.
    pub period: Option<String>,
}

/// What rows are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Each activity.
    pub activity: bool,
    /// Each member.
    pub member: bool,
    /// Each of these.
    pub period: Option<Period>,
}

impl Grouping {
    /// Groups a statement by the columns that hold these; they come first in its rows.
    fn onto(
        self,
        select: &mut SelectStatement,
        backend: DbBackend,
        activity: SimpleExpr,
        member: SimpleExpr,
        day: &SimpleExpr,
    ) {
        let columns = [
            self.activity.then_some(activity),
            self.member.then_some(member),
            self.period.map(|period| period.of(backend, day)),
        ];
        for column in columns.into_iter().flatten() {
            select.expr(column.clone()).add_group_by([column]);
        }
        // One more than a report may have, so that it is seen.
        select.limit(MOST as u64 + 1);
    }

    /// The group of a row, and the place of what follows it.
    fn read(self, row: &QueryResult) -> Result<(Group, usize)> {
        let mut position = 0;
        let mut next = || {
            position += 1;
            position - 1
        };
        let activity =
            if self.activity { row.try_get_by_index::<Option<Uuid>>(next())? } else { None };
        let member = if self.member { row.try_get_by_index(next())? } else { None };
        let period = if self.period.is_some() { row.try_get_by_index(next())? } else { None };
        Ok((
            Group { activity: activity.filter(|id| !id.is_nil()).map(ActivityId), member, period },
            position,
        ))
    }
}

impl Period {
    /// The name of the period that a day falls in.
    #[must_use]
    pub fn name(self, day: NaiveDate) -> String {
        match self {
            Self::Year => day.format("%Y").to_string(),
            Self::Quarter => format!("{}-Q{}", day.year(), day.month0() / 3 + 1),
            Self::Month => day.format("%Y-%m").to_string(),
        }
    }

    /// Returns the Swedish name of a period, from its name as [`Self::name`] gives it: `2026`,
    /// `kvartal 2 2026`, `april 2026`.
    #[must_use]
    pub fn in_swedish(self, name: &str) -> String {
        match self {
            Self::Year => name.to_owned(),
            Self::Quarter => name.split_once("-Q").map_or_else(
                || name.to_owned(),
                |(year, quarter)| format!("kvartal {quarter} {year}"),
            ),
            Self::Month => {
                format!("{name}-01").parse().map_or_else(|_| name.to_owned(), swedish::month)
            }
        }
    }

    /// The same in SQL.
    fn of(self, backend: DbBackend, day: &SimpleExpr) -> SimpleExpr {
        let text = match (backend, self) {
            (DbBackend::Postgres, Self::Year) => "to_char($1, 'YYYY')",
            (DbBackend::Postgres, Self::Quarter) => "to_char($1, 'YYYY-\"Q\"Q')",
            (DbBackend::Postgres, Self::Month) => "to_char($1, 'YYYY-MM')",
            (_, Self::Year) => "substr(?, 1, 4)",
            (_, Self::Quarter) => "substr(?, 1, 4) || '-Q' || ((substr(?, 6, 2) + 2) / 3)",
            (_, Self::Month) => "substr(?, 1, 7)",
        };
        Expr::cust_with_exprs(text, [day.clone(), day.clone()])
    }
}

/// Days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Range {
    /// The days of a calendar year; null when the calendar has no such year.
    #[must_use]
    pub fn year(year: i32) -> Option<Self> {
        Some(Self {
            from: NaiveDate::from_ymd_opt(year, 1, 1)?,
            to: NaiveDate::from_ymd_opt(year, 12, 31)?,
        })
    }

    /// The whole calendar months in it; null when there is none.
    #[must_use]
    pub fn whole_months(self) -> Option<Self> {
        let next_month = |day| month_of(day).checked_add_months(Months::new(1));
        let from = if self.from.day() == 1 { self.from } else { next_month(self.from)? };
        let after = self.to.succ_opt()?;
        let to = month_of(after).pred_opt()?;
        (from <= to).then_some(Self { from, to })
    }

    /// What is left before and after a range in it.
    #[must_use]
    pub fn without(self, inner: Self) -> Vec<Self> {
        let before =
            inner.from.checked_sub_days(Days::new(1)).map(|to| Self { from: self.from, to });
        let after = inner.to.checked_add_days(Days::new(1)).map(|from| Self { from, to: self.to });
        before.into_iter().chain(after).filter(|range| range.from <= range.to).collect()
    }

    /// The column is a day in it.
    fn has(self, day: &SimpleExpr) -> SimpleExpr {
        day.clone().between(self.from, self.to)
    }
}

fn invoice(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

/// A column of totals that are zero.
fn zero() -> SimpleExpr {
    Expr::cust("CAST('0' AS text)")
}

/// The amount on rows of invoices of this kind, else nought.
fn if_kind(kind: InvoiceKind, amount: SimpleExpr) -> SimpleExpr {
    Expr::case(invoice(invoice::Column::Kind).eq(kind), amount).finally(Expr::cust("0")).into()
}

fn attributed(column: attribution::Column) -> SimpleExpr {
    Expr::col((attribution::Entity, column))
}

/// What was invoiced or paid in a range, grouped, with its joins: only those that are needed.
fn entries(
    backend: DbBackend,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
) -> SelectStatement {
    let mut select = Query::select();
    let by_activity = group_by.activity || scope.is_by_activity();
    let day = if basis == Basis::Paid {
        let of_invoice = || attributed(attribution::Column::InvoiceId);
        select.from(attribution::Entity);
        if by_activity {
            let position =
                attributed(attribution::Column::Position).eq(line(invoice_line::Column::Position));
            // What pays no line is of no activity.
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
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<()> {
    let mut select = entries(tx.get_database_backend(), scope, basis, group_by, range);
    let total = |of| total(tx.get_database_backend(), of);
    if basis == Basis::Paid {
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
        let amounts = if group_by.activity || scope.is_by_activity() {
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
        let (group, position) = group_by.read(row)?;
        add_sums(groups, group, row, position)?;
    }
    Ok(())
}

/// Adds net, credited net, VAT, credited VAT and what pays no line, which stand in a row from
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

/// Adds what was invoiced or paid in whole months, from the totals that are kept: as many rows as
/// activities and months, whatever the ledger holds. What was invoiced is counted too, which is
/// right for rows by activity.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn stored(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<()> {
    use revenue_month::Column as C;
    let column = |column: C| Expr::col((revenue_month::Entity, column));
    let total = |of| total(tx.get_database_backend(), of);
    let month = column(C::Month);
    let mut select = Query::select();
    select
        .from(revenue_month::Entity)
        .and_where(range.has(&month))
        .cond_where(scope.of_activity(tx.get_database_backend(), column(C::ActivityId)));
    group_by.onto(
        &mut select,
        tx.get_database_backend(),
        column(C::ActivityId),
        Expr::val(Option::<Uuid>::None),
        &month,
    );
    if basis == Basis::Paid {
        select
            .expr(total(column(C::PaidNet)))
            .expr(zero())
            .expr(total(column(C::PaidVat)))
            .expr(zero());
        select.expr(total(column(C::Unattributed)));
    } else {
        for amount in [C::InvoicedNet, C::CreditedNet, C::InvoicedVat, C::CreditedVat] {
            select.expr(total(column(amount)));
        }
        select.expr(zero()).expr(sum(column(C::Invoices)));
    }
    for row in &tx.query_all(&select).await? {
        let (group, position) = group_by.read(row)?;
        if basis != Basis::Paid {
            groups.of(group.clone())?.invoices += row.try_get_by_index::<i64>(position + 5)?;
        }
        add_sums(groups, group, row, position)?;
    }
    Ok(())
}

/// The number of invoices and credit notes behind a statement's rows, each once.
fn distinct_invoices(basis: Basis, has_lines: bool) -> SimpleExpr {
    Expr::cust(match (basis, has_lines) {
        (Basis::Paid, _) => "COUNT(DISTINCT \"attribution\".\"invoice_id\")",
        (_, true) => "COUNT(DISTINCT \"invoice\".\"id\")",
        (_, false) => "COUNT(*)",
    })
}

/// Adds how many invoices and credit notes were issued, or how many were paid on, in a range.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn counts(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<()> {
    let mut select = entries(tx.get_database_backend(), scope, basis, group_by, range);
    select.expr(distinct_invoices(basis, group_by.activity || scope.is_by_activity()));
    for row in &tx.query_all(&select).await? {
        let (group, position) = group_by.read(row)?;
        groups.of(group)?.invoices += row.try_get_by_index::<i64>(position)?;
    }
    Ok(())
}

/// The same for the whole range, each invoice once.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn count(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    range: Range,
) -> Result<i64> {
    let mut aggregate = Groups::default();
    counts(tx, scope, basis, Grouping::default(), range, &mut aggregate).await?;
    Ok(aggregate.0.into_values().map(|sums| sums.invoices).sum())
}

/// Adds the costs and grants that were booked in a range. They belong to no member.
///
/// # Errors
/// INTERNAL when the database fails.
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
    let mut costs = select_booked(tx, scope, group_by, range, (cost::Entity, None));
    let mut grants = select_booked(tx, scope, group_by, range, (grant::Entity, None));
    costs.expr(Expr::cust("0"));
    grants.expr(Expr::cust("1"));
    // As subqueries, since each has a limit of its own.
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

/// Adds the costs that were booked in a range for these agreements, as booked of what they commit
/// the network to.
///
/// # Errors
/// INTERNAL when the database fails.
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
    let is_for_agreement = among(
        tx.get_database_backend(),
        Expr::col((cost::Entity, cost::Column::AgreementId)),
        agreements,
    );
    let select = select_booked(tx, scope, group_by, range, (cost::Entity, Some(is_for_agreement)));
    for row in &tx.query_all(&select).await? {
        let (group, position) = group_by.read(row)?;
        groups.of(group)?.committed.get_or_insert_default().booked +=
            row.try_get_by_index::<Total>(position)?;
    }
    Ok(())
}

/// Selects the sums of what was booked in a table that has `activity_id`, `booked_on` and `amount`,
/// and only of what fulfills the condition if one is given.
fn select_booked<T: Iden + Copy + 'static>(
    tx: &DatabaseTransaction,
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
        .cond_where(scope.of_activity(tx.get_database_backend(), activity.clone()));
    group_by.onto(
        &mut select,
        tx.get_database_backend(),
        activity,
        Expr::val(Option::<Uuid>::None),
        &day,
    );
    select.expr(total(tx.get_database_backend(), column(cost::Column::Amount)));
    select
}
