//! Arithmetic of invoices: totals, settlement, and the state on a day.
//!
//! Pure calculation without database access. Every sum is in öre, and the parts of a divided sum
//! always add up to it.

use ::entity::{
    banking_day,
    dated_amount::DatedAmount,
    invoice, invoice_line,
    kind::VatRate,
    money::{Money, Quantity},
};
use chrono::NaiveDate;

/// The inputs of a line's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Quantity.
    pub quantity: Quantity,
    /// Price of a unit in öre; negative for a deduction.
    pub unit_price: Money,
    /// VAT treatment.
    pub rate: VatRate,
}

/// Part of a document or payment, in öre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Without VAT.
    pub net: Money,
    /// VAT.
    pub vat: Money,
}

impl Share {
    /// Returns the sum with VAT.
    #[must_use]
    pub fn gross(self) -> Money {
        self.net + self.vat
    }
}

/// Sum of a document at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSum {
    /// The rate.
    pub rate: VatRate,
    /// Net sum of its lines, öre.
    pub net: Money,
    /// VAT on that sum, öre.
    pub vat: Money,
}

/// The totals of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Each line's net sum and its share of the VAT at its rate, in the lines' order.
    pub lines: Vec<Share>,
    /// Each rate that occurs, in descending order.
    pub rates: Vec<RateSum>,
    /// Sum of the lines, öre.
    pub net: Money,
    /// Sum of the rates' VAT, öre.
    pub vat: Money,
    /// Öresavrundning, öre.
    pub rounding: Money,
    /// Sum to be paid, öre.
    pub total: Money,
}

/// Returns the totals of a document with these lines. VAT is calculated per rate on the net sum at
/// that rate, rounded half up (mervärdesskattelag 2023:200, 17 kap. 24 §). Each line gets its own
/// VAT; the largest line gets the remainder of the rounding. `None` if a sum exceeds
/// [`Money::MAX`].
#[must_use]
pub fn totals(lines: &[Priced], rounding: Money) -> Option<Totals> {
    let nets: Vec<Money> =
        lines.iter().map(|line| line.quantity.at(line.unit_price)).collect::<Option<_>>()?;
    // Absolute amounts, so that no partial sum can overflow either.
    let size = nets.iter().try_fold(0_i64, |size, net| size.checked_add(net.0.abs()))?;
    if size > Money::MAX.0 {
        return None;
    }
    let mut shares: Vec<Share> = nets.iter().map(|&net| Share { net, vat: Money::ZERO }).collect();
    let mut rates: Vec<RateSum> = Vec::new();
    for (position, line) in lines.iter().enumerate() {
        if lines[..position].iter().any(|earlier| earlier.rate == line.rate) {
            continue;
        }
        let of_rate: Vec<usize> =
            (position..lines.len()).filter(|&other| lines[other].rate == line.rate).collect();
        let net: Money = of_rate.iter().map(|&other| nets[other]).sum();
        let vat = net.times(line.rate.percent(), 100)?;
        // By the rate, not by the share of the sum, which may be close to zero when lines cancel
        // each other out.
        for &other in &of_rate {
            shares[other].vat = nets[other].times(line.rate.percent(), 100)?;
        }
        let left_over = vat - of_rate.iter().map(|&other| shares[other].vat).sum();
        if let Some(&largest) =
            of_rate.iter().max_by_key(|&&other| (nets[other].0.abs(), std::cmp::Reverse(other)))
        {
            shares[largest].vat += left_over;
        }
        rates.push(RateSum { rate: line.rate, net, vat });
    }
    rates.sort_by_key(|sum| sum.rate);
    let net: Money = nets.into_iter().sum();
    let vat: Money = rates.iter().map(|sum| sum.vat).sum();
    let total = net + vat + rounding;
    (total.0.abs() <= Money::MAX.0).then_some(Totals {
        lines: shares,
        rates,
        net,
        vat,
        rounding,
        total,
    })
}

/// Returns the sums of a stored document per rate, in descending order of rate. The shares of its
/// lines add up to the VAT of the document.
#[must_use]
pub fn by_rate(lines: &[invoice_line::Model]) -> Vec<RateSum> {
    let mut rates: Vec<RateSum> = Vec::new();
    for line in lines {
        match rates.iter_mut().find(|sum| sum.rate == line.vat_rate) {
            Some(sum) => {
                sum.net += line.net;
                sum.vat += line.vat;
            }
            None => rates.push(RateSum { rate: line.vat_rate, net: line.net, vat: line.vat }),
        }
    }
    rates.sort_by_key(|sum| sum.rate);
    rates
}

