//! The fee of an agreement: its form, and the fee that an activity's price gives.

use ::entity::{
    activity,
    agreement::Model,
    fee_schedule,
    kind::{AgreementKind, AllocationBasis, Direction, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;

use crate::{
    error::{FieldErrorCode, Result, ValidationErrors},
    tax_decisions::{exemption::NO_RATE_OF_ZERO, in_force::undecided},
};

/// The fee of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount in öre, for every basis except per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Maximum per year in öre (maxtak); for per mille.
    pub cap: Option<Money>,
    /// Minimum per year in öre; for per mille.
    pub minimum: Option<Money>,
    /// The allocation that the rate applies to; null: that of all parties, or no rate.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment.
    pub vat_rate: VatRate,
}

impl Fee {
    /// Returns the fee of a row; `None` if it has none.
    pub(super) fn of(row: &Model) -> Option<Self> {
        let (basis, vat_rate) = row.fee_basis.zip(row.vat_rate)?;
        let (cap, minimum, allocation_basis) =
            (row.fee_cap, row.fee_minimum, row.fee_allocation_basis);
        Some(Self {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap,
            minimum,
            allocation_basis,
            vat_rate,
        })
    }

    /// Returns the fee for an activity's price and a VAT treatment. Limits of a rate remain part of
    /// the fee; limits of an amount are applied to it at once.
    pub(super) fn priced(price: &fee_schedule::Model, vat_rate: VatRate) -> Self {
        let is_rate = price.basis == FeeBasis::PerMilleOfAllocation;
        let limited = |amount: Money| {
            let raised = price.minimum.map_or(amount, |minimum| amount.max(minimum));
            price.cap.map_or(raised, |cap| raised.min(cap))
        };
        Self {
            basis: price.basis,
            amount: price.amount.map(limited),
            per_mille: price.per_mille,
            cap: price.cap.filter(|_| is_rate),
            minimum: price.minimum.filter(|_| is_rate),
            allocation_basis: price.allocation_basis.filter(|_| is_rate),
            vat_rate,
        }
    }

    /// Adds the errors of a fee in the input.
    pub(super) fn check(&self, errors: &mut ValidationErrors) {
        let is_rate = self.basis == FeeBasis::PerMilleOfAllocation;
        let (needed, other) =
            if is_rate { ("fee.per_mille", "fee.amount") } else { ("fee.amount", "fee.per_mille") };
        let (has_needed, has_other) = if is_rate {
            (self.per_mille.is_some(), self.amount.is_some())
        } else {
            (self.amount.is_some(), self.per_mille.is_some())
        };
        errors.expect(
            has_needed,
            needed,
            FieldErrorCode::Required.problem("is needed for this basis"),
        );
        errors.expect(
            !has_other,
            other,
            FieldErrorCode::NotAllowed.problem("does not fit this basis"),
        );
        for (path, sum) in
            [("fee.amount", self.amount), ("fee.cap", self.cap), ("fee.minimum", self.minimum)]
        {
            errors.expect(
                sum.is_none_or(|sum| sum >= Money::ZERO),
                path,
                FieldErrorCode::OutOfRange.problem("must not be negative").with("min", Money::ZERO),
            );
        }
        for (path, limit) in [("fee.cap", self.cap), ("fee.minimum", self.minimum)] {
            errors.expect(
                is_rate || limit.is_none(),
                path,
                FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
            );
        }
        errors.expect(
            is_rate || self.allocation_basis.is_none(),
            "fee.allocation_basis",
            FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
        );
        if let Some((minimum, _)) =
            self.minimum.zip(self.cap).filter(|(minimum, cap)| minimum > cap)
        {
            let problem = FieldErrorCode::OutOfRange
                .problem("must not be below the minimum")
                .with("min", minimum);
            errors.add("fee.cap", problem);
        }
        errors.expect(
            self.vat_rate != VatRate::Zero,
            "fee.vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
    }
}

/// The source of an agreement's fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeSource {
    /// The activity's price on the first day for a participation; otherwise this fee, where `None`
    /// is no fee.
    Schedule(Option<Fee>),
    /// The fee in the input; `None`: no fee.
    Explicit(Option<Fee>),
    /// The fee stays unchanged; `None`: no fee.
    Unchanged(Option<Fee>),
}

impl Default for FeeSource {
    fn default() -> Self {
        Self::Schedule(None)
    }
}

/// Returns the price of an activity on a day, of its prices in force on that day; `None` if it has
/// none. Adds an error if it has several: then the input must state the fee.
pub(super) fn choose_price<'p>(
    prices: &'p [fee_schedule::Model],
    on: NaiveDate,
    errors: &mut ValidationErrors,
) -> Option<&'p fee_schedule::Model> {
    if prices.len() > 1 {
        let bases: Vec<_> = prices.iter().map(|price| price.basis.word().to_owned()).collect();
        let message = format!(
            "is needed, since the activity has several prices on {on}: {}",
            bases.join(", ")
        );
        errors.add("fee", FieldErrorCode::Required.problem(message).with("bases", bases));
    }
    prices.first()
}

