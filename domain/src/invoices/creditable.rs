//! The sums of an invoice that credit notes have left: what may still be credited.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::VatRate,
    money::Money,
};
use sea_orm::ConnectionTrait;

use super::{
    aggregate::InvoiceAggregate,
    amounts::{RateSum, Share, by_rate, rounding_to_krona},
    loading::{self, notes_of},
    naming, payment_allocation,
};
use crate::error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors};

/// Remaining sums of an invoice that can be credited.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// By line, öre without VAT, with the sign of the line.
    pub(super) lines: Vec<Money>,
    /// By line with its VAT, by line id.
    shares: HashMap<InvoiceLineId, Share>,
    /// By rate: net and VAT.
    rates: HashMap<VatRate, (Money, Money)>,
    rounding: Money,
    /// Total.
    pub(super) total: Money,
    /// The rounding of the invoice itself, and its sum before rounding.
    original: (Money, Money),
}

/// Fails with `NOTHING_LEFT` unless a part of an invoice is left to credit.
pub(super) fn require_left(row: &invoice::Model, left: Money) -> Result<()> {
    if left > Money::ZERO {
        return Ok(());
    }
    Err(Error::conflict(
        ConflictReason::NothingLeft,
        format!("{} is fully credited already", naming::name(row)),
    ))
}

impl Left {
    /// Returns the remaining sums of an invoice after these credit notes.
    pub(super) fn of(original: &InvoiceAggregate, notes: &[InvoiceAggregate]) -> Self {
        let mut shares = original.shares();
        let mut rates: HashMap<_, _> = by_rate(&original.lines)
            .into_iter()
            .map(|sum| (sum.rate, (sum.net, sum.vat)))
            .collect();
        let (mut rounding, mut total) = (original.row.rounding, original.row.total);
        for note in notes {
            rounding = rounding - note.row.rounding;
            total = total - note.row.total;
            for line in &note.lines {
                let (net, vat) = rates.entry(line.vat_rate).or_default();
                (*net, *vat) = (*net - line.net, *vat - line.vat);
            }
            payment_allocation::take(&original.lines, &mut shares, &note.lines);
        }
        let ids = original.lines.iter().map(|line| line.id);
        let original = (original.row.rounding, original.row.total - original.row.rounding);
        let lines = shares.iter().map(|share| share.net).collect();
        Self { lines, shares: ids.zip(shares).collect(), rates, rounding, total, original }
    }

    /// Returns the amount of each line to credit: the requested amounts, or everything.
    pub(super) fn take(
        &self,
        original: &InvoiceAggregate,
        requested: Option<&[(InvoiceLineId, Money)]>,
        errors: &mut ValidationErrors,
    ) -> Result<Vec<Money>> {
        require_left(&original.row, self.total)?;
        let Some(requested) = requested else { return Ok(self.lines.clone()) };
        errors.expect(
            !requested.is_empty(),
            "lines",
            FieldErrorCode::Empty
                .problem("must not be empty; leave it out to credit everything that remains"),
        );
        let mut wanted = vec![Money::ZERO; self.lines.len()];
        let mut exceeding = Vec::new();
        for (position, (id, amount)) in requested.iter().enumerate() {
            let path = |field: &str| format!("lines[{position}].{field}");
            let Some(own) = original.lines.iter().position(|line| line.id == *id) else {
                errors.add(
                    path("line_id"),
                    FieldErrorCode::Unknown.problem("is not a line of the invoice"),
                );
                continue;
            };
            let (net, left) = (original.lines[own].net, self.lines[own]);
            if wanted[own] != Money::ZERO {
                errors.add(path("line_id"), FieldErrorCode::Duplicate.problem("is named twice"));
            } else if *amount == Money::ZERO || amount.0.signum() != net.0.signum() {
                errors.add(
                    path("amount"),
                    FieldErrorCode::OutOfRange.problem(format!(
                        "must have the sign of the line's {net}, and not be zero"
                    )),
                );
            } else if amount.0.abs() > left.0.abs() || left.0.signum() != net.0.signum() {
                exceeding.push(format!("line {} has {left} left, without VAT", own + 1));
            } else {
                wanted[own] = *amount;
            }
        }
        if !exceeding.is_empty() && errors.is_empty() {
            return Err(Error::conflict(
                ConflictReason::BeyondInvoice,
                format!("{}: {}", original.name(), exceeding.join("; ")),
            ));
        }
        Ok(wanted)
    }

