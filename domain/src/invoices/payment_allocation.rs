//! Allocation of the payments of an invoice to its lines, by day.
//!
//! The rule: at the end of a day, all that is paid so far is allocated to the lines pro rata to the
//! remaining sum of each, with VAT, after the credit notes so far. The öre that rounding leaves
//! over go to the largest line. The part of each line is divided into net and VAT in the proportion
//! of its remaining sum. As soon as the payments cover all remaining sums, each line has exactly
//! its remaining sum, net and VAT to the öre. The excess is allocated to no line: an overpayment is
//! a debt to the payer, and the rounding to whole kronor (öresavrundning) is booked separately.
//! Neither is revenue, and neither contains VAT.
//!
//! A change on a day counts on that day. A credit note, which moves what was paid of a line to the
//! lines with a remaining sum, or to none, therefore counts in its own month. Reports of earlier
//! months stay true, and the end result does not depend on the order of payment and credit. Only an
//! entry with an earlier day changes the days after it.

use std::{
    cmp::{max, min},
    collections::{BTreeMap, BTreeSet},
};

use ::entity::{
    adjustment, id::InvoiceId, invoice_line, kind::AdjustmentKind, money::Money, payment,
};
use chrono::NaiveDate;

use super::{aggregate::InvoiceAggregate, amounts::Share};

/// Index for the sum that is allocated to no line.
pub const NO_LINE: i32 = 0;

/// Allocated sums by day and index of the line, without zeros.
pub type AllocationChanges = BTreeMap<(NaiveDate, i32), Share>;

/// Returns the sums that payments and issued credit notes move between the lines of an invoice.
#[must_use]
pub fn moves(invoice: &InvoiceAggregate, notes: &[InvoiceAggregate]) -> AllocationChanges {
    let mut moves = AllocationChanges::new();
    if invoice.payments.is_empty() {
        return moves;
    }
    let mut notes: Vec<&InvoiceAggregate> = notes.iter().filter(|note| note.is_issued()).collect();
    notes.sort_by(|one, other| order(one).cmp(&order(other)));
    let days = notes.iter().filter_map(|note| note.row.issued_on);
    let days: BTreeSet<NaiveDate> = days
        .chain(invoice.payments.iter().map(payment::Model::day_in_books))
        .chain(refunds(invoice).map(adjustment::Model::day_in_books))
        .collect();
    let (mut left, mut rounding, mut paid) = (invoice.shares(), invoice.row.rounding, Money::ZERO);
    let (mut lie, mut exceeding) = (vec![Share::default(); left.len()], Money::ZERO);
    for day in days {
        for note in notes.iter().filter(|note| note.row.issued_on == Some(day)) {
            take(&invoice.lines, &mut left, &note.lines);
            rounding = rounding - note.row.rounding;
        }
        paid += invoice
            .payments
            .iter()
            .filter(|payment| payment.day_in_books() == day)
            .map(|payment| payment.amount)
            .sum();
        paid += refunds(invoice)
            .filter(|refund| refund.day_in_books() == day)
            .map(|refund| -refund.amount)
            .sum();
        let now = spread(paid, &left, rounding);
        let beyond_now = paid - now.iter().map(|share| share.gross()).sum();
        let mut note = |position: i32, net: Money, vat: Money| {
            if net != Money::ZERO || vat != Money::ZERO {
                moves.insert((day, position), Share { net, vat });
            }
        };
        for ((line, now), before) in invoice.lines.iter().zip(&now).zip(&lie) {
            note(line.position, now.net - before.net, now.vat - before.vat);
        }
        note(NO_LINE, beyond_now - exceeding, Money::ZERO);
        (lie, exceeding) = (now, beyond_now);
    }
    moves
}

/// Returns the refunds of an invoice and their reversals.
fn refunds(invoice: &InvoiceAggregate) -> impl Iterator<Item = &adjustment::Model> {
    invoice.adjustments.iter().filter(|adjustment| adjustment.kind == AdjustmentKind::Refund)
}