/// Returns the amount that makes a sum whole kronor, rounded half up (öresavrundning).
#[must_use]
pub fn rounding_to_krona(sum: Money) -> Money {
    let aggregate = sum.times(1, 100).unwrap_or_default();
    Money(aggregate.0 * 100 - sum.0)
}

/// `true` if these rates may be combined on one document: lines outside the scope of VAT are never
/// mixed with others.
#[must_use]
pub fn rates_fit_together(rates: impl IntoIterator<Item = VatRate>) -> bool {
    let mut rates = rates.into_iter();
    let Some(first) = rates.next() else { return true };
    let first_is_outside = first == VatRate::OutsideScope;
    rates.all(|rate| (rate == VatRate::OutsideScope) == first_is_outside)
}

/// Effect of payments and credit notes on an invoice: columns of its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Sum of the payments, öre.
    pub paid: Money,
    /// Sum of the credit notes, öre.
    pub credited: Money,
    /// Sum written off, öre.
    pub written_off: Money,
    /// First day from which a part of it is paid.
    pub first_paid_on: Option<NaiveDate>,
    /// Day from which payments and credit notes together cover it.
    pub settled_on: Option<NaiveDate>,
    /// Day from which credit notes alone cover it.
    pub credited_on: Option<NaiveDate>,
}

/// Returns the settlement of an invoice of `total`, issued on `issued_on`. The inputs are the days
/// and sums of its payments, where negative sums are reversals, and of its issued credit notes. An
/// invoice with nothing to pay is settled on its day of issue. A payment that was reversed later
/// never settled anything.
#[must_use]
pub fn settlement(
    total: Money,
    issued_on: NaiveDate,
    payments: &[DatedAmount],
    credits: &[DatedAmount],
) -> Settlement {
    let both: Vec<_> = payments.iter().chain(credits).copied().collect();
    Settlement {
        paid: payments.iter().map(|own| own.amount).sum(),
        credited: credits.iter().map(|own| own.amount).sum(),
        written_off: Money::ZERO,
        first_paid_on: covered_on(Money(1), payments.to_vec()),
        settled_on: if total <= Money::ZERO { Some(issued_on) } else { covered_on(total, both) },
        credited_on: if total <= Money::ZERO { None } else { covered_on(total, credits.to_vec()) },
    }
}

/// Returns the day from which the running sum reaches `total`; `None` if it does not in the end.
pub(super) fn covered_on(total: Money, mut sums: Vec<DatedAmount>) -> Option<NaiveDate> {
    sums.sort_by_key(|own| own.on);
    let (mut so_far, mut since) = (Money::ZERO, None);
    for DatedAmount { on, amount } in sums {
        so_far += amount;
        since = if so_far >= total { since.or(Some(on)) } else { None };
    }
    since
}

impl Settlement {
    /// Copies the settlement into the row of the invoice.
    pub fn write(self, row: &mut invoice::Model) {
        row.paid = self.paid;
        row.credited = self.credited;
        row.written_off = self.written_off;
        row.first_paid_on = self.first_paid_on;
        row.settled_on = self.settled_on;
        row.credited_on = self.credited_on;
    }
}

/// State of an invoice or credit note on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Not issued.
    Draft,
    /// Issued, nothing paid yet.
    Issued,
    /// Paid in part, not yet due.
    PartlyPaid,
    /// Payments and credit notes together cover it.
    Paid,
    /// Not covered, and the last day to pay has passed. If banks are closed on that day, the next
    /// banking day counts.
    Overdue,
    /// Credit notes alone cover it.
    Credited,
}

impl State {
    /// Returns the identifier of the state, as in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the Swedish label, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> &'static str {
        match self {
            Self::Draft => "Utkast",
            Self::Issued => "Utställd",
            Self::PartlyPaid => "Delbetald",
            Self::Paid => "Betald",
            Self::Overdue => "Förfallen",
            Self::Credited => "Krediterad",
        }
    }
}

