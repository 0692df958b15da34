//! The quote of a fee by a rule of the network: the rate applied to the allocation and rounded, at
//! least the minimum, at most the cap.

use ::entity::{
    fee_schedule,
    kind::{AllocationBasis, FeeBasis},
    money::{Money, PerMille},
};

/// The amount of a fee, with its calculation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Öre for the whole year.
    pub amount: Money,
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Rate; null unless it is a per-mille fee.
    pub per_mille: Option<PerMille>,
    /// Allocation in öre that the rate applies to; null unless it is a per-mille fee.
    pub allocation: Option<Money>,
    /// `true` if the rule's cap (maxtak) reduced it.
    pub capped: bool,
    /// Öre before the rule's minimum and cap, rounded.
    pub plain: Money,
    /// Öre by which the cap reduced it.
    pub lost: Money,
    /// `true` if the rule's minimum increased it, before the cap.
    pub raised: bool,
}

impl Quote {
    /// Returns the amount before rounding, minimum and cap, in kronor with as many decimals as
    /// needed, at least two.
    #[must_use]
    pub fn exact(&self) -> String {
        kronor(self.hundred_millionths())
    }

    /// Returns the difference that rounding to whole öre made, in kronor, before the minimum and
    /// the cap.
    #[must_use]
    pub fn rounding(&self) -> String {
        kronor(i128::from(self.plain.0) * 1_000_000 - self.hundred_millionths())
    }

    /// Returns the exact amount in hundred-millionths of a krona: öre times thousandths of a per
    /// mille.
    fn hundred_millionths(&self) -> i128 {
        match self.per_mille.zip(self.allocation) {
            Some((rate, allocation)) => i128::from(allocation.0) * i128::from(rate.0),
            None => i128::from(self.plain.0) * 1_000_000,
        }
    }
}

/// Formats hundred-millionths of a krona as kronor, without trailing zeros after the öre.
fn kronor(hundred_millionths: i128) -> String {
    let sign = if hundred_millionths < 0 { "-" } else { "" };
    let (whole, part) = (
        hundred_millionths.unsigned_abs() / 100_000_000,
        hundred_millionths.unsigned_abs() % 100_000_000,
    );
    let decimals = format!("{part:08}");
    let (ore, rest) = decimals.split_at(2);
    format!("{sign}{whole}.{ore}{}", rest.trim_end_matches('0'))
}

/// Calculates the fee by a rule: the rate applied to the allocation and rounded, at least the
/// minimum, at most the cap. `None` when the rate has no allocation.
#[must_use]
pub fn quote(rule: &fee_schedule::Model, allocation: Option<Money>) -> Option<Quote> {
    let allocation = allocation.filter(|_| rule.basis == FeeBasis::PerMilleOfAllocation);
    let plain = match rule.basis {
        FeeBasis::PerMilleOfAllocation => rule.per_mille?.of(allocation?)?,
        FeeBasis::FixedPerYear | FeeBasis::PerParticipant | FeeBasis::OneOff => rule.amount?,
    };
    let raised = rule.minimum.map_or(plain, |minimum| plain.max(minimum));
    let amount = rule.cap.map_or(raised, |cap| raised.min(cap));
    Some(Quote {
        amount,
        basis: rule.basis,
        per_mille: rule.per_mille,
        allocation,
        capped: amount < raised,
        plain,
        lost: raised - amount,
        raised: raised > plain,
    })
}

/// Returns the basis of the allocation that a rule's rate applies to.
#[must_use]
pub fn basis_of(rule: &fee_schedule::Model) -> AllocationBasis {
    rule.allocation_basis.unwrap_or_default()
}