/// Returns the sort key of a credit note: the order in which credit notes reduce their invoice.
fn order(note: &InvoiceAggregate) -> (Option<NaiveDate>, &str, InvoiceId) {
    (note.row.issued_on, &note.row.number_key, note.row.id)
}

/// Subtracts the lines of a credit note from the remaining sums of its invoice's lines. A line that
/// does not reference the credited line, as in imported credit notes, reduces the lines of the same
/// rate, those of the same activity and agreement first, and none below zero.
pub fn take(lines: &[invoice_line::Model], left: &mut [Share], credits: &[invoice_line::Model]) {
    for credit in credits {
        match lines.iter().position(|own| Some(own.id) == credit.credits_line_id) {
            Some(position) => {
                left[position] = Share {
                    net: left[position].net - credit.net,
                    vat: left[position].vat - credit.vat,
                }
            }
            None => take_from_alike(lines, left, credit),
        }
    }
}

fn take_from_alike(
    lines: &[invoice_line::Model],
    left: &mut [Share],
    credit: &invoice_line::Model,
) {
    let is_alike = |own: &invoice_line::Model| {
        (own.activity_id, own.agreement_id) == (credit.activity_id, credit.agreement_id)
    };
    let order = (0..lines.len()).filter(|&position| lines[position].vat_rate == credit.vat_rate);
    let (alike, others): (Vec<_>, Vec<_>) = order.partition(|&position| is_alike(&lines[position]));
    let mut taken = Money::ZERO;
    for position in alike.into_iter().chain(others) {
        let rest = credit.net - taken;
        if left[position].net.0.signum() == rest.0.signum() {
            let net = Money(min(rest.0.abs(), left[position].net.0.abs()) * rest.0.signum());
            // Steps of the running sum, so that the parts add up to the VAT of the credit line.
            let vat_of = |net: Money| credit.vat.times(net.0, credit.net.0).unwrap_or_default();
            let vat = vat_of(taken + net) - vat_of(taken);
            left[position] = Share { net: left[position].net - net, vat: left[position].vat - vat };
            taken += net;
        }
    }
}

/// Returns the allocation of a paid sum to lines with these remaining sums, for this rounding of
/// the document.
fn spread(paid: Money, left: &[Share], rounding: Money) -> Vec<Share> {
    let all: Money = left.iter().map(|share| share.gross()).sum();
    if paid <= Money::ZERO {
        return vec![Share::default(); left.len()];
    }
    // A document that was rounded down is covered by less than the sum of its lines.
    if paid >= all || paid >= all + min(rounding, Money::ZERO) {
        return left.to_vec();
    }
    let part_of = |(part, left): (Money, &Share)| {
        let vat = part.times(left.vat.0, left.gross().0).unwrap_or_default();
        Share { net: part - vat, vat }
    };
    pro_rata(paid, all, left).into_iter().zip(left).map(part_of).collect()
}

/// Divides a sum, which is positive and less than `all`, pro rata to the remaining sums. No part
/// exceeds its line: the remainder of the rounding goes to the largest line, and the excess to the
/// next.
fn pro_rata(sum: Money, all: Money, left: &[Share]) -> Vec<Money> {
    let mut parts: Vec<Money> =
        left.iter().map(|share| sum.times(share.gross().0, all.0).unwrap_or_default()).collect();
    let mut rest = sum - parts.iter().copied().sum();
    let mut positions: Vec<usize> = (0..left.len()).collect();
    positions
        .sort_by_key(|&position| (std::cmp::Reverse(left[position].gross().0.abs()), position));
    for position in positions {
        if rest == Money::ZERO {
            break;
        }
        let aggregate = left[position].gross();
        let part = (parts[position] + rest)
            .clamp(min(aggregate, Money::ZERO), max(aggregate, Money::ZERO));
        rest = rest - (part - parts[position]);
        parts[position] = part;
    }
    parts
}

