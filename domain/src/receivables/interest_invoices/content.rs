//! Content of an interest invoice: the interest that no earlier one claims, as its lines.

use ::entity::{
    date_range::DateRange,
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;

use super::claims::{Claim, Overclaim};
use crate::{
    config::Network,
    error::{ConflictReason, Error, Result},
    interest::rates::Rates,
    invoices::{
        aggregate::InvoiceAggregate,
        interest_rows::{self, Row},
        naming::name,
    },
    receivables::late_interest::{self, Bearing},
};

/// Rejects documents on which no interest is owed.
///
/// # Errors
/// CONFLICT `CREDIT_NOTE`, `DRAFT` or `NO_INTEREST`.
pub(super) fn require_owed(original: &InvoiceAggregate) -> Result<()> {
    if original.row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            format!("{} is never paid and bears no interest", original.name()),
        ));
    }
    if original.row.issued_on.is_none() {
        return Err(Error::conflict(ConflictReason::Draft, "a draft is not owed; issue it first"));
    }
    if interest_rows::is_interest(&original.lines) {
        let message =
            format!("{} is an interest invoice, which bears no interest itself", original.name());
        return Err(Error::conflict(ConflictReason::NoInterest, message));
    }
    Ok(())
}

/// Returns the interest of an invoice up to and including a day that no interest invoice claims.
///
/// # Errors
/// CONFLICT `RATE_UNKNOWN`, `OVERCLAIMED` or `NO_INTEREST`.
pub(super) fn unclaimed(
    original: &invoice::Model,
    Bearing { spans, points, .. }: &Bearing,
    claims: &[Claim],
    rates: &Rates,
    until: NaiveDate,
) -> Result<Vec<Row>> {
    let days: Vec<DateRange> = claims.iter().map(|claim| claim.days).collect();
    let of_days_until = |last: NaiveDate| {
        interest_rows::rows(&late_interest::until(spans, last), rates, *points, &days).map_err(
            |half| {
                let message = format!("the reference rate from {half} is not known; set it first");
                Error::conflict(ConflictReason::RateUnknown, message)
            },
        )
    };
    if let Some(last) = days.iter().map(|days| days.to).max() {
        let owed = of_days_until(last)?.claimed_sum();
        if let Some(over) = Overclaim::of(original, claims, owed) {
            return Err(Error::conflict(ConflictReason::Overclaimed, over.describe()));
        }
    }
    let rows = of_days_until(until)?;
    if rows.open_sum() <= Money::ZERO {
        let claimed = rows.claimed_sum();
        let message = format!(
            "{} has {claimed} of interest until {until}, all of which is invoiced already",
            name(original)
        );
        return Err(Error::conflict(ConflictReason::NoInterest, message));
    }
    Ok(rows.open)
}