    /// Returns the rates at which a credit note exceeds the remaining sum, or has the opposite
    /// sign. A line and a deduction at the same rate share their VAT, so neither can be credited
    /// beyond their common sum.
    pub(super) fn exceeding(&self, note: &InvoiceAggregate) -> Vec<String> {
        let exceeding = |sum: RateSum| {
            let (left, _) = self.rates.get(&sum.rate).copied().unwrap_or_default();
            let within = Money::ZERO.min(left)..=Money::ZERO.max(left);
            (!within.contains(&sum.net)).then(|| {
                format!("{left} without VAT remains at {} %, not {}", sum.rate.percent(), sum.net)
            })
        };
        by_rate(&note.lines).into_iter().filter_map(exceeding).collect()
    }

    /// Calculates the sums of a credit note. VAT per rate as on any document, but never more than
    /// remains. With the last net sum of a rate goes all of its VAT; with the last of all, the
    /// rounding. A fully credited line takes its remaining VAT, so that nothing remains of the
    /// line's activity. In whole kronor, the running credited sum is rounded as the invoice was: no
    /// credit note is rounded by a krona or more, and nothing remains after the last.
    pub(super) fn calculate(&self, note: &mut InvoiceAggregate, in_whole_kronor: bool) {
        // The result is less than the invoice, which was within bounds.
        let _is_small = note.calculate(|_| Money::ZERO);
        for sum in by_rate(&note.lines) {
            self.share_vat(note, sum);
        }
        self.add_up(note, in_whole_kronor);
    }

    /// Divides the VAT of a rate among the lines of a credit note.
    fn share_vat(&self, note: &mut InvoiceAggregate, sum: RateSum) {
        let (net, vat) = self.rates.get(&sum.rate).copied().unwrap_or_default();
        let mut of_rate: Vec<_> =
            note.lines.iter_mut().filter(|line| line.vat_rate == sum.rate).collect();
        let mut is_open = Vec::new();
        for line in &mut of_rate {
            let own = line
                .credits_line_id
                .and_then(|id| self.shares.get(&id))
                .filter(|share| share.net == line.net);
            is_open.push(own.is_none());
            line.vat = own.map_or_else(
                || line.net.times(sum.rate.percent(), 100).unwrap_or_default(),
                |share| share.vat,
            );
        }
        let has_open = is_open.contains(&true);
        let shared: Money = of_rate.iter().map(|line| line.vat).sum();
        let right = match (sum.net == net, has_open) {
            (true, _) => vat,
            // Every line is credited fully, with the VAT that the invoice charged for it.
            (false, false) => shared,
            (false, true) => sum.vat.min(vat.max(Money::ZERO)),
        };
        let lines = of_rate
            .into_iter()
            .zip(is_open)
            .filter(|(_, is_open)| *is_open || !has_open)
            .map(|(line, _)| line);
        if let Some(largest) =
            lines.max_by_key(|line| (line.net.0.abs(), std::cmp::Reverse(line.position)))
        {
            largest.vat += right - shared;
        }
    }

    /// Calculates the sums of a credit note as earlier versions did: each line has VAT by its net
    /// sum.
    fn compute_by_rates(&self, note: &mut InvoiceAggregate, in_whole_kronor: bool) {
        let _is_small = note.calculate(|_| Money::ZERO);
        for sum in by_rate(&note.lines) {
            let (net, vat) = self.rates.get(&sum.rate).copied().unwrap_or_default();
            let right = if sum.net == net { vat } else { sum.vat.min(vat.max(Money::ZERO)) };
            let of_rate = note.lines.iter_mut().filter(|line| line.vat_rate == sum.rate);
            if let Some(largest) =
                of_rate.max_by_key(|line| (line.net.0.abs(), std::cmp::Reverse(line.position)))
            {
                largest.vat += right - sum.vat;
            }
        }
        self.add_up(note, in_whole_kronor);
    }