#[cfg(test)]
mod tests {
    use ::entity::{
        id::{ActivityId, InvoiceLineId},
        invoice,
        kind::{InvoiceKind, VatRate},
        money::Quantity,
    };
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn share(net: i64, vat: i64) -> Share {
        Share { net: Money(net), vat: Money(vat) }
    }

    fn invoice(lines: &[(i64, VatRate)], rounding: i64) -> InvoiceAggregate {
        let line = |(position, (net, vat_rate)): (i32, &(i64, VatRate))| invoice_line::Model {
            id: InvoiceLineId::new(),
            position,
            quantity: Quantity(1000),
            unit_price: Money(*net),
            vat_rate: *vat_rate,
            activity_id: Some(ActivityId::new()),
            ..invoice_line::Model::default()
        };
        let mut aggregate = InvoiceAggregate {
            lines: (1..).zip(lines).map(line).collect(),
            ..InvoiceAggregate::default()
        };
        assert!(aggregate.calculate(|_| Money(rounding)));
        aggregate
    }

    fn pay(invoice: &mut InvoiceAggregate, on: &str, amount: i64) {
        let payment = payment::Model {
            received_on: day(on),
            amount: Money(amount),
            ..payment::Model::default()
        };
        invoice.payments.push(payment);
    }

    /// A credit note with these net sums for the lines, VAT by the rate of each.
    fn note(original: &InvoiceAggregate, on: &str, nets: &[i64]) -> InvoiceAggregate {
        let taken = original.lines.iter().zip(nets).filter(|(_, net)| **net != 0);
        let line = |(own, net): (&invoice_line::Model, &i64)| invoice_line::Model {
            credits_line_id: Some(own.id),
            net: Money(*net),
            vat: if Money(*net) == own.net {
                own.vat
            } else {
                Money(*net).times(own.vat_rate.percent(), 100).unwrap()
            },
            ..own.clone()
        };
        let row = invoice::Model {
            kind: InvoiceKind::CreditNote,
            issued_on: Some(day(on)),
            ..invoice::Model::default()
        };
        InvoiceAggregate { row, lines: taken.map(line).collect(), ..InvoiceAggregate::default() }
    }

    /// Returns the sums on each line after these moves up to a day; index 0 is the sum on no line.
    fn allocated(invoice: &InvoiceAggregate, moves: &AllocationChanges, until: &str) -> Vec<Share> {
        let mut allocated = vec![Share::default(); invoice.lines.len() + 1];
        for ((_, position), share) in moves.iter().filter(|((on, _), _)| *on <= day(until)) {
            let own = &mut allocated[usize::try_from(*position).unwrap()];
            (own.net, own.vat) = (own.net + share.net, own.vat + share.vat);
        }
        allocated
    }

    const END: &str = "2999-12-31";

    #[test]
    fn a_part_payment_is_allocated_pro_rata_and_the_last_ore_to_the_largest() {
        use VatRate::{Standard25, Zero};
        let mut invoice =
            invoice(&[(1_000_000, Standard25), (500_000, Standard25), (200_000, Zero)], 0);
        pay(&mut invoice, "2026-01-01", 100_000);
        // 100 000 / 2 075 000 of each line: 60 240.96, 30 120.48 and 9 638.55.
        assert_eq!(
            allocated(&invoice, &moves(&invoice, &[]), END),
            [share(0, 0), share(48_193, 12_048), share(24_096, 6_024), share(9_639, 0)]
        );
        pay(&mut invoice, "2026-01-02", 1_975_000);
        let aggregate: Vec<Share> =
            [Share::default()].into_iter().chain(invoice.shares()).collect();
        assert_eq!(allocated(&invoice, &moves(&invoice, &[]), END), aggregate);
    }

