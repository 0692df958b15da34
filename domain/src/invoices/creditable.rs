//! The sums of an invoice that credit notes have left: what may still be credited.

use std::collections::HashMap;

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;

use super::{
    aggregate::InvoiceAggregate,
    amounts::{RateSum, Share, by_rate, rounding_to_krona},
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

/// Fails with `NOT_ISSUED` or `CREDIT_NOTE` unless a document can be credited; otherwise returns
/// its day of issue.
pub(super) fn require_creditable(row: &invoice::Model) -> Result<NaiveDate> {
    let Some(issued_on) = row.issued_on else {
        return Err(Error::conflict(
            ConflictReason::NotIssued,
            "the invoice is a draft; change or discard it instead",
        ));
    };
    if row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            "a credit note can't be credited; issue an invoice instead",
        ));
    }
    Ok(issued_on)
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

    /// Returns the credit note of these amounts by line, with its sums and without a number.
    ///
    /// # Errors
    /// INVALID if it does not add up to more than zero, CONFLICT `BEYOND_INVOICE`.
    pub(super) fn note(
        &self,
        original: &InvoiceAggregate,
        wanted: &[Money],
        reason: String,
        in_whole_kronor: bool,
    ) -> Result<InvoiceAggregate> {
        let mut note = note_without_lines(original, reason);
        note.lines = lines(original, &note, self, wanted);
        self.calculate(&mut note, in_whole_kronor);
        if note.row.total <= Money::ZERO {
            return Err(Error::invalid(
                "lines",
                FieldErrorCode::OutOfRange
                    .problem("must add up to more than zero")
                    .with("exclusiveMin", Money::ZERO),
            ));
        }
        let too_much = self.exceeding(&note);
        if !too_much.is_empty() {
            return Err(Error::conflict(
                ConflictReason::BeyondInvoice,
                format!("{}: {}", original.name(), too_much.join("; ")),
            ));
        }
        if note.row.total > self.total {
            return Err(Error::conflict(
                ConflictReason::BeyondInvoice,
                format!("{} has {} left to credit, VAT included", original.name(), self.total),
            ));
        }
        Ok(note)
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
    pub(super) fn compute_by_rates(&self, note: &mut InvoiceAggregate, in_whole_kronor: bool) {
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

/// `true` if an invoice was rounded to whole kronor, so that its credit notes are rounded too: it
/// has a rounding, or its total is whole kronor and the settings round.
pub(super) fn has_whole_kronor(original: &InvoiceAggregate, rounds: bool) -> bool {
    original.row.rounding != Money::ZERO || rounds && original.row.total.0 % 100 == 0
}

/// Returns the row of a new credit note of an invoice, without lines and sums.
fn note_without_lines(original: &InvoiceAggregate, reason: String) -> InvoiceAggregate {
    InvoiceAggregate {
        row: invoice::Model {
            id: InvoiceId::new(),
            kind: InvoiceKind::CreditNote,
            member_id: original.row.member_id,
            organisation_id: original.row.organisation_id,
            credits_id: Some(original.row.id),
            reason: Some(reason),
            order_reference: original.row.order_reference.clone(),
            our_reference: original.row.our_reference.clone(),
            buyer_reference: original.row.buyer_reference.clone(),
            ..invoice::Model::default()
        },
        ..InvoiceAggregate::default()
    }
}

/// Returns the lines of a credit note. A fully credited line retains its quantity and price.
fn lines(
    original: &InvoiceAggregate,
    note: &InvoiceAggregate,
    left: &Left,
    wanted: &[Money],
) -> Vec<invoice_line::Model> {
    let taken = original.lines.iter().zip(wanted).filter(|(_, amount)| **amount != Money::ZERO);
    let line = |(position, (own, amount)): (i32, (&invoice_line::Model, &Money))| {
        let is_complete = *amount == own.net
            && left.lines.get(usize::try_from(own.position - 1).unwrap_or_default())
                == Some(&own.net);
        let (quantity, unit_price) =
            if is_complete { (own.quantity, own.unit_price) } else { (Quantity(1000), *amount) };
        invoice_line::Model {
            id: InvoiceLineId::new(),
            invoice_id: note.row.id,
            position,
            credits_line_id: Some(own.id),
            quantity,
            unit_price,
            ..own.clone()
        }
    };
    (1..).zip(taken).map(line).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::money::Quantity;

    use super::*;
    use crate::invoices::integrity::credit_notes::violations;

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
                    assert!((sum.vat - exact).0.abs() <= 100, "{sum:?}, which is {exact} exactly");
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

    #[test]
    fn only_an_issued_invoice_can_be_credited() {
        let mut row = invoice::Model::default();
        let reason = |row: &invoice::Model| require_creditable(row).err().map(|e| e.to_string());
        assert!(reason(&row).is_some_and(|words| words.contains("is a draft")));
        row.issued_on = "2026-10-01".parse().ok();
        assert_eq!(require_creditable(&row).ok(), row.issued_on);
        row.kind = InvoiceKind::CreditNote;
        assert!(reason(&row).is_some_and(|words| words.contains("can't be credited")));
    }

    #[test]
    fn amounts_to_credit_are_those_of_lines_with_a_rest() {
        use VatRate::Standard25;
        let original = invoice(&[(10_000, Standard25), (-2_000, Standard25)], 0);
        let [first, second] = [original.lines[0].id, original.lines[1].id];
        let left = Left::of(&original, &[]);
        let taken = |requested: &[(InvoiceLineId, Money)]| {
            let mut errors = ValidationErrors::default();
            let taken = left.take(&original, Some(requested), &mut errors);
            let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            (taken.ok(), paths)
        };
        let both = vec![Money(4_000), Money(-1_000)];
        assert_eq!(taken(&[(second, Money(-1_000)), (first, Money(4_000))]), (Some(both), vec![]));
        assert_eq!(taken(&[]).1, ["lines"]);
        assert_eq!(taken(&[(InvoiceLineId::new(), Money(1))]).1, ["lines[0].line_id"]);
        assert_eq!(taken(&[(first, Money(1)), (first, Money(1))]).1, ["lines[1].line_id"]);
        assert_eq!(taken(&[(first, Money(-1))]).1, ["lines[0].amount"]);
        assert_eq!(taken(&[(second, Money(0))]).1, ["lines[0].amount"]);
        assert_eq!(taken(&[(first, Money(10_001))]), (None, vec![]), "beyond the line");
        let mut errors = ValidationErrors::default();
        assert_eq!(left.take(&original, None, &mut errors).unwrap(), left.lines);
    }

    #[test]
    fn a_credit_note_takes_the_facts_of_its_invoice_and_never_more_than_is_left() {
        use VatRate::Standard25;
        let mut original = invoice(&[(10_000, Standard25), (-2_000, Standard25)], 0);
        original.row.our_reference = Some("Anna".into());
        let left = Left::of(&original, &[]);
        let of = |wanted: [i64; 2]| left.note(&original, &wanted.map(Money), "Fel".into(), false);
        let note = of([10_000, -2_000]).unwrap();
        assert_eq!(
            (note.row.kind, note.row.credits_id, note.row.total),
            (InvoiceKind::CreditNote, Some(original.row.id), original.row.total)
        );
        assert_eq!(
            (note.row.our_reference.as_deref(), note.row.reason.as_deref()),
            (Some("Anna"), Some("Fel"))
        );
        // A line that is credited as a whole has its own quantity and price.
        assert_eq!(of([4_000, -2_000]).unwrap().lines[1].unit_price, Money(-2_000));
        assert!(matches!(of([0, -2_000]), Err(Error::Invalid(_))), "negative");
        assert!(matches!(of([10_000, 0]), Err(Error::Conflict { .. })), "beyond the rate");
    }
}
