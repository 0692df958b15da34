//! Listings of bank payments for the office: every match of a filter, with the invoices that it
//! pays.

use std::collections::HashMap;

use ::entity::{
    bank_payment::{Column, Model},
    id::{BankPaymentId, InvoiceId},
    invoice,
    money::Money,
    partial::PartialRow,
};
use sea_orm::Order;

use super::{Filter, column, matching, payments_of};

use crate::{context::Context, error::Result, invoices, query};

/// Bank payments whose parts are looked up together.
const CHUNK: usize = 500;

/// A bank payment with the invoices that it pays.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The bank payment.
    pub row: Model,
    /// Number of each invoice and the counted part of the bank payment, öre; reversed parts are
    /// left out.
    pub invoices: Vec<(String, Money)>,
}

/// Returns every bank payment that the viewer may read and that matches the filter, the earliest
/// first.
pub async fn all(ctx: Context<'_>, filter: &Filter) -> Result<Vec<Listed>> {
    let columns = Model::every_column();
    let mut select = matching(ctx, filter);
    select
        .order_by_expr(column(Column::BookedOn), Order::Asc)
        .order_by_expr(column(Column::Id), Order::Asc);
    let found: Vec<Model> = query::rows(ctx.db.read(), select, &columns).await?;
    let mut listed = Vec::with_capacity(found.len());
    for chunk in found.chunks(CHUNK) {
        let ids: Vec<BankPaymentId> = chunk.iter().map(|row| row.id).collect();
        let mut parts: HashMap<BankPaymentId, Vec<(InvoiceId, Money)>> = HashMap::new();
        for (id, payments) in payments_of(ctx, &ids).await? {
            let sums = parts.entry(id).or_default();
            for payment in payments {
                match sums.iter_mut().find(|(invoice, _)| *invoice == payment.invoice_id) {
                    Some((_, sum)) => *sum += payment.amount,
                    None => sums.push((payment.invoice_id, payment.amount)),
                }
            }
        }
        let invoices: Vec<InvoiceId> =
            parts.values().flatten().map(|(invoice, _)| *invoice).collect();
        let numbers =
            invoices::by_ids(ctx, &invoices, &[invoice::Column::Id, invoice::Column::Number])
                .await?;
        let numbers: HashMap<InvoiceId, String> =
            numbers.into_iter().filter_map(|row| Some((row.id, row.number?))).collect();
        listed.extend(chunk.iter().map(|row| {
            let parts = parts.remove(&row.id).unwrap_or_default();
            let counted = parts.into_iter().filter(|(_, sum)| *sum != Money::ZERO);
            Listed {
                row: row.clone(),
                invoices: counted
                    .filter_map(|(invoice, sum)| Some((numbers.get(&invoice)?.clone(), sum)))
                    .collect(),
            }
        }));
    }
    Ok(listed)
}