    #[test]
    fn no_line_gets_more_than_it_has_left() {
        // Each of ten öre gets 0.4; the four that rounding leaves over exceed the first line.
        let left = vec![share(1, 0); 10];
        let parts = pro_rata(Money(4), Money(10), &left);
        assert_eq!(
            parts.iter().map(|part| part.0).collect::<Vec<_>>(),
            [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
        );
        let parts = pro_rata(Money(6), Money(10), &left);
        assert_eq!(
            parts.iter().map(|part| part.0).collect::<Vec<_>>(),
            [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
        );
    }

    #[test]
    fn the_paid_sum_of_a_credited_line_moves_on_the_day_of_the_credit_note() {
        let lines = [(80_000, VatRate::Standard25), (80_000, VatRate::Standard25)];
        // Credited, then paid.
        let mut first = invoice(&lines, 0);
        let credit = note(&first, "2026-02-01", &[0, 80_000]);
        pay(&mut first, "2026-03-01", 100_000);
        assert_eq!(
            allocated(&first, &moves(&first, &[credit]), END),
            [share(0, 0), share(80_000, 20_000), share(0, 0)]
        );
        // Half paid, then credited: the sum moves from one line to the other.
        let mut half = invoice(&lines, 0);
        pay(&mut half, "2026-01-15", 100_000);
        let credit = note(&half, "2026-02-01", &[0, 80_000]);
        let found = moves(&half, &[credit]);
        assert_eq!(
            allocated(&half, &found, "2026-01-31"),
            [share(0, 0), share(40_000, 10_000), share(40_000, 10_000)]
        );
        assert_eq!(
            allocated(&half, &found, END),
            [share(0, 0), share(80_000, 20_000), share(0, 0)]
        );
        // Fully paid, then credited: the sum is a debt to the payer.
        let mut aggregate = invoice(&lines, 0);
        pay(&mut aggregate, "2026-01-15", 200_000);
        let credit = note(&aggregate, "2026-02-01", &[0, 80_000]);
        assert_eq!(
            allocated(&aggregate, &moves(&aggregate, &[credit]), END),
            [share(100_000, 0), share(80_000, 20_000), share(0, 0)]
        );
    }

    #[test]
    fn overpayments_and_rounding_are_allocated_to_no_line() {
        let mut twice = invoice(&[(80_000, VatRate::Standard25)], 0);
        pay(&mut twice, "2026-01-01", 100_000);
        pay(&mut twice, "2026-02-01", 100_000);
        assert_eq!(
            allocated(&twice, &moves(&twice, &[]), END),
            [share(100_000, 0), share(80_000, 20_000)]
        );
        let mut deducted = invoice(&[(1_000_000, VatRate::Zero), (-900_000, VatRate::Zero)], 0);
        pay(&mut deducted, "2026-01-01", 200_000);
        assert_eq!(
            allocated(&deducted, &moves(&deducted, &[]), END),
            [share(100_000, 0), share(1_000_000, 0), share(-900_000, 0)]
        );
        for (net, rounding) in [(864_850, 37), (864_820, -25)] {
            let mut rounded = invoice(&[(net, VatRate::Standard25)], rounding);
            let own = rounded.shares()[0];
            let total = rounded.row.total.0;
            pay(&mut rounded, "2026-01-01", total);
            assert_eq!(
                allocated(&rounded, &moves(&rounded, &[]), END),
                [share(rounding, 0), own],
                "{net}"
            );
        }
    }

    #[test]
    fn a_reversal_removes_the_allocation_of_the_payment() {
        let mut invoice = invoice(
            &[(33, VatRate::Standard25), (33, VatRate::Standard25), (7, VatRate::Standard25)],
            0,
        );
        pay(&mut invoice, "2026-01-01", 50);
        pay(&mut invoice, "2026-01-02", -50);
        pay(&mut invoice, "2026-01-03", 200);
        let found = moves(&invoice, &[]);
        assert_eq!(allocated(&invoice, &found, "2026-01-02"), [Share::default(); 4]);
        assert_eq!(allocated(&invoice, &found, END)[1..], invoice.shares());
    }

    #[test]
    fn credits_that_name_no_line_take_vat_with_them() {
        let original = invoice(
            &[(100, VatRate::Standard25), (300, VatRate::Standard25), (50, VatRate::Reduced6)],
            0,
        );
        let mut imported = note(&original, "2026-02-01", &[0, 300]);
        imported.lines[0] = invoice_line::Model {
            credits_line_id: None,
            activity_id: None,
            ..imported.lines[0].clone()
        };
        let mut left = original.shares();
        take(&original.lines, &mut left, &imported.lines);
        assert_eq!(left, [share(0, 0), share(100, 25), share(50, 3)]);
    }

    #[test]
    fn payments_and_credits_add_up_and_stay_within_the_lines() {
        let mut random = StdRng::seed_from_u64(5);
        for _ in 0..400 {
            let rates = [VatRate::Standard25, VatRate::Reduced6, VatRate::Zero];
            let count = random.random_range(1..=4);
            // Some are deductions.
            let lines: Vec<_> = (0..count)
                .map(|_| (random.random_range(-5_000..30_000), rates[random.random_range(0..3)]))
                .collect();
            let mut invoice = invoice(&lines, random.random_range(-49..=50));
            let on = |random: &mut StdRng| format!("2026-01-{:02}", random.random_range(1..=28));
            let mut notes = Vec::new();
            let mut left: Vec<i64> = lines.iter().map(|(net, _)| *net).collect();
            for _ in 0..random.random_range(0..3) {
                let nets: Vec<i64> = left
                    .iter()
                    .map(|left| {
                        if random.random_bool(0.4) {
                            0
                        } else {
                            random.random_range(min(0, *left)..=max(0, *left))
                        }
                    })
                    .collect();
                left = left.iter().zip(&nets).map(|(left, net)| left - net).collect();
                notes.push(note(&invoice, &on(&mut random), &nets));
            }
            for _ in 0..random.random_range(1..4) {
                let most = max(invoice.row.total.0, 2);
                let (on, amount) = (on(&mut random), random.random_range(1..most));
                pay(&mut invoice, &on, amount);
            }
            let found = moves(&invoice, &notes);
            for last in 1..=28 {
                let until = format!("2026-01-{last:02}");
                let by = |on: NaiveDate| on <= day(&until);
                let paid: Money = invoice
                    .payments
                    .iter()
                    .filter(|payment| by(payment.received_on))
                    .map(|payment| payment.amount)
                    .sum();
                let now = allocated(&invoice, &found, &until);
                assert_eq!(
                    now.iter().map(|share| share.gross()).sum::<Money>(),
                    paid,
                    "every öre is allocated"
                );
                let mut left = invoice.shares();
                for note in notes.iter().filter(|note| note.row.issued_on.is_some_and(by)) {
                    take(&invoice.lines, &mut left, &note.lines);
                }
                let all: Money = left.iter().map(|share| share.gross()).sum();
                for (now, left) in now[1..].iter().zip(&left) {
                    let (low, high) =
                        (min(left.gross(), Money::ZERO), max(left.gross(), Money::ZERO));
                    assert!((low..=high).contains(&now.gross()), "{now:?} of {left:?}");
                }
                if now[0].net > Money::ZERO {
                    assert_eq!(now[1..].to_vec(), left, "a sum on no line belongs to no line");
                }
                assert!(now[0].net >= min(invoice.row.rounding, Money::ZERO), "{now:?} of {all}");
            }
            // Independent of the order of entry, and later entries leave earlier days unchanged.
            let mut other = invoice.clone();
            other.payments.shuffle(&mut random);
            notes.reverse();
            if notes.iter().map(|note| note.row.issued_on).collect::<BTreeSet<_>>().len()
                == notes.len()
            {
                assert_eq!(moves(&other, &notes), found);
            }
            pay(&mut other, "2026-02-01", 77);
            notes.push(note(&invoice, "2026-02-02", &left));
            let later = moves(&other, &notes);
            assert_eq!(
                later.range(..(day("2026-02-01"), 0)).collect::<Vec<_>>(),
                found.iter().collect::<Vec<_>>()
            );
        }
    }
}
