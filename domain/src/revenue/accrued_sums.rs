//! Loads the lines that accrue in a range, and adds their parts.

use ::entity::{invoice, invoice_line};
use futures_util::TryStreamExt;
use sea_orm::{
    DatabaseTransaction, DbBackend, ExprTrait, JoinType, Order, QueryResult, StreamTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::{
    accrual::{Line, Spread, parts_of_range},
    grouping::{Grouping, Range},
    report_filter::Scope,
    sums::Groups,
};
use crate::error::Result;

/// Adds the part of every line within a range, grouped. Returns the number of invoices and credit
/// notes with such a part.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<i64> {
    let parts_of_range = parts_of_range(range, group_by.period);
    let mut spread = Spread::new(group_by, &parts_of_range);
    let select = lines(tx.get_database_backend(), scope, range);
    // Stream the lines: a report may include all of them.
    let mut found = tx.stream(&select).await?;
    while let Some(row) = found.try_next().await? {
        spread.add(&read(&row)?)?;
    }
    spread.finish(groups)
}

/// Selects the lines that cover days in a range, ordered by invoice: lines with a period, and lines
/// that count on their invoice's day. Each kind is found by the index on its days.
fn lines(backend: DbBackend, scope: &Scope, range: Range) -> SelectStatement {
    let invoice = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let line = |column: invoice_line::Column| Expr::col((invoice_line::Entity, column));
    let of = |from: SimpleExpr, to: SimpleExpr| {
        Query::select()
            .exprs([
                line(invoice_line::Column::ActivityId),
                invoice(invoice::Column::MemberId),
                // The sort key. It is an expression instead of the column, so that the planner does
                // not use the column's index.
                Expr::cust("COALESCE(\"invoice_line\".\"invoice_id\", NULL)"),
                invoice(invoice::Column::Kind),
                from,
                to,
                line(invoice_line::Column::Net),
                line(invoice_line::Column::Vat),
            ])
            .from(invoice::Entity)
            .join(
                JoinType::InnerJoin,
                invoice_line::Entity,
                line(invoice_line::Column::InvoiceId).eq(invoice(invoice::Column::Id)),
            )
            .cond_where(scope.of_lines(backend))
            .take()
    };
    // The same expression as in the index.
    let from =
        || Expr::cust("COALESCE(\"invoice_line\".\"period_from\", \"invoice_line\".\"period_to\")");
    let to =
        || Expr::cust("COALESCE(\"invoice_line\".\"period_to\", \"invoice_line\".\"period_from\")");
    let (period_from, period_to) =
        (line(invoice_line::Column::PeriodFrom), line(invoice_line::Column::PeriodTo));
    let issued_on = || invoice(invoice::Column::IssuedOn);
    let on_their_day = of(issued_on(), issued_on())
        .and_where(issued_on().between(range.from, range.to))
        .and_where(period_from.clone().is_null())
        .and_where(period_to.clone().is_null())
        .take();
    of(from(), to())
        // An expression instead of the column, so that the planner searches the lines by the days
        // that they cover and does not walk the index of issued invoices.
        .and_where(Expr::cust("COALESCE(\"invoice\".\"issued_on\", NULL) IS NOT NULL"))
        .and_where(period_from.is_not_null().or(period_to.is_not_null()))
        .and_where(to().gte(range.from))
        .and_where(from().lte(range.to))
        .union(UnionType::All, on_their_day)
        // By position: the parts of a union have no tables in common.
        .order_by_expr(Expr::cust("3"), Order::Asc)
        .take()
}

fn read(row: &QueryResult) -> Result<Line> {
    Ok(Line {
        activity: row.try_get_by_index(0)?,
        member: row.try_get_by_index(1)?,
        invoice: row.try_get_by_index(2)?,
        kind: row.try_get_by_index(3)?,
        covers: Range { from: row.try_get_by_index(4)?, to: row.try_get_by_index(5)? },
        net: row.try_get_by_index(6)?,
        vat: row.try_get_by_index(7)?,
    })
}