/// Returns the fee for the price of an activity on a day, with the VAT treatment that the tax
/// decision or the price states; `None` if the input has errors.
///
/// # Errors
/// CONFLICT `VAT_UNDECIDED` when neither states the VAT treatment.
pub(super) fn priced(
    activity: &activity::Model,
    price: &fee_schedule::Model,
    rate: Option<VatRate>,
    on: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Option<Fee>> {
    match rate {
        Some(VatRate::Zero) => {
            errors.add("fee", FieldErrorCode::Required.problem(format!("is needed, since the activity's price on {on} has a VAT treatment that {NO_RATE_OF_ZERO}")));
            Ok(None)
        }
        Some(rate) => Ok(Some(Fee::priced(price, rate))),
        // Errors of the input take precedence.
        None if !errors.is_empty() => Ok(None),
        None => {
            Err(undecided(&format!("the price of {} from {}", activity.name, price.valid_from)))
        }
    }
}

/// Returns the default direction of payment: an assignment is a cost, and any other fee is income.
pub(super) fn direction(kind: AgreementKind, fee: Option<Fee>) -> Direction {
    match (kind, fee) {
        (AgreementKind::Assignment, _) => Direction::Cost,
        (_, Some(_)) => Direction::Income,
        (_, None) => Direction::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ConflictReason, Error};

    fn amount(ore: i64) -> Fee {
        Fee {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(ore)),
            per_mille: None,
            cap: None,
            minimum: None,
            allocation_basis: None,
            vat_rate: VatRate::Standard25,
        }
    }

    fn rate() -> Fee {
        Fee {
            basis: FeeBasis::PerMilleOfAllocation,
            amount: None,
            per_mille: Some(PerMille(1500)),
            ..amount(0)
        }
    }

    fn price(basis: FeeBasis, amount: Option<i64>) -> fee_schedule::Model {
        fee_schedule::Model {
            basis,
            amount: amount.map(Money),
            cap: Some(Money(10_000)),
            minimum: Some(Money(1000)),
            ..fee_schedule::Model::default()
        }
    }

    /// Returns the fields with an error.
    fn fields(fee: Fee) -> Vec<String> {
        let mut errors = ValidationErrors::default();
        fee.check(&mut errors);
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn a_fee_has_the_fields_of_its_basis() {
        let none: [&str; 0] = [];
        assert_eq!(fields(amount(0)), none);
        assert_eq!(fields(rate()), none);
        let limited = Fee { minimum: Some(Money(1)), cap: Some(Money(1)), ..rate() };
        assert_eq!(fields(limited), none);
        for (fee, expected) in [
            (Fee { amount: None, ..amount(1) }, &["fee.amount"][..]),
            (Fee { per_mille: Some(PerMille(1)), ..amount(1) }, &["fee.per_mille"]),
            (amount(-1), &["fee.amount"]),
            (Fee { cap: Some(Money(1)), ..amount(1) }, &["fee.cap"]),
            (Fee { vat_rate: VatRate::Zero, ..amount(1) }, &["fee.vat_rate"]),
            (Fee { per_mille: None, ..rate() }, &["fee.per_mille"]),
            (Fee { minimum: Some(Money(2)), ..limited }, &["fee.cap"]),
            (Fee { minimum: Some(Money(-1)), cap: None, ..limited }, &["fee.minimum"]),
        ] {
            assert_eq!(fields(fee), expected, "{fee:?}");
        }
    }

    #[test]
    fn limits_of_an_amount_apply_at_once_and_those_of_a_rate_remain() {
        for (price_amount, fee_amount) in
            [(500, 1000), (1000, 1000), (5000, 5000), (10_000, 10_000), (20_000, 10_000)]
        {
            let fee = Fee::priced(
                &price(FeeBasis::FixedPerYear, Some(price_amount)),
                VatRate::Standard25,
            );
            assert_eq!(fee, amount(fee_amount), "{price_amount}");
        }
        let fee = Fee::priced(&price(FeeBasis::PerMilleOfAllocation, None), VatRate::Exempt);
        assert_eq!(
            (fee.cap, fee.minimum, fee.vat_rate),
            (Some(Money(10_000)), Some(Money(1000)), VatRate::Exempt)
        );
    }

    #[test]
    fn one_price_gives_the_fee() {
        let on = NaiveDate::default();
        let mut errors = ValidationErrors::default();
        assert_eq!(choose_price(&[], on, &mut errors), None);
        let one = [price(FeeBasis::OneOff, Some(2000))];
        assert_eq!(choose_price(&one, on, &mut errors), one.first());
        assert!(errors.is_empty());
        let two = [price(FeeBasis::FixedPerYear, Some(2000)), price(FeeBasis::OneOff, Some(2000))];
        assert_eq!(choose_price(&two, on, &mut errors), two.first());
        assert_eq!(errors.into_inner().len(), 1);
    }

    #[test]
    fn a_price_needs_a_vat_treatment() {
        let (activity, on) = (activity::Model::default(), NaiveDate::default());
        let price = price(FeeBasis::OneOff, Some(2000));
        let mut errors = ValidationErrors::default();
        let fee = priced(&activity, &price, Some(VatRate::Exempt), on, &mut errors).unwrap();
        assert_eq!(fee.map(|fee| fee.vat_rate), Some(VatRate::Exempt));
        let undecided = priced(&activity, &price, None, on, &mut errors);
        let is_undecided =
            matches!(undecided, Err(Error::Conflict { reason: ConflictReason::VatUndecided, .. }));
        assert!(is_undecided);
        let zero = priced(&activity, &price, Some(VatRate::Zero), on, &mut errors).unwrap();
        assert_eq!((zero, errors.is_empty()), (None, false));
        // The error of the input comes first.
        assert_eq!(priced(&activity, &price, None, on, &mut errors).unwrap(), None);
    }

    #[test]
    fn the_direction_defaults_by_kind_and_fee() {
        use AgreementKind::{Assignment, Cooperation, Participation};
        for (kind, has_fee, expected) in [
            (Assignment, false, Direction::Cost),
            (Assignment, true, Direction::Cost),
            (Participation, true, Direction::Income),
            (Participation, false, Direction::None),
            (Cooperation, true, Direction::Income),
            (Cooperation, false, Direction::None),
        ] {
            assert_eq!(direction(kind, has_fee.then(|| amount(1))), expected, "{kind:?}");
        }
    }
}