    fn add_up(&self, note: &mut InvoiceAggregate, in_whole_kronor: bool) {
        note.row.vat = note.lines.iter().map(|line| line.vat).sum();
        let exact = note.row.net + note.row.vat;
        let takes_all = exact + self.rounding == self.total;
        note.row.rounding = match (takes_all, in_whole_kronor) {
            (true, _) => self.rounding,
            (false, true) => self.whole_kronor(exact),
            (false, false) => Money::ZERO,
        };
        note.row.total = exact + note.row.rounding;
    }
}

impl Left {
    /// Returns the rounding of a part of `exact`; zero if it would leave nothing or exceed the
    /// total.
    fn whole_kronor(&self, exact: Money) -> Money {
        let (rounding, of_all) = self.original;
        let credited = of_all - (self.total - self.rounding) + exact;
        let own = rounding_to_krona(credited) - (rounding - self.rounding);
        let is_fit = (Money(1)..=self.total).contains(&(exact + own));
        if is_fit { own } else { Money::ZERO }
    }
}

/// Returns the violations of the issued credit notes of an invoice that reference its lines, in
/// order of number: the note and a description.
pub(super) fn violations(
    original: &InvoiceAggregate,
    notes: &[InvoiceAggregate],
) -> Vec<(InvoiceId, String)> {
    let mut found = Vec::new();
    for (position, note) in notes.iter().enumerate() {
        if note.lines.iter().all(|line| line.credits_line_id.is_none()) {
            continue;
        }
        let left = Left::of(original, &notes[..position]);
        // The rounding of the invoice does not show whether its credit notes are rounded: those of
        // earlier versions are not. Nor is it recorded which version divided their VAT.
        let computed = |compute: fn(&Left, &mut InvoiceAggregate, bool), in_whole_kronor: bool| {
            let mut computed = note.clone();
            compute(&left, &mut computed, in_whole_kronor);
            computed
        };
        let expected = computed(Left::calculate, false);
        let rules: [fn(&Left, &mut InvoiceAggregate, bool); 2] =
            [Left::calculate, Left::compute_by_rates];
        let is_right = rules.into_iter().any(|rule| {
            [false, true].into_iter().any(|aggregate| computed(rule, aggregate) == *note)
        });
        if !is_right {
            let words = |note: &InvoiceAggregate| {
                format!(
                    "net {}, VAT {}, rounding {}",
                    note.row.net, note.row.vat, note.row.rounding
                )
            };
            found.push((
                note.row.id,
                format!(
                    "has {} of {}, which must be {}",
                    note.name(),
                    words(note),
                    words(&expected)
                ),
            ));
        }
        for words in left.exceeding(note) {
            found.push((
                note.row.id,
                format!("has {} that exceeds the remaining sum: {words}", note.name()),
            ));
        }
        let after = Left::of(original, &notes[..=position]);
        let exceeds = |(left, line): (&Money, &invoice_line::Model)| {
            left.0 != 0 && left.0.signum() != line.net.0.signum()
        };
        if after.lines.iter().zip(&original.lines).any(exceeds) {
            found.push((
                note.row.id,
                format!("has {} that credits a line by more than its sum", note.name()),
            ));
        }
    }
    found
}

/// A violation of a credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invoice.
    pub credited: InvoiceId,
    /// The credit note.
    pub note: InvoiceId,
    /// Description: a sentence about the invoice.
    pub words: String,
}

/// Returns the violations of the issued credit notes of these invoices that reference their lines.
/// For imports, which write credit notes made elsewhere.
pub async fn violations_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<Vec<Violation>> {
    let originals = loading::by_ids(db, &invoices).await?;
    let notes = notes_of(db, invoices).await?;
    let mut found = Vec::new();
    for (credited, notes) in notes {
        let Some(original) = originals.get(&credited) else { continue };
        let violation = |(note, words)| Violation {
            credited,
            note,
            words: format!("{} {words}", original.name()),
        };
        found.extend(violations(original, &notes).into_iter().map(violation));
    }
    Ok(found)
}

/// `true` if an invoice was rounded to whole kronor, so that its credit notes are rounded too: it
/// has a rounding, or its total is whole kronor and the settings round.
pub(super) fn has_whole_kronor(original: &InvoiceAggregate, rounds: bool) -> bool {
    original.row.rounding != Money::ZERO || rounds && original.row.total.0 % 100 == 0
}

#[cfg(test)]
mod tests {
    use ::entity::money::Quantity;

    use super::{super::credit::lines, *};

