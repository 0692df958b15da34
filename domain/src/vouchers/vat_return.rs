//! VAT return (momsdeklaration) of a period, calculated from the vouchers and from the invoices;
//! both must agree.

use ::entity::{invoice, invoice_line, kind::InvoiceKind};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use super::vat_boxes::{Lines, VatReturn, calculate};
use crate::{
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::{Database, total},
    error::Result,
    vouchers,
};

/// Calculates the VAT return from `from` to `to`, both included.
///
/// # Errors
/// As [`vouchers::journal`].
pub async fn vat_return(
    ctx: Context<'_>,
    network: &Network,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<VatReturn> {
    ctx.require(Permission::ManageInvoices)?;
    let journal = vouchers::journal(ctx, network, from, to).await?;
    let lines = lines(ctx.db, from, to).await?;
    Ok(calculate(network, &journal.vouchers, lines))
}

async fn lines(db: &Database, from: NaiveDate, to: NaiveDate) -> Result<Vec<Lines>> {
    use invoice::Column as C;
    use invoice_line::Column as L;
    let of = |column: L| Expr::col((invoice_line::Entity, column));
    let sum = |column: L| {
        let signed =
            Expr::case(C::Kind.eq(InvoiceKind::CreditNote), Expr::cust("0").sub(of(column)))
                .finally(of(column));
        total(db.backend(), signed.into())
    };
    let select = Query::select()
        .exprs([of(L::VatRate), of(L::Account)])
        .expr(sum(L::Net))
        .expr(sum(L::Vat))
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, of(L::InvoiceId).equals((invoice::Entity, C::Id)))
        .and_where(Expr::col((invoice::Entity, C::IssuedOn)).between(from, to))
        .add_group_by([of(L::VatRate), of(L::Account)])
        .take();
    let read = |row: &sea_orm::QueryResult| {
        Ok(Lines {
            vat_rate: row.try_get_by_index(0)?,
            account: row.try_get_by_index(1)?,
            net: row.try_get_by_index(2)?,
            vat: row.try_get_by_index(3)?,
        })
    };
    db.read().query_all(&select).await?.iter().map(read).collect()
}
