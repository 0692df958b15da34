//! Parts of bank payments: the payments of invoices that were made from them.

use ::entity::{bank_payment_part, id::BankPaymentId, partial::PartialRow, payment};
use sea_orm::{ConnectionTrait, ExprTrait, Order, sea_query::Query};

use crate::{
    database::among,
    error::Result,
    query::{add_columns, column},
};

/// Returns the payments made from these bank payments, and their reversals, in ascending order of
/// the columns `order`; without them, in no particular order.
pub(super) async fn payments_of(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = BankPaymentId>,
    order: &[payment::Column],
) -> Result<Vec<(BankPaymentId, payment::Model)>> {
    use bank_payment_part::Column as Part;
    let columns = payment::Model::every_column();
    let mut select = Query::select();
    add_columns(&mut select, &columns);
    select
        .expr(column(Part::BankPaymentId))
        .from(bank_payment_part::Entity)
        .inner_join(
            payment::Entity,
            column(Part::PaymentId).equals((payment::Entity, payment::Column::Id)),
        )
        .and_where(among(db.get_database_backend(), column(Part::BankPaymentId), ids));
    for key in order {
        select.order_by_expr(column(*key), Order::Asc);
    }
    let found = db.query_all(&select).await?;
    found
        .iter()
        .map(|row| Ok((row.try_get_by_index(columns.len())?, payment::Model::read(row, &columns)?)))
        .collect()
}