    fn invoice(lines: &[(i64, VatRate)], rounding: i64) -> InvoiceAggregate {
        let line = |(position, (net, vat_rate)): (i32, &(i64, VatRate))| invoice_line::Model {
            id: InvoiceLineId::new(),
            position,
            quantity: Quantity(1000),
            unit_price: Money(*net),
            vat_rate: *vat_rate,
            ..invoice_line::Model::default()
        };
        let mut aggregate = InvoiceAggregate {
            lines: (1..).zip(lines).map(line).collect(),
            ..InvoiceAggregate::default()
        };
        assert!(aggregate.calculate(|_| Money(rounding)));
        aggregate
    }

    fn note(
        original: &InvoiceAggregate,
        notes: &[InvoiceAggregate],
        wanted: Option<Vec<i64>>,
    ) -> InvoiceAggregate {
        let left = Left::of(original, notes);
        let wanted = wanted
            .map_or_else(|| left.lines.clone(), |wanted| wanted.into_iter().map(Money).collect());
        let mut note = InvoiceAggregate::default();
        note.lines = lines(original, &note, &left, &wanted);
        left.calculate(&mut note, false);
        note
    }

    #[test]
    fn part_credits_of_whole_kronor_are_whole_kronor() {
        // 1 000.41 and 0.07 with VAT: 1 250.58, rounded to 1 251.
        let mut original = invoice(&[(100_041, VatRate::Standard25), (7, VatRate::Reduced6)], 0);
        assert!(original.calculate(rounding_to_krona));
        assert_eq!((original.row.rounding, original.row.total), (Money(42), Money(125_100)));
        assert!(has_whole_kronor(&original, false));
        for part in [[3_337, 0], [4_100, 0], [50_000, 7], [333, 0], [10_001, 1]] {
            let mut notes: Vec<InvoiceAggregate> = Vec::new();
            for step in 0.. {
                let left = Left::of(&original, &notes);
                let fits = (0..2).all(|line| left.lines[line].0 >= part[line]);
                let wanted: Vec<Money> = if fits {
                    part.iter().map(|net| Money(*net)).collect()
                } else {
                    left.lines.clone()
                };
                let mut next = InvoiceAggregate::default();
                next.lines = lines(&original, &next, &left, &wanted);
                left.calculate(&mut next, true);
                assert!(next.row.rounding.0.abs() < 100, "{part:?} {step}: {}", next.row.rounding);
                let is_complete = next.row.total.0 % 100 == 0;
                let was_too_small = next.row.rounding == Money::ZERO && next.row.total < Money(100);
                assert!(
                    is_complete
                        || was_too_small
                        || notes.iter().any(|note| note.row.total.0 % 100 != 0),
                    "{part:?} {step}: {}",
                    next.row.total
                );
                notes.push(next);
                if !fits {
                    break;
                }
            }
            assert_eq!(
                notes.iter().map(|note| note.row.total).sum::<Money>(),
                original.row.total,
                "{part:?}"
            );
            assert_eq!(violations(&original, &notes), [], "{part:?}");
        }
    }

    #[test]
    fn nothing_remains_in_any_order_of_credits() {
        let original = invoice(
            &[
                (333, VatRate::Standard25),
                (10_001, VatRate::Standard25),
                (77, VatRate::Reduced6),
                (-100, VatRate::Reduced12),
            ],
            37,
        );
        for parts in [
            vec![],
            vec![vec![1, 0, 0, 0]; 300],
            vec![vec![0, 3333, 7, 0]; 3],
            vec![vec![333, 10_001, 77, -40]],
            vec![vec![2, 2, 2, -1]; 30],
        ] {
            let mut notes = Vec::new();
            for part in parts {
                let next = note(&original, &notes, Some(part));
                assert_eq!(Left::of(&original, &notes).exceeding(&next), [""; 0]);
                for sum in by_rate(&next.lines) {
                    let exact = sum.net.times(sum.rate.percent(), 100).unwrap();
                    assert!(
                        (sum.vat - exact).0.abs() <= 100,
                        "{sum:?}, which is {exact} by itself"
                    );
                }
                notes.push(next);
            }
            let last = note(&original, &notes, None);
            notes.push(last);
            let sum = |of: fn(&InvoiceAggregate) -> Money| notes.iter().map(of).sum::<Money>();
            assert_eq!(sum(|note| note.row.net), original.row.net);
            assert_eq!(sum(|note| note.row.vat), original.row.vat);
            assert_eq!(sum(|note| note.row.rounding), original.row.rounding);
            assert_eq!(sum(|note| note.row.total), original.row.total);
            let left = Left::of(&original, &notes);
            assert!(left.lines.iter().all(|line| *line == Money::ZERO), "{left:?}");
        }
    }

