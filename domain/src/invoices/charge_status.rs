//! Status of a yearly fee: due, invoiced, or invoiced in part.

use ::entity::{money::Money, total::Total};

/// Amount in öre that may be missing from a fee that counts as invoiced: imported fees are in whole
/// kronor.
const ROUNDING: Money = Money(100);

/// Sums of one payer's fee of a year on issued documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Invoiced {
    /// Lines of invoices with a period in the year, öre, without regard to credit notes.
    pub(super) lines: Total,
    /// The same after credit notes.
    pub(super) left: Total,
    /// Lines across New Year, after credit notes; the year's part of them is unknown.
    pub(super) across: Total,
    /// Number of times that runs have invoiced it.
    pub(super) rounds: i32,
    /// Lines of the runs, after credit notes.
    pub(super) of_runs: Total,
}

/// Charge status of a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChargeStatus {
    /// Nothing is invoiced, or all of it is credited: a run invoices it, as this round.
    Due(i32),
    /// Invoiced. A part that was credited since is a discount, and is not invoiced again.
    Invoiced,
    /// Only this sum has been invoiced, or may have been.
    Partly {
        /// Invoiced sum, öre.
        sum: Total,
        /// `true` if the sum is on lines across New Year; the year's part of them is unknown.
        is_across: bool,
    },
}

impl Invoiced {
    /// Returns the status of a fee of this amount.
    pub(super) fn status(&self, fee: Money) -> ChargeStatus {
        if self.left <= Total::ZERO && self.across <= Total::ZERO {
            ChargeStatus::Due(self.rounds + 1)
        } else if self.of_runs > Total::ZERO || self.lines + ROUNDING.into() > Total::from(fee) {
            ChargeStatus::Invoiced
        } else {
            let is_across = self.across > Total::ZERO;
            ChargeStatus::Partly {
                sum: if is_across { self.across } else { self.lines },
                is_across,
            }
        }
    }

    /// Returns the status of a fee of this amount, of which a run would invoice `rest`: the months
    /// that no line has billed. `None` if no run has invoiced it, since its lines then don't state
    /// their months.
    pub(super) fn status_of_rest(&self, fee: Money, rest: Money) -> Option<ChargeStatus> {
        if self.of_runs <= Total::ZERO {
            return None;
        }
        let is_within = self.lines + rest.into() <= Total::from(fee) + ROUNDING.into();
        Some(if is_within {
            ChargeStatus::Due(self.rounds + 1)
        } else {
            ChargeStatus::Partly { sum: self.lines, is_across: false }
        })
    }

    /// Returns the invoiced and not credited sum if an invoice of `new` more would exceed a fee of
    /// this amount; `None` if it would not.
    pub(super) fn exceeded_by(&self, new: Money, fee: Money) -> Option<Total> {
        let exceeds = self.left > Total::ZERO
            && fee > Money::ZERO
            && self.left + new.into() > Total::from(fee);
        exceeds.then_some(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_due_until_all_of_it_is_invoiced() {
        let status = |lines: i128, left: i128, across: i128, rounds: i32, of_runs: i128| {
            let invoiced = Invoiced {
                lines: Total(lines),
                left: Total(left),
                across: Total(across),
                rounds,
                of_runs: Total(of_runs),
            };
            invoiced.status(Money(1000))
        };
        assert_eq!(Invoiced::default().status(Money(1000)), ChargeStatus::Due(1));
        assert_eq!(
            status(250, 250, 0, 0, 0),
            ChargeStatus::Partly { sum: Total(250), is_across: false }
        );
        assert_eq!(status(1000, 1000, 0, 0, 0), ChargeStatus::Invoiced);
        assert_eq!(status(901, 901, 0, 0, 0), ChargeStatus::Invoiced, "rounded to a krona");
        assert_eq!(
            status(900, 900, 0, 0, 0),
            ChargeStatus::Partly { sum: Total(900), is_across: false }
        );
        assert_eq!(
            status(1000, 900, 0, 0, 0),
            ChargeStatus::Invoiced,
            "a credited part is not invoiced again"
        );
        assert_eq!(
            status(900, 100, 0, 1, 100),
            ChargeStatus::Invoiced,
            "nor if the fee has changed since a run"
        );
        assert_eq!(status(1000, 0, 0, 1, 0), ChargeStatus::Due(2));
        assert_eq!(
            status(0, 0, 500, 0, 0),
            ChargeStatus::Partly { sum: Total(500), is_across: true }
        );
        assert_eq!(status(1000, 1000, 500, 0, 0), ChargeStatus::Invoiced);
    }

    #[test]
    fn credited_months_are_due_once() {
        let rest = |lines: i128, of_runs: i128, rest: i64| {
            let invoiced = Invoiced {
                lines: Total(lines),
                left: Total(lines),
                across: Total::ZERO,
                rounds: 1,
                of_runs: Total(of_runs),
            };
            invoiced.status_of_rest(Money(18_000), Money(rest))
        };
        assert_eq!(rest(9000, 9000, 9000), Some(ChargeStatus::Due(2)));
        assert_eq!(rest(9000, 0, 9000), None);
        assert_eq!(
            rest(9000, 9000, 9101),
            Some(ChargeStatus::Partly { sum: Total(9000), is_across: false })
        );
    }

    #[test]
    fn an_invoice_exceeds_a_fee_that_is_partly_invoiced() {
        let exceeded = |left: i128, new: i64, fee: i64| {
            let invoiced = Invoiced { left: Total(left), ..Invoiced::default() };
            invoiced.exceeded_by(Money(new), Money(fee)).is_some()
        };
        assert!(exceeded(600, 401, 1000));
        assert!(!exceeded(600, 400, 1000));
        assert!(!exceeded(0, 2000, 1000), "nothing is invoiced yet");
        assert!(!exceeded(600, 401, 0), "no fee is known");
    }
}