/// Describes an allocation in a message: `of all parties (ALL_PARTIES)`.
#[must_use]
pub fn describe(basis: AllocationBasis) -> &'static str {
    match basis {
        AllocationBasis::AllParties => "of all parties (ALL_PARTIES)",
        AllocationBasis::StateShare => "of the state's share (STATE_SHARE)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The allocations of the members in the report's table, with Göteborg, in öre.
    const ALLOCATIONS: [i64; 4] = [432_400_000, 1_340_000_000, 3_200_000_000, 6_120_000_000];

    fn per_mille(rate: i64, cap: Option<i64>, minimum: Option<i64>) -> fee_schedule::Model {
        fee_schedule::Model {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(rate)),
            cap: cap.map(Money),
            minimum: minimum.map(Money),
            ..fee_schedule::Model::default()
        }
    }

    fn quotes(rule: &fee_schedule::Model) -> Vec<Quote> {
        ALLOCATIONS.iter().filter_map(|allocation| quote(rule, Some(Money(*allocation)))).collect()
    }

    fn total(quotes: &[Quote]) -> Money {
        quotes.iter().map(|quote| quote.amount).sum()
    }

    #[test]
    fn the_published_table_is_reproduced_exactly() {
        for (rate, ore) in [
            (2000, [864_800, 2_680_000, 6_400_000, 12_240_000]),
            (4000, [1_729_600, 5_360_000, 12_800_000, 24_480_000]),
        ] {
            let amounts: Vec<_> = quotes(&per_mille(rate, None, None))
                .into_iter()
                .map(|quote| quote.amount.0)
                .collect();
            assert_eq!(amounts, ore);
        }
        assert_eq!(total(&quotes(&per_mille(3000, None, None))), Money(33_277_200));
        assert_eq!(
            quote(&per_mille(2000, None, None), Some(Money(432_433_300))).map(|quote| quote.amount),
            Some(Money(864_867))
        );
    }

    #[test]
    fn a_cap_reduces_large_fees_and_is_reported() {
        let (capped, plain) = (
            quotes(&per_mille(4000, Some(10_000_000), None)),
            quotes(&per_mille(4000, None, None)),
        );
        assert_eq!(total(&capped), Money(27_089_600));
        assert_eq!(capped.iter().filter(|quote| quote.capped).count(), 2);
        assert_eq!(total(&plain) - total(&capped), Money(17_280_000));
        assert_eq!(capped.iter().map(|quote| quote.lost).sum::<Money>(), Money(17_280_000));
    }

    #[test]
    fn a_minimum_raises_small_fees_and_the_cap_takes_precedence() {
        let lifted =
            quote(&per_mille(2000, Some(10_000_000), Some(1_000_000)), Some(Money(432_400_000)));
        assert_eq!(
            lifted.map(|quote| (quote.amount, quote.capped, quote.raised)),
            Some((Money(1_000_000), false, true))
        );
        // The database rejects a minimum above the cap. Even then, no one pays more than the cap.
        let both =
            quote(&per_mille(2000, Some(500_000), Some(1_000_000)), Some(Money(432_400_000)));
        assert_eq!(both.map(|quote| (quote.amount, quote.capped)), Some((Money(500_000), true)));
    }

    #[test]
    fn an_unknown_allocation_gives_no_quote() {
        assert_eq!(quote(&per_mille(2000, None, Some(1_000_000)), None), None);
        let fixed = fee_schedule::Model {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(500_000)),
            ..fee_schedule::Model::default()
        };
        let fixed = quote(&fixed, Some(Money(1)));
        assert_eq!(
            fixed.map(|quote| (quote.amount, quote.allocation)),
            Some((Money(500_000), None))
        );
    }

    #[test]
    fn a_quote_has_its_exact_amount_and_rounding() {
        for (rate, allocation, exact, rounding) in [
            (2000, 432_433_300, "8648.666", "0.004"),
            (2000, 432_400_000, "8648.00", "0.00"),
            (2125, 100, "0.002125", "-0.002125"),
            (3333, 1_000_050, "33.3316665", "-0.0016665"),
        ] {
            let quote = quote(&per_mille(rate, None, None), Some(Money(allocation))).unwrap();
            assert_eq!((quote.exact().as_str(), quote.rounding().as_str()), (exact, rounding));
        }
        let fixed = fee_schedule::Model {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(500_005)),
            ..fee_schedule::Model::default()
        };
        let fixed = quote(&fixed, None).unwrap();
        assert_eq!((fixed.exact().as_str(), fixed.rounding().as_str()), ("5000.05", "0.00"));
    }

    #[test]
    fn half_an_ore_is_rounded_up() {
        for (rate, allocation, amount) in
            [(500, 1_000, 1), (499, 1_000, 0), (1500, 1_000, 2), (1_000_000, 1, 1), (2000, 0, 0)]
        {
            let quote = quote(&per_mille(rate, None, None), Some(Money(allocation))).unwrap();
            assert_eq!(quote.amount, Money(amount), "{rate} {allocation}");
        }
    }

    #[test]
    fn a_fee_equal_to_a_limit_is_not_changed_by_it() {
        let rule = per_mille(2000, Some(864_800), Some(864_800));
        let quote = quote(&rule, Some(Money(432_400_000))).unwrap();
        assert_eq!(
            (quote.amount, quote.capped, quote.raised, quote.lost),
            (Money(864_800), false, false, Money::ZERO)
        );
    }
}
