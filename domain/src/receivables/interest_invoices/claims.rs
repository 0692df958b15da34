//! Claims of interest invoices by the days of their lines, and overclaims: claims that exceed the
//! interest owed, for example after a credit.

use std::collections::BTreeSet;

use ::entity::{
    date_range::DateRange, id::InvoiceLineId, invoice, kind::InvoiceKind, money::Money,
};
use chrono::NaiveDate;

use crate::{
    interest::rates::Rates,
    invoices::{
        Buyer,
        interest_rows::{self, line_prefix},
        naming::name,
        parties::buyer_of,
    },
    receivables::late_interest::{Bearing, until},
};

/// The part of a line of an issued interest invoice that is not credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of the interest invoice.
    pub number: String,
    /// Days of the claimed interest.
    pub days: DateRange,
    /// Claimed sum after credits, öre.
    pub sum: Money,
}

/// A line about interest, of an invoice or of a credit note.
pub(super) struct Line {
    pub id: InvoiceLineId,
    pub credits: Option<InvoiceLineId>,
    pub description: String,
    pub buyer: Option<Buyer>,
    pub kind: InvoiceKind,
    pub claim: Claim,
}

/// Subtracts credit notes from claims, and leaves out claims of which nothing remains.
fn uncredited(lines: &[&Line]) -> Vec<Claim> {
    let (claims, credits): (Vec<&Line>, Vec<&Line>) =
        lines.iter().copied().partition(|line| line.kind == InvoiceKind::Invoice);
    let mut claims: Vec<(InvoiceLineId, &str, Claim)> = claims
        .into_iter()
        .map(|line| (line.id, line.description.as_str(), line.claim.clone()))
        .collect();
    for credit in credits {
        // An imported credit note does not reference the credited line.
        let credited = claims.iter_mut().find(|(id, description, claim)| match credit.credits {
            Some(line) => *id == line,
            None => *description == credit.description && claim.days == credit.claim.days,
        });
        if let Some((.., claim)) = credited {
            claim.sum = claim.sum - credit.claim.sum;
        }
    }
    claims.into_iter().map(|(.., claim)| claim).filter(|claim| claim.sum > Money::ZERO).collect()
}

/// Returns the claims on an invoice among lines about interest.
pub(super) fn of_invoice(original: &invoice::Model, lines: &[Line]) -> Vec<Claim> {
    let (line_prefix, buyer) = (line_prefix(original), buyer_of(original));
    let own: Vec<&Line> = lines
        .iter()
        .filter(|line| line.buyer == buyer && line.description.starts_with(&line_prefix))
        .collect();
    uncredited(&own)
}

/// Interest invoices that claim more on an invoice than is owed for the claimed days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overclaim {
    /// The invoice's name.
    pub invoice: String,
    /// The numbers of the interest invoices.
    pub numbers: BTreeSet<String>,
    /// Claimed sum, öre.
    pub claimed: Money,
    /// Interest owed for these days, öre.
    pub owed: Money,
}

impl Overclaim {
    /// Compares claims with the interest owed for their days; `None` if the claims do not exceed
    /// it, apart from rounding.
    pub(in crate::receivables) fn of(
        original: &invoice::Model,
        claims: &[Claim],
        owed: Money,
    ) -> Option<Self> {
        let claimed: Money = claims.iter().map(|claim| claim.sum).sum();
        let rounding = Money(i64::try_from(claims.len()).unwrap_or(i64::MAX));
        let numbers = claims.iter().map(|claim| claim.number.clone()).collect();
        (claimed > owed && claimed - owed > rounding).then(|| Self {
            invoice: name(original),
            numbers,
            claimed,
            owed,
        })
    }

    /// Compares claims with the interest that an invoice bears for their days as of `today`; `None`
    /// also if a reference rate of these days is unknown.
    pub(super) fn of_bearing(
        original: &invoice::Model,
        claims: &[Claim],
        Bearing { spans, points, .. }: &Bearing,
        rates: &Rates,
        today: NaiveDate,
    ) -> Option<Self> {
        let days: Vec<DateRange> = claims.iter().map(|claim| claim.days).collect();
        // Days after the claimed ones may be of a half-year without a rate.
        let last = days.iter().map(|days| days.to).max().unwrap_or(today);
        let rows = interest_rows::rows(&until(spans, last), rates, *points, &days).ok()?;
        Self::of(original, claims, rows.claimed_sum())
    }