    #[test]
    fn a_full_credit_in_steps_leaves_nothing_of_any_line() {
        // VAT at 25 % of 8.34, 8.34 and 8.33 is an öre more than that of their sum 25.00: the first
        // line has it less.
        let original = invoice(
            &[
                (3_335, VatRate::Standard25),
                (3_335, VatRate::Standard25),
                (3_331, VatRate::Standard25),
            ],
            0,
        );
        assert_eq!(
            original.lines.iter().map(|line| line.vat.0).collect::<Vec<_>>(),
            [833, 834, 833]
        );
        assert_eq!(note(&original, &[], Some(vec![3_335, 0, 0])).row.vat, Money(833));
        for parts in [
            vec![vec![3_335, 0, 0]],
            vec![vec![3_335, 3_335, 0]],
            vec![vec![1_001, 1_001, 1_001], vec![1_001, 1_001, 1_001]],
            vec![vec![1, 1, 1], vec![0, 3_334, 0], vec![3_333, 0, 3_330]],
            vec![vec![3_334, 0, 3_331]],
        ] {
            let mut notes: Vec<InvoiceAggregate> = Vec::new();
            for part in parts.into_iter().map(Some).chain([None]) {
                notes.push(note(&original, &notes, part));
            }
            let left = Left::of(&original, &notes);
            assert!(left.shares.values().all(|share| *share == Share::default()), "{left:?}");
            assert_eq!(notes.iter().map(|note| note.row.total).sum::<Money>(), original.row.total);
            assert_eq!(violations(&original, &notes), []);
        }
    }

    #[test]
    fn credit_notes_of_earlier_versions_stay_valid() {
        let original = invoice(
            &[
                (3_335, VatRate::Standard25),
                (3_335, VatRate::Standard25),
                (3_331, VatRate::Standard25),
            ],
            0,
        );
        let left = Left::of(&original, &[]);
        let mut first = InvoiceAggregate::default();
        first.lines = lines(&original, &first, &left, &[Money(3_335), Money(0), Money(0)]);
        left.compute_by_rates(&mut first, false);
        assert_eq!(first.row.vat, Money(834));
        let last = note(&original, std::slice::from_ref(&first), None);
        assert_eq!(violations(&original, &[first, last]), []);
    }

    #[test]
    fn a_line_and_a_deduction_at_its_rate_are_one_sum() {
        use VatRate::{Reduced6, Standard25};
        let original =
            invoice(&[(10_000, Standard25), (-5_000, Standard25), (10_000, Reduced6)], 0);
        for (wanted, fits) in [
            (vec![10_000, 0, 0], false),
            (vec![5_001, 0, 0], false),
            (vec![0, -5_000, 10_000], false),
            (vec![10_000, 0, 10_000], false),
            (vec![5_000, 0, 10_000], true),
            (vec![10_000, -5_000, 0], true),
            (vec![7_500, -2_500, 1], true),
        ] {
            let next = note(&original, &[], Some(wanted.clone()));
            assert_eq!(Left::of(&original, &[]).exceeding(&next).is_empty(), fits, "{wanted:?}");
            if fits {
                assert!(
                    by_rate(&next.lines)
                        .iter()
                        .all(|sum| Some(sum.vat) == sum.net.times(sum.rate.percent(), 100)),
                    "{next:?}"
                );
            }
        }
    }

    #[test]
    fn credits_that_name_no_line_reduce_similar_lines() {
        let original = invoice(
            &[(100, VatRate::Standard25), (300, VatRate::Standard25), (50, VatRate::Reduced6)],
            0,
        );
        let mut imported = invoice(&[(150, VatRate::Standard25)], 0);
        imported.lines[0].credits_line_id = None;
        assert_eq!(Left::of(&original, &[imported]).lines, [Money(0), Money(250), Money(50)]);
    }
}
