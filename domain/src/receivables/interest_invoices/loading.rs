//! Loading of the claims of interest invoices.

use std::collections::HashMap;

use ::entity::{date_range::DateRange, id::InvoiceId, invoice, invoice_line, kind::InvoiceKind};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::claims::{Claim, Line, of_invoice};
use crate::{
    error::Result,
    invoices::{Buyer, interest_rows::LINE_PREFIX},
};

fn line_column(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

fn invoice_column(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

/// Selects the lines of issued documents about interest, by day.
pub(super) fn lines_about_interest() -> SelectStatement {
    use invoice::Column as I;
    use invoice_line::Column as L;
    let mut select = Query::select();
    select
        .exprs(
            [L::Id, L::CreditsLineId, L::Description, L::PeriodFrom, L::PeriodTo, L::Net]
                .map(line_column),
        )
        .exprs([I::Kind, I::Number, I::MemberId, I::OrganisationId].map(invoice_column))
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, invoice_column(I::Id).eq(line_column(L::InvoiceId)))
        .and_where(line_column(L::Description).like(format!("{LINE_PREFIX} %")))
        .and_where(line_column(L::PeriodFrom).is_not_null())
        .and_where(line_column(L::PeriodTo).is_not_null())
        .and_where(invoice_column(I::Number).is_not_null())
        .and_where(invoice_column(I::IssuedOn).is_not_null())
        .order_by_expr(line_column(L::PeriodFrom), sea_orm::Order::Asc)
        .order_by_expr(line_column(L::Id), sea_orm::Order::Asc);
    select
}

/// Reads the selected lines.
pub(super) async fn read(db: &impl ConnectionTrait, select: &SelectStatement) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for row in db.query_all(select).await? {
        lines.push(Line {
            id: row.try_get_by_index(0)?,
            credits: row.try_get_by_index(1)?,
            description: row.try_get_by_index(2)?,
            claim: Claim {
                days: DateRange::new(row.try_get_by_index(3)?, row.try_get_by_index(4)?),
                sum: row.try_get_by_index(5)?,
                number: row.try_get_by_index(7)?,
            },
            kind: row.try_get_by_index(6)?,
            buyer: Buyer::of(row.try_get_by_index(8)?, row.try_get_by_index(9)?),
        });
    }
    Ok(lines)
}

/// Returns the claims on these invoices by interest invoices issued by `on`, or at any time, in
/// order of days. The rows must have their number and buyer. A fully credited claim is left out.
pub(in crate::receivables) async fn of_invoices(
    db: &impl ConnectionTrait,
    invoices: &[invoice::Model],
    on: Option<NaiveDate>,
) -> Result<HashMap<InvoiceId, Vec<Claim>>> {
    let mut select = lines_about_interest();
    select.and_where_option(on.map(|on| invoice_column(invoice::Column::IssuedOn).lte(on)));
    let lines = read(db, &select).await?;
    let claims = invoices
        .iter()
        .filter(|row| row.kind == InvoiceKind::Invoice)
        .map(|row| (row.id, of_invoice(row, &lines)));
    Ok(claims.filter(|(_, claims)| !claims.is_empty()).collect())
}