    /// Returns a sentence for the office.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { invoice, numbers, claimed, owed } = self;
        let numbers = numbers.iter().cloned().collect::<Vec<_>>().join(", ");
        format!(
            "interest invoice {numbers} claims {claimed} of interest on {invoice}, of which {owed} is owed for these days since the invoice was \
             credited or paid: credit the difference"
        )
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;

    use super::*;
    use crate::invoices::interest_rows::LINE_PREFIX;

    fn claim(number: &str, sum: i64) -> Claim {
        let day = |text: &str| text.parse().unwrap();
        Claim {
            number: number.into(),
            days: DateRange::new(day("2026-11-21"), day("2026-11-30")),
            sum: Money(sum),
        }
    }

    fn line(kind: InvoiceKind, credits: Option<InvoiceLineId>, sum: i64) -> Line {
        let (id, description) = (InvoiceLineId::new(), format!("{LINE_PREFIX} 1, 10 dagar"));
        Line { id, credits, description, buyer: None, kind, claim: claim("2", sum) }
    }

    #[test]
    fn a_credited_sum_is_no_longer_claimed() {
        use InvoiceKind::{CreditNote, Invoice};
        let first = line(Invoice, None, 4_000);
        assert_eq!(uncredited(&[&first]), [claim("2", 4_000)]);
        let part = line(CreditNote, Some(first.id), 1_000);
        assert_eq!(uncredited(&[&first, &part]), [claim("2", 3_000)]);
        let rest = line(CreditNote, None, 3_000);
        assert_eq!(uncredited(&[&first, &part, &rest]), []);
        assert_eq!(
            uncredited(&[&line(CreditNote, Some(InvoiceLineId::new()), 1), &first]),
            [claim("2", 4_000)]
        );
    }

    #[test]
    fn an_overclaim_names_its_invoice() {
        let original = invoice::Model { number: Some("1".into()), ..invoice::Model::default() };
        let claims = [claim("2", 4_000), claim("3", 6_000)];
        // An öre a claim is rounding.
        assert_eq!(Overclaim::of(&original, &claims, Money(9_998)), None);
        assert_eq!(Overclaim::of(&original, &claims, Money(20_000)), None);
        let over = Overclaim::of(&original, &claims, Money(5_000)).unwrap().describe();
        assert!(over.starts_with("interest invoice 2, 3 claims 100.00 of interest on invoice 1, of which 50.00 is owed"), "{over}");
    }

    #[test]
    fn claims_are_found_by_number_and_buyer() {
        let member = MemberId::new();
        let original = invoice::Model {
            number: Some("1".into()),
            member_id: Some(member),
            ..invoice::Model::default()
        };
        let of = |description: &str, buyer| Line {
            description: description.into(),
            buyer,
            ..line(InvoiceKind::Invoice, None, 4_000)
        };
        let (own, text) = (Some(Buyer::Member(member)), format!("{LINE_PREFIX} 1, 10 dagar"));
        assert_eq!(of_invoice(&original, &[of(&text, own)]), [claim("2", 4_000)]);
        let other = format!("{LINE_PREFIX} 10, 10 dagar");
        let lines = [of(&other, own), of(&text, None)];
        assert_eq!(of_invoice(&original, &lines), []);
    }

    #[test]
    fn a_sum_that_is_paid_or_credited_since_is_overclaimed() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let original = invoice::Model { number: Some("1".into()), ..invoice::Model::default() };
        let rates = crate::interest::reference_rates::published();
        let of = |unpaid: i64, claims: &[Claim]| {
            let span = crate::interest::Span {
                from: day("2026-11-21"),
                to: day("2027-01-31"),
                unpaid: Money(unpaid),
            };
            let bearing = Bearing { unpaid: span.unpaid, spans: vec![span], points: 8 };
            Overclaim::of_bearing(&original, claims, &bearing, &rates, day("2027-01-31"))
        };
        // 50 000 × 10 % × 10 / 365
        let claims = [claim("2", 13_699)];
        assert_eq!(of(5_000_000, &claims), None);
        let over = of(2_500_000, &claims).unwrap();
        assert_eq!((over.claimed, over.owed), (Money(13_699), Money(6_849)));
        let bearing = Bearing::default();
        let all = Overclaim::of_bearing(&original, &claims, &bearing, &rates, day("2027-01-31"));
        assert_eq!(all.map(|over| over.owed), Some(Money::ZERO));
    }
}
