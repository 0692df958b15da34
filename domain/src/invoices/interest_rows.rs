//! Rows of an interest invoice. Each day occurs once; days with the same capital and rate form a
//! row with their sum.

use std::cmp::min;

use ::entity::{date_range::DateRange, invoice, invoice_line, money::Money};
use chrono::NaiveDate;
use documents::swedish::kronor;

use crate::interest::{
    Segment, Span,
    rates::{Rates, format_percent},
    rounded, segments,
};

/// First words of a line on an interest invoice, followed by the number of the late invoice and a
/// comma.
pub(crate) const LINE_PREFIX: &str = "Dröjsmålsränta på faktura";

/// Reason why interest is without VAT, as text for the buyer.
pub(super) const REASON_WITHOUT_VAT: &str =
    "Dröjsmålsränta är inte ersättning för en vara eller tjänst och omfattas inte av moms";

/// `true` if all lines are interest. Such an invoice bears no interest itself.
#[must_use]
pub fn is_interest(lines: &[invoice_line::Model]) -> bool {
    !lines.is_empty() && lines.iter().all(|line| line.description.starts_with(LINE_PREFIX))
}

/// Returns the first words of the lines about the interest of an invoice.
pub(crate) fn line_prefix(original: &invoice::Model) -> String {
    format!("{LINE_PREFIX} {},", original.number.as_deref().unwrap_or_default())
}

/// Days with the same capital and rate, and their interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The days, the capital and the rate.
    pub segment: Segment,
    /// Interest in öre.
    pub sum: Money,
}

/// Interest of an invoice in rows: claimed days and other days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Days that interest invoices claim.
    pub claimed: Vec<Row>,
    /// Days that no interest invoice claims.
    pub open: Vec<Row>,
}

impl Row {
    /// Returns the text of its line on an interest invoice: «Dröjsmålsränta på faktura 2026-0001,
    /// 30 dagar, 10 % på 50 000,00 kr».
    pub(crate) fn describe(&self, original: &invoice::Model) -> String {
        let Segment { span: Span { from, to, unpaid }, rate } = self.segment;
        let days = (to - from).num_days() + 1;
        let noun = if days == 1 { "dag" } else { "dagar" };
        format!(
            "{} {days} {noun}, {} på {} kr",
            line_prefix(original),
            format_percent(rate),
            kronor(unpaid)
        )
    }
}

impl Rows {
    /// Returns the interest of the unclaimed days, öre.
    #[must_use]
    pub fn open_sum(&self) -> Money {
        self.open.iter().map(|row| row.sum).sum()
    }

    /// Returns the interest of the claimed days as it is owed now, öre.
    #[must_use]
    pub fn claimed_sum(&self) -> Money {
        self.claimed.iter().map(|row| row.sum).sum()
    }
}

/// Returns the interest of these spans, in order of days. The rows add up to the total interest,
/// which is rounded once: a row has the rounded interest up to its end minus that of the days
/// before it. Rows of zero are left out.
///
/// # Errors
/// The first day of a half-year without a known reference rate.
pub fn rows(
    spans: &[Span],
    rates: &Rates,
    points: u16,
    claimed: &[DateRange],
) -> Result<Rows, NaiveDate> {
    let (mut found, mut exact) = (Rows::default(), 0_i128);
    for aggregate in segments(spans, rates, points)? {
        for (segment, is_claimed) in cut(aggregate, claimed) {
            let before = rounded(exact);
            exact += segment.exact();
            let row = Row { segment, sum: rounded(exact) - before };
            if row.sum > Money::ZERO {
                if is_claimed { found.claimed.push(row) } else { found.open.push(row) }
            }
        }
    }
    Ok(found)
}

