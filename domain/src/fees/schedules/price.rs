//! A price to set: the conditions for its fields, and the other prices that it ends.

use ::entity::{
    decision,
    fee_schedule::Model,
    id::{ActivityId, FeeScheduleId},
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;

use crate::{
    decisions::NewDecision,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    tax_decisions::exemption::NO_RATE_OF_ZERO,
};

/// Returns `true` if a price was decided after its first day; `None` if the day of the decision is
/// unknown.
#[must_use]
pub fn is_decided_late(row: &Model, decision: &decision::Model) -> Option<bool> {
    decision.decided_on.map(|day| day > row.valid_from)
}

/// Input for setting a price.
#[derive(Clone, Debug, Default)]
pub struct NewSchedule {
    /// The activity; null: the network's own fee.
    pub activity: Option<ActivityId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; null: until further notice.
    pub valid_to: Option<NaiveDate>,
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount in öre, for every basis except per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Maximum in öre (maxtak).
    pub cap: Option<Money>,
    /// Minimum in öre.
    pub minimum: Option<Money>,
    /// The allocation that the rate applies to, for per mille; null: that of all parties.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; null: that of the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

impl NewSchedule {
    /// Returns the row and its decision, and adds an error for each invalid field.
    pub(super) fn check(&self, errors: &mut ValidationErrors) -> (Model, Option<decision::Model>) {
        let in_order = self.valid_to.is_none_or(|last| self.valid_from <= last);
        errors.expect(
            in_order,
            "valid_to",
            FieldErrorCode::too_early(self.valid_from, "must not be before the first day"),
        );
        if self.basis == FeeBasis::PerMilleOfAllocation {
            errors.expect(
                self.per_mille.is_some(),
                "per_mille",
                FieldErrorCode::Required.problem("is needed for this basis"),
            );
            errors.expect(
                self.amount.is_none(),
                "amount",
                FieldErrorCode::NotAllowed
                    .problem("does not fit this basis; give only a rate per mille"),
            );
        } else {
            errors.expect(
                self.amount.is_some(),
                "amount",
                FieldErrorCode::Required.problem("is needed for this basis"),
            );
            errors.expect(
                self.per_mille.is_none(),
                "per_mille",
                FieldErrorCode::NotAllowed.problem("does not fit this basis; set only amount"),
            );
            errors.expect(
                self.allocation_basis.is_none(),
                "allocation_basis",
                FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
            );
        }
        for (path, sum) in [("amount", self.amount), ("cap", self.cap), ("minimum", self.minimum)] {
            errors.expect(
                sum.is_none_or(|sum| sum >= Money::ZERO),
                path,
                FieldErrorCode::OutOfRange.problem("must not be negative").with("min", Money::ZERO),
            );
        }
        if let Some((minimum, _)) =
            self.minimum.zip(self.cap).filter(|(minimum, cap)| minimum > cap)
        {
            let problem = FieldErrorCode::OutOfRange
                .problem("must not be below the minimum")
                .with("min", minimum);
            errors.add("cap", problem);
        }
        errors.expect(
            self.vat_rate != Some(VatRate::Zero),
            "vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
        let row = Model {
            id: FeeScheduleId::new(),
            activity_id: self.activity,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            basis: self.basis,
            amount: self.amount,
            per_mille: self.per_mille,
            cap: self.cap,
            minimum: self.minimum,
            allocation_basis: (self.basis == FeeBasis::PerMilleOfAllocation)
                .then(|| self.allocation_basis.unwrap_or_default()),
            vat_rate: self.vat_rate,
            decision_id: None,
        };
        (row, self.decision.as_ref().map(|decision| decision.check("decision", errors)))
    }
}

/// Returns the other price of the same activity and basis that ends when `new` is set: an
/// open-ended one in which `new` begins, which ends the day before.
///
/// # Errors
/// CONFLICT `OVERLAPS` when `new` and another price are valid on the same day.
pub(super) fn end_overlapped(others: &[Model], new: &Model) -> Result<Option<Model>> {
    let ends = |row: &Model| row.valid_to.unwrap_or(NaiveDate::MAX);
    let mut closed = None;
    for other in others.iter().filter(|other| other.valid_from != new.valid_from) {
        if other.valid_from > ends(new) || new.valid_from > ends(other) {
            continue;
        }
        if other.valid_to.is_some() || other.valid_from > new.valid_from {
            let to = other.valid_to.map_or_else(|| "on".to_owned(), |last| format!("to {last}"));
            let message = format!(
                "from {} {to} there is another price of this basis; choose other days, or change that one first",
                other.valid_from
            );
            return Err(Error::conflict(ConflictReason::Overlaps, message));
        }
        closed = Some(Model { valid_to: new.valid_from.pred_opt(), ..other.clone() });
    }
    Ok(closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Code;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn price(from: &str, to: Option<&str>) -> Model {
        Model {
            id: FeeScheduleId::new(),
            valid_from: day(from),
            valid_to: to.map(day),
            ..Model::default()
        }
    }

    fn reason(result: Result<Option<Model>>) -> &'static str {
        match result {
            Ok(None) => "fits",
            Ok(Some(_)) => "closes",
            Err(Error::Conflict { reason, .. }) => reason.word(),
            Err(_) => "fails",
        }
    }

    #[test]
    fn a_price_never_overlaps_another() {
        let others = [price("2024-01-01", Some("2024-12-31")), price("2025-01-01", None)];
        for (from, to, expected) in [
            ("2023-01-01", Some("2023-12-31"), "fits"),
            ("2023-01-01", Some("2024-01-01"), "OVERLAPS"),
            ("2023-01-01", None, "OVERLAPS"),
            ("2024-12-31", Some("2024-12-31"), "OVERLAPS"),
            ("2026-01-01", None, "closes"),
            ("2026-01-01", Some("2026-12-31"), "closes"),
            ("2025-01-02", None, "closes"),
            // Replaces the price that begins on that day.
            ("2025-01-01", Some("2025-12-31"), "fits"),
            ("2024-01-01", Some("2024-06-30"), "fits"),
            ("2024-01-01", Some("2025-01-01"), "OVERLAPS"),
        ] {
            assert_eq!(
                reason(end_overlapped(&others, &price(from, to))),
                expected,
                "{from} {to:?}"
            );
        }
        let closed = end_overlapped(&others, &price("2026-01-01", None)).unwrap().unwrap();
        assert_eq!((closed.id, closed.valid_to), (others[1].id, Some(day("2025-12-31"))));
    }

    #[test]
    fn the_sum_must_fit_the_basis() {
        let paths = |new: NewSchedule| {
            let mut errors = ValidationErrors::default();
            new.check(&mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let per_mille = NewSchedule {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(2000)),
            ..NewSchedule::default()
        };
        assert!(paths(per_mille.clone()).is_empty());
        assert_eq!(paths(NewSchedule { amount: Some(Money(1)), ..per_mille.clone() }), ["amount"]);
        assert_eq!(
            paths(NewSchedule {
                cap: Some(Money(1)),
                minimum: Some(Money(2)),
                ..per_mille.clone()
            }),
            ["cap"]
        );
        assert_eq!(
            paths(NewSchedule { basis: FeeBasis::OneOff, ..per_mille }),
            ["amount", "per_mille"]
        );
        let negative = NewSchedule {
            amount: Some(Money(-1)),
            valid_to: NaiveDate::default().pred_opt(),
            ..NewSchedule::default()
        };
        assert_eq!(paths(negative), ["valid_to", "amount"]);
    }

    #[test]
    fn a_price_is_decided_late_after_its_first_day() {
        let price = price("2026-01-01", None);
        for (decided_on, expected) in [
            (None, None),
            (Some("2025-12-31"), Some(false)),
            (Some("2026-01-01"), Some(false)),
            (Some("2026-01-02"), Some(true)),
        ] {
            let decision =
                decision::Model { decided_on: decided_on.map(day), ..decision::Model::default() };
            assert_eq!(is_decided_late(&price, &decision), expected, "{decided_on:?}");
        }
    }
}
