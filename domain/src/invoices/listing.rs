//! Listings of invoices and credit notes for the office: every match of a filter, with the buyer's
//! name.

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice::{Column, Entity, Model},
    money::Money,
    payment,
};
use sea_orm::{
    ExprTrait, Order,
    sea_query::{Expr, SimpleExpr},
};

use super::{
    Filter,
    differences::{self, Difference},
    fact_loading, loading, matching,
    parties::buyer_of,
};
use crate::{context::Context, database::rows, error::Result};

/// An invoice or credit note with its buyer's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The row, with the columns of [`COLUMNS`].
    pub row: Model,
    /// The buyer's name.
    pub buyer: String,
    /// Difference of the paid sum from the total; null: there is none, or a part is still to be
    /// paid.
    pub difference: Option<Difference>,
}

/// The columns of a listed row.
pub const COLUMNS: [Column; 19] = [
    Column::Id,
    Column::Kind,
    Column::Number,
    Column::Ocr,
    Column::MemberId,
    Column::OrganisationId,
    Column::IssuedOn,
    Column::DueOn,
    Column::Net,
    Column::Vat,
    Column::Rounding,
    Column::Total,
    Column::Paid,
    Column::Credited,
    Column::WrittenOff,
    Column::FirstPaidOn,
    Column::SettledOn,
    Column::CreditedOn,
    Column::LineCount,
];

/// Returns every invoice and credit note that the viewer may read and that matches the filter, in
/// order of day of issue and number; drafts come last.
pub async fn all(ctx: Context<'_>, filter: &Filter) -> Result<Vec<Listed>> {
    let column = |column: Column| -> SimpleExpr { Expr::col((Entity, column)) };
    let mut select = matching(ctx, filter);
    select
        .columns(COLUMNS.map(|column| (Entity, column)))
        .order_by_expr(column(Column::IssuedOn).is_null(), Order::Asc)
        .order_by_expr(column(Column::IssuedOn), Order::Asc)
        .order_by_expr(column(Column::NumberKey), Order::Asc)
        .order_by_expr(column(Column::Id), Order::Asc);
    let found: Vec<Model> = rows(ctx.db.read(), &select, &COLUMNS).await?;
    let names = fact_loading::names(ctx, found.iter().filter_map(buyer_of)).await?;
    let differ = found.iter().filter(|row| {
        row.paid > Money::ZERO && row.paid + row.credited + row.written_off != row.total
    });
    let ids: Vec<InvoiceId> = differ.map(|row| row.id).collect();
    let mut paid: HashMap<InvoiceId, Vec<payment::Model>> = HashMap::new();
    for payment in loading::payments_of(ctx, &ids).await? {
        paid.entry(payment.invoice_id).or_default().push(payment);
    }
    let listed = |row: Model| {
        let buyer = buyer_of(&row).and_then(|buyer| names.get(&buyer).cloned()).unwrap_or_default();
        let difference = paid.get(&row.id).and_then(|payments| differences::of_row(&row, payments));
        Listed { row, buyer, difference }
    };
    Ok(found.into_iter().map(listed).collect())
}