/// Returns the interest invoice: a line for each row, with the references of the late invoice.
pub(super) fn draft(
    network: &Network,
    original: &InvoiceAggregate,
    rows: &[Row],
) -> InvoiceAggregate {
    let id = InvoiceId::new();
    let line = |(position, row): (i32, &Row)| invoice_line::Model {
        id: InvoiceLineId::new(),
        invoice_id: id,
        position,
        description: row.describe(&original.row),
        period_from: Some(row.segment.span.from),
        period_to: Some(row.segment.span.to),
        quantity: Quantity(1000),
        unit_price: row.sum,
        vat_rate: VatRate::OutsideScope,
        account: network.accounts.interest.to_string(),
        ..invoice_line::Model::default()
    };
    let number = original.row.number.as_deref().unwrap_or_default();
    let due = original
        .row
        .due_on
        .map_or_else(String::new, |due_on| format!(", som skulle ha betalats senast {due_on}"));
    let row = invoice::Model {
        id,
        member_id: original.row.member_id,
        organisation_id: original.row.organisation_id,
        reason: Some(format!(
            "Dröjsmålsränta enligt räntelagen (1975:635) på faktura {number}{due}."
        )),
        order_reference: original.row.order_reference.clone(),
        our_reference: original.row.our_reference.clone(),
        buyer_reference: original.row.buyer_reference.clone(),
        ..invoice::Model::default()
    };
    InvoiceAggregate {
        row,
        lines: (1..).zip(rows).map(line).collect(),
        ..InvoiceAggregate::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Span, reference_rates::published};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Returns 50 000 kronor unpaid from 2 July to a day, at 10 % a year.
    fn bearing(to: &str) -> Bearing {
        let span = Span { from: day("2026-07-02"), to: day(to), unpaid: Money(5_000_000) };
        Bearing { unpaid: span.unpaid, spans: vec![span], points: 8 }
    }

    fn claim(from: &str, to: &str, ore: i64) -> Claim {
        Claim { number: "2".into(), days: DateRange::new(day(from), day(to)), sum: Money(ore) }
    }

    fn open(claims: &[Claim], until: &str) -> Result<Vec<(NaiveDate, Money)>> {
        let original = invoice::Model { number: Some("1".into()), ..invoice::Model::default() };
        let found = unclaimed(&original, &bearing("2026-07-31"), claims, &published(), day(until))?;
        Ok(found.iter().map(|row| (row.segment.span.from, row.sum)).collect())
    }

    fn is<T>(found: &Result<T>, reason: ConflictReason) -> bool {
        matches!(found, Err(Error::Conflict { reason: found, .. }) if *found == reason)
    }

    #[test]
    fn claimed_days_are_not_claimed_again() {
        let all = open(&[], "2026-07-31").unwrap();
        assert_eq!(all, [(day("2026-07-02"), Money(41_096))]);
        // 10 of the 30 days are claimed.
        let rest = open(&[claim("2026-07-02", "2026-07-11", 13_699)], "2026-07-31").unwrap();
        assert_eq!(rest, [(day("2026-07-12"), Money(27_397))]);
        let part = open(&[claim("2026-07-02", "2026-07-11", 13_699)], "2026-07-21").unwrap();
        assert_eq!(part.first().map(|(from, _)| *from), Some(day("2026-07-12")));
    }

    #[test]
    fn no_interest_is_claimed_if_all_is_claimed_or_too_much_is() {
        let all = [claim("2026-07-02", "2026-07-31", 41_096)];
        assert!(is(&open(&all, "2026-07-31"), ConflictReason::NoInterest));
        let more = [claim("2026-07-02", "2026-07-11", 14_000)];
        assert!(is(&open(&more, "2026-07-31"), ConflictReason::Overclaimed));
    }

    #[test]
    fn an_unknown_rate_is_not_guessed() {
        let original = invoice::Model::default();
        let bearing = bearing("2027-01-01");
        let of = |until: &str| unclaimed(&original, &bearing, &[], &published(), day(until));
        assert!(of("2026-12-31").is_ok());
        assert!(is(&of("2027-01-01"), ConflictReason::RateUnknown));
    }

    #[test]
    fn interest_is_owed_on_issued_invoices_only() {
        let row = invoice::Model { issued_on: Some(day("2026-06-01")), ..Default::default() };
        let mut original = InvoiceAggregate { row, ..InvoiceAggregate::default() };
        assert!(require_owed(&original).is_ok());
        original.lines = vec![invoice_line::Model {
            description: format!("{} 1, 30 dagar", interest_rows::LINE_PREFIX),
            ..invoice_line::Model::default()
        }];
        assert!(is(&require_owed(&original), ConflictReason::NoInterest));
        original.row.issued_on = None;
        assert!(is(&require_owed(&original), ConflictReason::Draft));
        original.row.kind = InvoiceKind::CreditNote;
        assert!(is(&require_owed(&original), ConflictReason::CreditNote));
    }

    #[test]
    fn an_interest_invoice_has_a_line_for_each_row_and_no_vat() {
        let original = InvoiceAggregate {
            row: invoice::Model {
                number: Some("1".into()),
                due_on: Some(day("2026-07-01")),
                order_reference: Some("PO 7".into()),
                ..invoice::Model::default()
            },
            ..InvoiceAggregate::default()
        };
        let (claims, rates) = ([], published());
        let rows =
            unclaimed(&original.row, &bearing("2026-07-31"), &claims, &rates, day("2026-07-31"))
                .unwrap();
        let invoice = draft(&Network::default(), &original, &rows);
        assert_eq!(invoice.row.order_reference.as_deref(), Some("PO 7"));
        let [line] = &invoice.lines[..] else { panic!("{:?}", invoice.lines) };
        assert_eq!((line.position, line.unit_price), (1, Money(41_096)));
        assert_eq!(line.vat_rate, VatRate::OutsideScope);
        assert_eq!(
            (line.period_from, line.period_to),
            (Some(day("2026-07-02")), Some(day("2026-07-31")))
        );
    }
}
