//! What people recorded by hand of payments that the bank's files tell of later: the same money, to
//! be booked once.

use std::collections::HashSet;

use ::entity::{
    bank_payment_part,
    id::{InvoiceId, PaymentId},
    money::Money,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::super::record::counted;
use crate::invoices::{aggregate::InvoiceAggregate, posting::Booking};
use crate::{audit::Change, database::among, error::Result};

/// A payment that was recorded by hand with another day than the bank's may be the same within so
/// many days.
pub const DAYS_APART: i64 = 7;
/// The fewest signs of a reference by which a payment is known: shorter ones are anybody's.
const SHORTEST: usize = 4;

/// What of a bank payment is for an invoice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'r> {
    pub bank_reference: &'r str,
    pub day: NaiveDate,
    pub amount: Money,
}

/// What somebody recorded by hand of a part of a bank payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManualMatch {
    /// Nothing.
    Nothing,
    /// This payment.
    Payment(PaymentId),
    /// One of several that are alike, of which this is the first; or, when null, one that has the
    /// bank's reference and says something else, or one of the same sum a few days apart.
    Unclear(Option<PaymentId>),
}

/// Which payments of some invoices came by a file of the bank; the others were recorded by hand.
#[derive(Default)]
pub(crate) struct Recorded {
    of_bank: HashSet<PaymentId>,
}

impl Recorded {
    /// Looks for those of these invoices, by one statement.
    pub async fn load(
        change: &Change,
        booking: &Booking,
        invoices: impl IntoIterator<Item = InvoiceId>,
    ) -> Result<Self> {
        let wholes = invoices.into_iter().filter_map(|invoice| booking.invoice(invoice));
        let payments: Vec<PaymentId> =
            wholes.flat_map(|aggregate| &aggregate.payments).map(|payment| payment.id).collect();
        if payments.is_empty() {
            return Ok(Self::default());
        }
        let tx = change.tx();
        let select = Query::select()
            .column(bank_payment_part::Column::PaymentId)
            .from(bank_payment_part::Entity)
            .and_where(among(
                tx.get_database_backend(),
                Expr::col(bank_payment_part::Column::PaymentId),
                payments,
            ))
            .take();
        let rows = tx.query_all(&select).await?;
        Ok(Self {
            of_bank: rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?,
        })
    }

    /// `true` if a file of the bank tells of a payment.
    pub fn is_of_bank(&self, payment: PaymentId) -> bool {
        self.of_bank.contains(&payment)
    }

    /// Notes that a payment is one that a file of the bank tells of.
    pub fn add(&mut self, payment: PaymentId) {
        self.of_bank.insert(payment);
    }

    /// What somebody recorded by hand of this part on its invoice: the payment of that day and sum,
    /// and when there are several, the one that has the bank's own reference.
    pub fn of(&self, invoice: &InvoiceAggregate, part: Part<'_>) -> ManualMatch {
        let manual =
            || counted(&invoice.payments).filter(|payment| !self.of_bank.contains(&payment.id));
        let is_named = |payment: &&payment::Model| shows(part.bank_reference, &payment.reference);
        let (same, others): (Vec<_>, Vec<_>) = manual()
            .partition(|payment| (payment.received_on, payment.amount) == (part.day, part.amount));
        let named: Vec<_> = same.iter().copied().filter(is_named).collect();
        match (&named[..], &same[..]) {
            ([one], _) | ([], [one]) => ManualMatch::Payment(one.id),
            ([], []) if !others.iter().any(|other| is_named(other) || is_near(other, part)) => {
                ManualMatch::Nothing
            }
            _ => ManualMatch::Unclear(same.first().map(|payment| payment.id)),
        }
    }
}

/// `true` if a payment has the sum of a part of a bank payment, and a day close to it.
fn is_near(payment: &payment::Model, part: Part<'_>) -> bool {
    payment.amount == part.amount && (payment.received_on - part.day).num_days().abs() <= DAYS_APART
}

/// Whether what somebody wrote is what a statement shows of this reference of a bank payment: words
/// of the bank's own, which stand after the kind of file, the account and the day; zeros that they
/// begin with may be left out.
pub fn shows(bank_reference: &str, written: &str) -> bool {
    fn words(text: &str) -> Vec<&str> {
        let words = text.split([' ', '/']).map(|word| word.trim_start_matches('0'));
        words.filter(|word| !word.is_empty()).collect()
    }
    let (told, written) = (words(bank_reference), words(written));
    let is_long_enough = written.iter().any(|word| word.chars().count() >= SHORTEST);
    is_long_enough
        && (told == written
            || told
                .get(3..)
                .is_some_and(|own| own.windows(written.len()).any(|words| words == written)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_known_by_what_a_statement_shows_of_it() {
        let of_file = "BG 50501055 20261118 00074 490630174260";
        for written in
            [of_file, "490630174260", "0490630174260", " 490630174260 ", "00074 490630174260"]
        {
            assert!(shows(of_file, written), "{written}");
        }
        for written in
            ["", "00074", "74", "50501055", "20261118", "BG", "49063017426", "490630174260 2"]
        {
            assert!(!shows(of_file, written), "{written}");
        }
        assert!(
            shows("CAMT SE45 20261118 BATCH-77 TX-100001", "TX-100001")
                && shows("CAMT SE45 20261118 A/B-100001", "A/B-100001")
        );
    }
}
