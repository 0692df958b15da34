//! Posting of payments to invoices within a change, with all consequences.
//!
//! A payment with an earlier day changes the days after it. So the settlement of an invoice, the
//! allocation to its lines and the monthly totals are recalculated as a whole, and the differences
//! are written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    adjustment,
    dated_amount::DatedAmount,
    id::{InvoiceId, PaymentId},
    invoice,
    money::Money,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

use super::{
    aggregate::InvoiceAggregate,
    bulk_insert::insert,
    loading::{by_ids, credits_of},
    payment_rejections::{Rejection, rejections},
    stored_allocation,
};
use crate::{audit::Change, books::Closing, error::Result};

/// Invoices that one statement settles, and the columns that it binds for each.
const ROWS: usize = 250;
const COLUMNS: usize = 7;

/// Invoices on which payments are being booked.
pub(crate) struct Booking {
    before: BTreeMap<InvoiceId, InvoiceAggregate>,
    after: HashMap<InvoiceId, InvoiceAggregate>,
    credits: HashMap<InvoiceId, Vec<DatedAmount>>,
    closing: Closing,
    /// The largest difference that is written off automatically.
    write_off_limit: Money,
}

impl Booking {
    /// Loads these invoices for booking; invoices that do not exist are left out.
    pub async fn open(change: &Change, invoices: BTreeSet<InvoiceId>) -> Result<Self> {
        let after = by_ids(change.tx(), &invoices).await?;
        let before = after.iter().map(|(id, aggregate)| (*id, aggregate.clone())).collect();
        let closing = Closing::load(change.tx()).await?;
        Ok(Self {
            before,
            after,
            credits: credits_of(change.tx(), invoices).await?,
            closing,
            write_off_limit: Money::ZERO,
        })
    }

    /// Writes off differences up to a limit, as soon as a part of an invoice is paid.
    pub fn writing_off(self, limit: Money) -> Self {
        Self { write_off_limit: limit, ..self }
    }

    /// Returns the days and sums of the issued credit notes of an invoice.
    pub fn credits(&self, id: InvoiceId) -> &[DatedAmount] {
        self.credits.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns an invoice with the bookings so far.
    pub fn invoice(&self, id: InvoiceId) -> Option<&InvoiceAggregate> {
        self.after.get(&id)
    }

    /// Returns a payment of an invoice.
    pub fn payment(&self, id: InvoiceId, payment: PaymentId) -> Option<&payment::Model> {
        self.after.get(&id)?.payments.iter().find(|own| own.id == payment)
    }

    /// Returns the invoices with the bookings so far.
    pub fn invoices(&self) -> &HashMap<InvoiceId, InvoiceAggregate> {
        &self.after
    }

    /// Returns the reasons against a payment of this day and sum.
    pub fn rejections(
        &self,
        id: InvoiceId,
        received_on: NaiveDate,
        amount: Money,
    ) -> Vec<Rejection> {
        self.after
            .get(&id)
            .map_or_else(Vec::new, |invoice| rejections(invoice, received_on, amount))
    }

    /// Books a payment on one of the invoices. A payment of a closed day is dated on the first open
    /// day in the books, and is otherwise unchanged.
    pub fn add(&mut self, mut payment: payment::Model) {
        payment.booked_on = self.closing.booked_on(payment.day_in_books()).or(payment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&payment.invoice_id) {
            aggregate.payments.push(payment);
        }
    }

    /// Adds a refund or a write-off of one of the invoices. A closed day is treated as in
    /// [`Self::add`].
    pub fn adjust(&mut self, mut adjustment: adjustment::Model) {
        adjustment.booked_on =
            self.closing.booked_on(adjustment.day_in_books()).or(adjustment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&adjustment.invoice_id) {
            aggregate.adjustments.push(adjustment);
        }
    }

    /// Writes the changes, with an audit entry for each invoice.
    pub async fn close(mut self, change: &mut Change) -> Result<()> {
        let (mut added, mut adjusted, mut booked) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut settled = Vec::new();
        for (id, before) in &self.before {
            let Some(mut after) = self.after.remove(id) else { continue };
            let size = |aggregate: &InvoiceAggregate| {
                aggregate.payments.len() + aggregate.adjustments.len()
            };
            if size(&after) == size(before) {
                continue;
            }
            let credits = self.credits.get(id).map(Vec::as_slice).unwrap_or_default();
            after.complete(credits, self.write_off_limit, self.closing);
            let is_new =
                |payment: &&payment::Model| before.payments.iter().all(|old| old.id != payment.id);
            added.extend(after.payments.iter().filter(is_new).cloned());
            adjusted.extend(after.adjustments.iter().skip(before.adjustments.len()).cloned());
            booked.insert(*id);
            change.record(Some(before), Some(&after))?;
            settled.push(after.row);
        }
        settle(change, &settled).await?;
        insert(change, added).await?;
        for adjustment in &adjusted {
            change.record(None, Some(adjustment))?;
        }
        insert(change, adjusted).await?;
        stored_allocation::renew(change, &booked).await?.write(change).await
    }
}

/// Writes the settlements of invoices, of many with one statement; other columns of an issued
/// invoice never change.
async fn settle(change: &Change, rows: &[invoice::Model]) -> Result<()> {
    for some in rows.chunks(ROWS) {
        let tx = change.tx();
        let settled = tx.execute_raw(settlement(tx.get_database_backend(), some)).await?;
        if settled.rows_affected() != some.len() as u64 {
            return Err(DbErr::RecordNotUpdated.into());
        }
    }
    Ok(())
}

/// Returns the statement that writes the settlements of these invoices.
fn settlement(backend: DbBackend, rows: &[invoice::Model]) -> Statement {
    let values: Vec<Value> = rows
        .iter()
        .flat_map(|row| -> [Value; COLUMNS] {
            [
                row.id.into(),
                row.paid.into(),
                row.credited.into(),
                row.written_off.into(),
                row.first_paid_on.into(),
                row.settled_on.into(),
                row.credited_on.into(),
            ]
        })
        .collect();
    let places: Vec<String> = (1..=values.len())
        .map(|number| match backend {
            DbBackend::Postgres => format!("${number}"),
            _ => "?".to_owned(),
        })
        .collect();
    let places: Vec<String> =
        places.chunks(COLUMNS).map(|places| format!("({})", places.join(", "))).collect();
    let sql = format!(
        "UPDATE invoice SET paid = settled.column2, credited = settled.column3, written_off = settled.column4, \
         first_paid_on = settled.column5, settled_on = settled.column6, credited_on = settled.column7 \
         FROM (VALUES {}) AS settled WHERE invoice.id = settled.column1",
        places.join(", ")
    );
    Statement::from_sql_and_values(backend, sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settlements_are_written_by_one_statement() {
        let rows = [invoice::Model::default(), invoice::Model::default()];
        let statement = settlement(DbBackend::Postgres, &rows);
        assert!(
            statement.sql.ends_with(
                "FROM (VALUES ($1, $2, $3, $4, $5, $6, $7), ($8, $9, $10, $11, $12, $13, $14)) \
                 AS settled WHERE invoice.id = settled.column1"
            ),
            "{}",
            statement.sql
        );
        assert_eq!(statement.values.map(|values| values.0.len()), Some(rows.len() * COLUMNS));
        assert!(settlement(DbBackend::Sqlite, &rows[..1]).sql.contains("(?, ?, ?, ?, ?, ?, ?)"));
    }
}