/// Returns the state on `on`. The row must have its days.
#[must_use]
pub fn state(row: &invoice::Model, on: NaiveDate) -> State {
    let by = |fact: Option<NaiveDate>| fact.is_some_and(|day| day <= on);
    if !by(row.issued_on) {
        State::Draft
    } else if by(row.credited_on) {
        State::Credited
    } else if by(row.settled_on) {
        State::Paid
    } else if row.due_on.is_some_and(|due_on| banking_day::on_or_after(due_on) < on) {
        State::Overdue
    } else if by(row.first_paid_on) {
        State::PartlyPaid
    } else {
        State::Issued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn line(quantity: i64, unit_price: i64, rate: VatRate) -> Priced {
        Priced { quantity: Quantity(quantity), unit_price: Money(unit_price), rate }
    }

    fn share(net: i64, vat: i64) -> Share {
        Share { net: Money(net), vat: Money(vat) }
    }

    #[test]
    fn vat_is_a_fifth_of_the_gross_sum_of_the_motion() {
        let totals = totals(&[line(1000, 146_739_360, VatRate::Standard25)], Money::ZERO).unwrap();
        assert_eq!(
            (totals.net, totals.vat, totals.total),
            (Money(146_739_360), Money(36_684_840), Money(183_424_200))
        );
    }

    #[test]
    fn vat_is_calculated_on_the_net_sum_per_rate_and_divided_among_lines() {
        // Three lines of 0.33 at 25 %: 0.2475 together. Rounded line by line, VAT would be 0.08
        // each and 0.24 in all.
        let lines = [line(1000, 33, VatRate::Standard25); 3];
        let totals = totals(&lines, Money::ZERO).unwrap();
        assert_eq!(totals.vat, Money(25));
        assert_eq!(totals.lines, [share(33, 9), share(33, 8), share(33, 8)]);
    }

    #[test]
    fn lines_that_cancel_out_retain_their_vat() {
        let lines = [99_999, 10_000, -109_998].map(|price| line(1000, price, VatRate::Standard25));
        let totals = totals(&lines, Money::ZERO).unwrap();
        assert_eq!((totals.net, totals.vat), (Money(1), Money::ZERO));
        assert_eq!(
            totals.lines,
            [share(99_999, 25_000), share(10_000, 2_500), share(-109_998, -27_500)]
        );
    }

    #[test]
    fn each_rate_has_its_own_sum() {
        let lines = [
            line(1000, 10_000, VatRate::Reduced6),
            line(1500, 10_001, VatRate::Standard25),
            line(1000, -5_000, VatRate::Reduced6),
        ];
        let totals = totals(&lines, Money(37)).unwrap();
        assert_eq!(
            totals.rates,
            [
                RateSum { rate: VatRate::Standard25, net: Money(15_002), vat: Money(3_751) },
                RateSum { rate: VatRate::Reduced6, net: Money(5_000), vat: Money(300) },
            ]
        );
        assert_eq!(totals.total, Money(15_002 + 3_751 + 5_000 + 300 + 37));
        assert_eq!(totals.lines.iter().map(|line| line.vat).sum::<Money>(), totals.vat);
    }

    #[test]
    fn whole_kronor_are_one_amount_on_the_document() {
        assert_eq!(rounding_to_krona(Money(1_081_063)), Money(37));
        assert_eq!(rounding_to_krona(Money(1_081_049)), Money(-49));
        assert_eq!(rounding_to_krona(Money(1_081_050)), Money(50));
        assert_eq!(rounding_to_krona(Money(1_081_100)), Money::ZERO);
    }

    #[test]
    fn sums_beyond_the_largest_amount_are_refused() {
        let most = line(1000, Money::MAX.0, VatRate::Zero);
        assert!(totals(&[most], Money::ZERO).is_some());
        assert_eq!(totals(&[most, line(1000, 1, VatRate::Zero)], Money::ZERO), None);
        assert_eq!(totals(&[most], Money(1)), None);
        assert_eq!(totals(&[line(1000, Money::MAX.0, VatRate::Standard25)], Money::ZERO), None);
        assert_eq!(totals(&vec![most; 3000], Money::ZERO), None);
        assert_eq!(totals(&[], Money::ZERO), Some(Totals::default()));
    }

    #[test]
    fn outside_the_scope_is_never_combined() {
        use VatRate::{Exempt, OutsideScope, Standard25};
        assert!(rates_fit_together([]));
        assert!(rates_fit_together([OutsideScope, OutsideScope]));
        assert!(rates_fit_together([Standard25, Exempt]));
        assert!(!rates_fit_together([OutsideScope, Exempt]));
        assert!(!rates_fit_together([Standard25, OutsideScope]));
    }

    #[test]
    fn a_settlement_follows_the_days() {
        let issued_on = day("2026-01-01");
        let payments = [
            DatedAmount::new(day("2026-03-01"), Money(400)),
            DatedAmount::new(day("2026-02-01"), Money(300)),
        ];
        let part = settlement(Money(1000), issued_on, &payments, &[]);
        assert_eq!(
            (part.paid, part.first_paid_on, part.settled_on),
            (Money(700), Some(day("2026-02-01")), None)
        );
        let rest = settlement(
            Money(1000),
            issued_on,
            &payments,
            &[DatedAmount::new(day("2026-02-15"), Money(300))],
        );
        assert_eq!(
            (rest.credited, rest.settled_on, rest.credited_on),
            (Money(300), Some(day("2026-03-01")), None)
        );
        let all = settlement(
            Money(1000),
            issued_on,
            &payments,
            &[DatedAmount::new(day("2026-04-01"), Money(1000))],
        );
        assert_eq!(
            (all.settled_on, all.credited_on),
            (Some(day("2026-04-01")), Some(day("2026-04-01")))
        );
        assert_eq!(settlement(Money::ZERO, issued_on, &[], &[]).settled_on, Some(issued_on));
    }

    #[test]
    fn a_reversed_payment_never_settled_anything() {
        let settled = |payments: &[(&str, i64)], credits: &[(&str, i64)]| {
            let sums = |sums: &[(&str, i64)]| {
                sums.iter()
                    .map(|(on, sum)| DatedAmount::new(day(on), Money(*sum)))
                    .collect::<Vec<_>>()
            };
            settlement(Money(1000), day("2026-01-01"), &sums(payments), &sums(credits))
        };
        let gone = settled(&[("2026-02-01", 1000), ("2026-03-01", -1000)], &[]);
        assert_eq!(gone, Settlement::default());
        let again =
            settled(&[("2026-02-01", 1000), ("2026-03-01", -1000), ("2026-04-01", 1200)], &[]);
        assert_eq!(
            (again.paid, again.first_paid_on, again.settled_on),
            (Money(1200), Some(day("2026-04-01")), Some(day("2026-04-01")))
        );
        // On the same day, in any order.
        let same = settled(&[("2026-02-01", 300), ("2026-03-01", -300), ("2026-03-01", 1000)], &[]);
        assert_eq!(
            (same.first_paid_on, same.settled_on),
            (Some(day("2026-03-01")), Some(day("2026-03-01")))
        );
        // A later reversal leaves enough to cover the total.
        let enough =
            settled(&[("2026-02-01", 1000), ("2026-02-02", 500), ("2026-03-01", -500)], &[]);
        assert_eq!(
            (enough.first_paid_on, enough.settled_on),
            (Some(day("2026-02-01")), Some(day("2026-02-01")))
        );
        let credited =
            settled(&[("2026-02-01", 1000), ("2026-03-01", -1000)], &[("2026-03-15", 1000)]);
        assert_eq!(
            (credited.settled_on, credited.credited_on),
            (Some(day("2026-03-15")), Some(day("2026-03-15")))
        );
    }

    #[test]
    fn a_state_follows_from_facts_and_a_day() {
        let mut row = invoice::Model {
            issued_on: Some(day("2026-01-10")),
            due_on: Some(day("2026-02-09")),
            ..Default::default()
        };
        assert_eq!(state(&row, day("2026-01-09")), State::Draft);
        assert_eq!(state(&row, day("2026-01-10")), State::Issued);
        assert_eq!(state(&row, day("2026-02-09")), State::Issued);
        assert_eq!(state(&row, day("2026-02-10")), State::Overdue);
        // Due on a Sunday: a payment on Monday is in time.
        row.due_on = Some(day("2026-02-08"));
        assert_eq!(
            (state(&row, day("2026-02-09")), state(&row, day("2026-02-10"))),
            (State::Issued, State::Overdue)
        );
        row.first_paid_on = Some(day("2026-02-01"));
        assert_eq!(state(&row, day("2026-02-09")), State::PartlyPaid);
        assert_eq!(state(&row, day("2026-02-10")), State::Overdue);
        row.settled_on = Some(day("2026-03-01"));
        assert_eq!(
            (state(&row, day("2026-02-28")), state(&row, day("2026-03-01"))),
            (State::Overdue, State::Paid)
        );
        row.credited_on = Some(day("2026-04-01"));
        assert_eq!(
            (state(&row, day("2026-03-31")), state(&row, day("2026-04-01"))),
            (State::Paid, State::Credited)
        );
        assert_eq!(state(&invoice::Model::default(), day("2026-04-01")), State::Draft);
    }
}
