//! Refunds among the outgoing payments of a bank's file.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment::Model,
    dated_amount::DatedAmount,
    id::{AdjustmentId, InvoiceId},
    invoice,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::{
    exclude,
    overpayment::check,
    recognition::{Overpaid, decide},
};
use crate::{
    audit::Change,
    clock::day_of,
    error::Result,
    invoices::posting::Booking,
    payments::bank::{import::ImportedPayment, incoming::Incoming},
};

/// Outgoing rows of the bank's files that may be refunds, by the bank's reference. The invoice is
/// known if the row names it and pays back exactly its overpaid sum.
pub type Outgoing = HashMap<String, Option<InvoiceId>>;

/// Finds the outgoing payments that may be refunds: those that name an overpaid invoice, or pay
/// back exactly an overpaid sum. Others, such as salaries, are not stored.
pub async fn possible(change: &Change, outgoing: &[Incoming]) -> Result<Outgoing> {
    if outgoing.is_empty() {
        return Ok(Outgoing::new());
    }
    let overpaid = overpaid(change.tx()).await?;
    Ok(outgoing
        .iter()
        .filter_map(|incoming| {
            Some((incoming.bank_reference.clone(), decide(incoming, &overpaid)?))
        })
        .collect())
}

async fn overpaid(tx: &impl ConnectionTrait) -> Result<Vec<Overpaid>> {
    use invoice::Column as C;
    let select = Query::select()
        .columns([C::Id, C::Number, C::Ocr])
        .expr(Expr::cust("paid + credited + written_off - total"))
        .from(invoice::Entity)
        .and_where(C::Kind.eq(InvoiceKind::Invoice))
        .and_where(C::IssuedOn.is_not_null())
        // The same expression as in the partial index, so that the index is used.
        .and_where(Expr::cust(
            "\"invoice\".\"paid\" + \"invoice\".\"credited\" <> \"invoice\".\"total\"",
        ))
        .and_where(Expr::cust("paid + credited + written_off > total"))
        .take();
    let row = |row: &sea_orm::QueryResult| {
        Ok(Overpaid {
            id: row.try_get_by_index(0)?,
            number: row.try_get_by_index::<Option<String>>(1)?.unwrap_or_default(),
            ocr: row.try_get_by_index(2)?,
            amount: row.try_get_by_index(3)?,
        })
    };
    tx.query_all(&select).await?.iter().map(row).collect()
}

/// Books the rows of a chunk that are certain refunds, after they are stored.
pub async fn book(
    change: &mut Change,
    outgoing: &Outgoing,
    limit: Money,
    imported: &mut [ImportedPayment],
) -> Result<()> {
    for imported in imported
        .iter_mut()
        .filter(|imported| !imported.was_known && imported.row.amount < Money::ZERO)
    {
        let Some(Some(invoice)) = outgoing.get(&imported.row.bank_reference) else { continue };
        let mut booking =
            Booking::open(change, BTreeSet::from([*invoice])).await?.writing_off(limit);
        let Some(aggregate) = booking.invoice(*invoice).cloned() else { continue };
        let (day, amount) = (imported.row.booked_on, -imported.row.amount);
        // An earlier row of the file may have refunded it already, or the money came later.
        if check(&aggregate, booking.credits(*invoice), DatedAmount::new(day, amount)).is_err() {
            continue;
        }
        booking.adjust(Model {
            id: AdjustmentId::new(),
            invoice_id: *invoice,
            kind: AdjustmentKind::Refund,
            dated_on: day,
            amount,
            reference: imported.row.bank_reference.clone(),
            bank_payment_id: Some(imported.row.id),
            booked_on: imported.row.posted_on,
            ..Model::default()
        });
        booking.close(change).await?;
        let today = day_of(change.at());
        imported.row = exclude(change, &imported.row, &aggregate, today).await?;
        imported.refunded = aggregate.row.number.clone();
    }
    Ok(())
}
