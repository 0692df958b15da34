//! Ceiling of the requisitions of a grant: the amount of its agreement in the calendar years of the
//! periods.

use std::ops::RangeInclusive;

use ::entity::{agreement, date_range::DateRange, kind::FeeBasis, money::Money, total::Total};
use chrono::Datelike;

use crate::{
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// Adds an error for each day of a period on which the agreement is not in force.
pub(super) fn check_period(
    agreement: &agreement::Model,
    DateRange { from, to }: DateRange,
    errors: &mut ValidationErrors,
) {
    let term = term_sql::of(agreement);
    if from < term.starts_on {
        errors.add(
            "period_from",
            FieldErrorCode::too_early(
                term.starts_on,
                format!("must not be before {}, the first day of the agreement", term.starts_on),
            ),
        );
    }
    if let Some(last) = term.final_day().filter(|last| to > *last) {
        errors.add(
            "period_to",
            FieldErrorCode::too_late(
                last,
                format!("must not be after {last}, the last day of the agreement"),
            ),
        );
    }
}

/// Returns the calendar years whose grants together limit a requisition; `None` if the agreement
/// has no amount. `others` are the periods and amounts of the requisitions of the agreement that
/// are not withdrawn.
pub(super) fn years(
    agreement: &agreement::Model,
    period: DateRange,
    others: &[(DateRange, Money)],
) -> Option<RangeInclusive<i32>> {
    match agreement.fee_basis {
        None | Some(FeeBasis::PerParticipant) => None,
        // Paid once, independent of the years.
        Some(FeeBasis::OneOff) => {
            let all = others.iter().map(|(period, _)| *period).chain([period]);
            let first = agreement.starts_on.year()..=agreement.starts_on.year();
            Some(all.fold(first, |years, period| join(&years, period)))
        }
        Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation) => {
            Some(shared_years(period, others))
        }
    }
}

/// Rejects a requisition that exceeds the grant of these years. `number` is that of the agreement.
///
/// # Errors
/// CONFLICT `BEYOND_GRANT`.
pub(super) fn require_within(
    number: &str,
    (years, grant): (&RangeInclusive<i32>, Total),
    amount: Money,
    others: &[(DateRange, Money)],
) -> Result<()> {
    let requisitioned: Total =
        others.iter().filter(|(period, _)| is_in(years, *period)).map(|(_, amount)| *amount).sum();
    if requisitioned + amount.into() <= grant {
        return Ok(());
    }
    let (first, last) = (years.start(), years.end());
    let when = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let message = format!(
        "the grant of {number} for {when} is {grant}, of which {requisitioned} is requisitioned already; {amount} is more than is left"
    );
    Err(Error::conflict(ConflictReason::BeyondGrant, message))
}

/// Returns the calendar years of a period, extended by the periods that share one of them.
fn shared_years(period: DateRange, others: &[(DateRange, Money)]) -> RangeInclusive<i32> {
    let mut years = period.from.year()..=period.to.year();
    loop {
        let shared = others.iter().filter(|(period, _)| is_in(&years, *period));
        let joined = shared.fold(years.clone(), |years, (period, _)| join(&years, *period));
        if joined == years {
            return years;
        }
        years = joined;
    }
}

fn is_in(years: &RangeInclusive<i32>, DateRange { from, to }: DateRange) -> bool {
    from.year() <= *years.end() && to.year() >= *years.start()
}

fn join(years: &RangeInclusive<i32>, DateRange { from, to }: DateRange) -> RangeInclusive<i32> {
    from.year().min(*years.start())..=to.year().max(*years.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> DateRange {
        DateRange::new(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn periods_over_new_year_join_the_years() {
        let others = [
            (period("2026-07-01", "2027-06-30"), Money(1)),
            (period("2027-07-01", "2028-06-30"), Money(1)),
            (period("2030-01-01", "2030-12-31"), Money(1)),
        ];
        assert_eq!(shared_years(period("2026-01-01", "2026-06-30"), &others), 2026..=2028);
        assert_eq!(shared_years(period("2029-01-01", "2029-06-30"), &others), 2029..=2029);
        assert_eq!(shared_years(period("2025-01-01", "2025-06-30"), &[]), 2025..=2025);
    }

    #[test]
    fn a_requisition_stays_within_the_grant() {
        let others = [
            (period("2026-01-01", "2026-06-30"), Money(60_000)),
            (period("2027-01-01", "2027-06-30"), Money(99_000)),
        ];
        let within = |amount: i64| {
            require_within("S-1", (&(2026..=2026), Money(100_000).into()), Money(amount), &others)
        };
        assert!(within(40_000).is_ok());
        let message = within(40_001).unwrap_err().to_string();
        assert!(message.contains("for 2026 is 1000.00, of which 600.00 is"), "{message}");
        let both = (2026..=2027, Total::from(Money(200_000)));
        let within = |amount: i64| {
            require_within("S-1", (&both.0, both.1), Money(amount), &others)
                .map_err(|e| e.to_string())
        };
        assert_eq!(within(41_000), Ok(()));
        assert!(within(41_001).is_err_and(|message| message.contains("for 2026 to 2027 is")));
    }

    #[test]
    fn the_basis_of_the_amount_decides_the_years() {
        let others = [(period("2027-01-01", "2027-06-30"), Money(1))];
        let own = period("2028-01-01", "2028-06-30");
        for (basis, expected) in [
            (None, None),
            (Some(FeeBasis::PerParticipant), None),
            (Some(FeeBasis::OneOff), Some(2026..=2028)),
            (Some(FeeBasis::FixedPerYear), Some(2028..=2028)),
        ] {
            let agreement = agreement::Model {
                fee_basis: basis,
                starts_on: "2026-05-01".parse().unwrap(),
                ..agreement::Model::default()
            };
            assert_eq!(years(&agreement, own, &others), expected, "{basis:?}");
        }
    }

    #[test]
    fn a_period_lies_within_the_term() {
        let agreement = agreement::Model {
            starts_on: "2026-01-01".parse().unwrap(),
            ends_on: "2026-12-31".parse().ok(),
            signed_on: "2025-12-01".parse().ok(),
            ..agreement::Model::default()
        };
        for (from, to, expected) in [
            ("2026-01-01", "2026-12-31", vec![]),
            ("2025-12-31", "2026-12-31", vec!["period_from"]),
            ("2025-12-31", "2027-01-01", vec!["period_from", "period_to"]),
        ] {
            let mut errors = ValidationErrors::default();
            check_period(&agreement, period(from, to), &mut errors);
            let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            assert_eq!(paths, expected);
        }
    }
}
