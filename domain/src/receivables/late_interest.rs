//! Days late, unpaid sum and interest-bearing days of an invoice.

use std::cmp::{max, min};

use ::entity::{
    dated_amount::DatedAmount,
    invoice::{Column, Model},
    money::Money,
};
use chrono::NaiveDate;

use crate::{
    interest::{Interest, Span, interest, rates::Rates, unpaid},
    invoices::{
        claim_terms::{interest_from, payable_until},
        documents::InterestTerms,
    },
};

/// The columns of an invoice that [`days_late`] and its interest need.
pub const COLUMNS: [Column; 6] =
    [Column::Id, Column::Kind, Column::IssuedOn, Column::DueOn, Column::Total, Column::SettledOn];

/// Returns the days from [`payable_until`] until it was settled, or until `on`; zero if it is not
/// late, and for a draft or a credit note.
#[must_use]
pub fn days_late(row: &Model, on: NaiveDate) -> i64 {
    let Some(due_on) = payable_until(row) else { return 0 };
    let until = row.settled_on.map_or(on, |settled_on| min(settled_on, on));
    max(0, (until - due_on).num_days())
}

/// Payments that were not reversed, and credits: days and öre.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    /// The payments, less refunds and plus write-offs.
    pub payments: Vec<DatedAmount>,
    /// The issued credit notes.
    pub credits: Vec<DatedAmount>,
}

/// Figures of an invoice as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverdueFigures {
    /// Unpaid sum at the end of the day, öre.
    pub unpaid: Money,
    /// Interest up to and including the day.
    pub interest: Interest,
}

/// The part of an invoice that bears interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearing {
    /// Unpaid sum at the end of the day, öre.
    pub unpaid: Money,
    /// Days that bear interest, with the unpaid sum of each; none for an interest invoice, since
    /// interest bears none.
    pub spans: Vec<Span>,
    /// Percentage points above the reference rate.
    pub points: u16,
}

impl Bearing {
    /// Returns the interest-bearing part of an invoice on `on`, by the terms that it was issued
    /// with.
    pub fn of(row: &Model, entries: &Entries, terms: InterestTerms, on: NaiveDate) -> Self {
        let Entries { payments, credits } = entries;
        let by_then = |entries: &[DatedAmount]| {
            entries.iter().filter(|own| own.on <= on).map(|own| own.amount).sum::<Money>()
        };
        let left = row.total - by_then(payments) - by_then(credits);
        let from = interest_from(row, terms.is_agreed).unwrap_or(on);
        let spans = if terms.is_interest {
            Vec::new()
        } else {
            unpaid(row.total, from, on, payments, credits)
        };
        Self { unpaid: max(Money::ZERO, left), spans, points: terms.points }
    }

    /// Returns the unpaid sum and the interest at these reference rates.
    pub fn figures(&self, rates: &Rates) -> OverdueFigures {
        let Self { unpaid, spans, points } = self;
        OverdueFigures { unpaid: *unpaid, interest: interest(spans, rates, *points) }
    }
}

/// Returns the days of spans up to and including a day.
pub(super) fn until(spans: &[Span], last: NaiveDate) -> Vec<Span> {
    spans
        .iter()
        .filter(|span| span.from <= last)
        .map(|span| Span { to: min(span.to, last), ..*span })
        .collect()
}

#[cfg(test)]
mod tests {
    use ::entity::kind::InvoiceKind;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn invoice(settled_on: Option<&str>) -> Model {
        Model {
            total: Money(5_000_000),
            issued_on: Some(day("2026-06-01")),
            due_on: Some(day("2026-07-01")),
            settled_on: settled_on.map(day),
            ..Model::default()
        }
    }

    const AGREED: InterestTerms = InterestTerms { points: 8, is_agreed: true, is_interest: false };

    #[test]
    fn an_invoice_is_late_from_the_day_after_its_last_day_to_pay_until_it_is_settled() {
        for (settled_on, on, days) in [
            (None, "2026-07-01", 0),
            (None, "2026-07-02", 1),
            (None, "2026-07-31", 30),
            (Some("2026-06-30"), "2026-07-31", 0),
            (Some("2026-07-11"), "2026-07-31", 10),
            (Some("2026-07-11"), "2026-07-05", 4),
        ] {
            assert_eq!(days_late(&invoice(settled_on), day(on)), days, "{settled_on:?} {on}");
        }
        let note = Model { kind: InvoiceKind::CreditNote, ..invoice(None) };
        assert_eq!(days_late(&note, day("2026-07-31")), 0);
        assert_eq!(days_late(&Model { due_on: None, ..invoice(None) }, day("2026-07-31")), 0);
        // Due on a Saturday: payable on the Monday after.
        let saturday = Model { due_on: Some(day("2026-10-31")), ..invoice(None) };
        assert_eq!(days_late(&saturday, day("2026-11-02")), 0);
        assert_eq!(days_late(&saturday, day("2026-11-03")), 1);
    }

    #[test]
    fn the_unpaid_sum_counts_payments_and_credits_until_the_day() {
        let entries = Entries {
            payments: vec![
                DatedAmount::new(day("2026-07-11"), Money(2_000_000)),
                DatedAmount::new(day("2026-08-01"), Money(1)),
            ],
            credits: vec![DatedAmount::new(day("2026-07-20"), Money(1_000_000))],
        };
        let of = |on: &str| Bearing::of(&invoice(None), &entries, AGREED, day(on)).unpaid;
        assert_eq!(of("2026-07-10"), Money(5_000_000));
        assert_eq!(of("2026-07-11"), Money(3_000_000));
        assert_eq!(of("2026-07-31"), Money(2_000_000));
        assert_eq!(of("2026-08-01"), Money(1_999_999));
        let overpaid = Entries {
            payments: vec![DatedAmount::new(day("2026-07-11"), Money(6_000_000))],
            ..Entries::default()
        };
        let of = Bearing::of(&invoice(None), &overpaid, AGREED, day("2026-07-31"));
        assert_eq!(of.unpaid, Money::ZERO);
    }

    #[test]
    fn interest_follows_the_terms_of_the_invoice() {
        let entries = Entries::default();
        let (row, on) = (invoice(None), day("2026-07-31"));
        let of = |terms| Bearing::of(&row, &entries, terms, on);
        let agreed = of(AGREED);
        let span = Span { from: day("2026-07-02"), to: on, unpaid: Money(5_000_000) };
        assert_eq!((agreed.spans.as_slice(), agreed.points), (&[span][..], 8));
        let claim = of(InterestTerms { is_interest: true, ..AGREED });
        assert_eq!((claim.spans.len(), claim.unpaid), (0, Money(5_000_000)), "none on interest");
        let rates = crate::interest::reference_rates::published();
        // 50 000 × 10 % × 30 / 365
        let figures = agreed.figures(&rates);
        assert_eq!(figures.interest, Interest::Amount(Money(41_096)));
        assert_eq!(claim.figures(&rates).interest, Interest::Amount(Money::ZERO));
    }

    #[test]
    fn spans_are_cut_at_a_day() {
        let span = |from: &str, to: &str| Span { from: day(from), to: day(to), unpaid: Money(1) };
        let spans = [span("2026-07-02", "2026-07-11"), span("2026-07-12", "2026-07-31")];
        assert_eq!(until(&spans, day("2026-07-01")), []);
        assert_eq!(until(&spans, day("2026-07-05")), [span("2026-07-02", "2026-07-05")]);
        assert_eq!(until(&spans, day("2026-07-12")), [spans[0], span("2026-07-12", "2026-07-12")]);
        assert_eq!(until(&spans, day("2026-12-31")), spans);
    }
}