/// Splits a segment into parts whose days are claimed and parts whose days are not.
fn cut(aggregate: Segment, claimed: &[DateRange]) -> Vec<(Segment, bool)> {
    let (mut parts, mut from) = (Vec::new(), aggregate.span.from);
    while from <= aggregate.span.to {
        let within = claimed.iter().filter(|days| days.contains(from)).map(|days| days.to).max();
        let next_claim = || {
            claimed
                .iter()
                .map(|days| days.from)
                .filter(|first| *first > from)
                .min()
                .and_then(|first| first.pred_opt())
        };
        let to = min(aggregate.span.to, within.or_else(next_claim).unwrap_or(aggregate.span.to));
        parts.push((
            Segment { span: Span { from, to, ..aggregate.span }, ..aggregate },
            within.is_some(),
        ));
        let Some(next) = to.succ_opt() else { break };
        from = next;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Interest, interest, reference_rates::published};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn span(from: &str, to: &str, ore: i64) -> Span {
        Span { from: day(from), to: day(to), unpaid: Money(ore) }
    }

    fn shown(rows: &[Row]) -> Vec<(String, i64, i64, i64)> {
        let days = |row: &Row| format!("{}..{}", row.segment.span.from, row.segment.span.to);
        rows.iter()
            .map(|row| (days(row), row.segment.span.unpaid.0, row.segment.rate, row.sum.0))
            .collect()
    }

    #[test]
    fn each_day_is_claimed_once() {
        // 10.00 a day at 10 %.
        let spans = [span("2026-11-21", "2026-11-30", 3_650_000)];
        let all = rows(&spans, &published(), 8, &[]).unwrap();
        assert_eq!(
            shown(&all.open),
            [("2026-11-21..2026-11-30".to_owned(), 3_650_000, 1000, 10_000)]
        );
        let rest =
            rows(&spans, &published(), 8, &[DateRange::new(day("2026-11-21"), day("2026-11-24"))])
                .unwrap();
        assert_eq!(
            shown(&rest.claimed),
            [("2026-11-21..2026-11-24".to_owned(), 3_650_000, 1000, 4_000)]
        );
        assert_eq!(
            shown(&rest.open),
            [("2026-11-25..2026-11-30".to_owned(), 3_650_000, 1000, 6_000)]
        );
        assert_eq!((rest.claimed_sum(), rest.open_sum()), (Money(4_000), Money(6_000)));
        // Days in the middle, and overlapping claims.
        let claimed = [
            DateRange::new(day("2026-11-23"), day("2026-11-25")),
            DateRange::new(day("2026-11-24"), day("2026-11-26")),
        ];
        let parts = rows(&spans, &published(), 8, &claimed).unwrap();
        let open: Vec<_> =
            shown(&parts.open).into_iter().map(|(days, _, _, sum)| (days, sum)).collect();
        assert_eq!(
            open,
            [
                ("2026-11-21..2026-11-22".to_owned(), 2_000),
                ("2026-11-27..2026-11-30".to_owned(), 4_000)
            ]
        );
        assert_eq!(
            rows(&spans, &published(), 8, &[DateRange::new(day("2026-01-01"), day("2026-12-31"))])
                .unwrap()
                .open,
            []
        );
    }

    #[test]
    fn a_row_says_days_rate_and_capital() {
        let original =
            invoice::Model { number: Some("2026-0001".into()), ..invoice::Model::default() };
        let row = |from: &str, rate: i64| Row {
            segment: Segment { span: span(from, "2026-11-30", 3_650_000), rate },
            sum: Money(1),
        };
        let said = |row: Row| row.describe(&original).replace('\u{a0}', " ");
        assert_eq!(
            said(row("2026-11-21", 1000)),
            "Dröjsmålsränta på faktura 2026-0001, 10 dagar, 10 % på 36 500,00 kr"
        );
        assert_eq!(
            said(row("2026-11-30", 1025)),
            "Dröjsmålsränta på faktura 2026-0001, 1 dag, 10,25 % på 36 500,00 kr"
        );
        let line = |row: Row| invoice_line::Model {
            description: row.describe(&original),
            ..invoice_line::Model::default()
        };
        assert!(is_interest(&[line(row("2026-11-21", 1000))]) && !is_interest(&[]));
        assert!(!is_interest(&[line(row("2026-11-21", 1000)), invoice_line::Model::default()]));
    }

    #[test]
    fn rows_add_up_to_what_is_rounded_once() {
        // A half-year ends, and a payment reduces the capital.
        let spans = [
            span("2022-04-01", "2022-08-10", 3_350_000),
            span("2022-08-11", "2022-09-15", 1_000_033),
        ];
        let found = rows(&spans, &published(), 8, &[]).unwrap();
        assert_eq!(
            found
                .open
                .iter()
                .map(|row| (row.segment.rate, row.segment.span.unpaid.0))
                .collect::<Vec<_>>(),
            [(800, 3_350_000), (850, 3_350_000), (850, 1_000_033)]
        );
        assert_eq!(Interest::Amount(found.open_sum()), interest(&spans, &published(), 8));
        // The total is the same for every division into claims.
        let mut claimed: Vec<DateRange> = Vec::new();
        let mut sum = Money::ZERO;
        for last in ["2022-04-03", "2022-06-30", "2022-07-01", "2022-08-15", "2022-09-15"] {
            let until = day(last);
            let so_far: Vec<Span> = spans
                .iter()
                .filter(|span| span.from <= until)
                .map(|span| Span { to: min(span.to, until), ..*span })
                .collect();
            sum += rows(&so_far, &published(), 8, &claimed).unwrap().open_sum();
            claimed.push(DateRange::new(day("2022-04-01"), until));
        }
        assert_eq!(Interest::Amount(sum), interest(&spans, &published(), 8));
        assert_eq!(
            rows(&[span("2008-07-01", "2008-07-02", 100)], &published(), 8, &[]),
            Err(day("2008-07-01"))
        );
    }
}
