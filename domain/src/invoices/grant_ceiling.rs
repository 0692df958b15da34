//! Ceiling of the requisitions of a grant: the amount of its agreement in the calendar years of the
//! periods.

use std::{collections::BTreeMap, ops::RangeInclusive};

use ::entity::{agreement, kind::FeeBasis, money::Money, total::Total};
use chrono::{Datelike, NaiveDate};

use crate::{
    auth::viewer::Viewer,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    fees, term_sql,
};

/// First and last day of a requisition's period.
type Period = (NaiveDate, NaiveDate);

/// Adds an error for each day of a period on which the agreement is not in force.
pub(super) fn check_period(
    agreement: &agreement::Model,
    (from, to): Period,
    errors: &mut ValidationErrors,
) {
    let term = term_sql::of(agreement);
    if from < term.starts_on {
        errors.add(
            "period_from",
            FieldErrorCode::TooEarly.problem(format!(
                "must not be before {}, the first day of the agreement",
                term.starts_on
            )),
        );
    }
    if let Some(last) = term.final_day().filter(|last| to > *last) {
        errors.add(
            "period_to",
            FieldErrorCode::TooLate
                .problem(format!("must not be after {last}, the last day of the agreement"))
                .with("max", last),
        );
    }
}

/// Rejects a requisition that exceeds the grant. `others` are the periods and amounts of the
/// requisitions of the agreement that are not withdrawn. An agreement without an amount has no
/// ceiling.
///
/// # Errors
/// CONFLICT `BEYOND_GRANT`.
pub(super) async fn require_within(
    ctx: Context<'_>,
    agreement: &agreement::Model,
    (period, amount): (Period, Money),
    others: &[(Period, Money)],
) -> Result<()> {
    let years = match agreement.fee_basis {
        None | Some(FeeBasis::PerParticipant) => return Ok(()),
        // Paid once, independent of the years.
        Some(FeeBasis::OneOff) => {
            let all = others.iter().map(|(period, _)| *period).chain([period]);
            all.fold(agreement.starts_on.year()..=agreement.starts_on.year(), |years, period| {
                join(&years, period)
            })
        }
        Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation) => {
            shared_years(period, others)
        }
    };
    let viewer = Viewer::operator("requisitions");
    let mut grants = BTreeMap::new();
    for year in years.clone() {
        let found =
            fees::amounts_of(ctx.with_viewer(&viewer), std::slice::from_ref(agreement), year)
                .await?;
        // The amount of a rate is unknown while the allocation is.
        let Some(grant) = found.get(&agreement.id).copied() else { return Ok(()) };
        grants.insert(year, grant);
    }
    let grant: Total = grants.into_values().sum();
    let requisitioned: Total =
        others.iter().filter(|(period, _)| is_in(&years, *period)).map(|(_, amount)| *amount).sum();
    if requisitioned + amount.into() <= grant {
        return Ok(());
    }
    let (number, first, last) =
        (agreement.number.as_deref().unwrap_or_default(), years.start(), years.end());
    let when = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let message = format!(
        "the grant of {number} for {when} is {grant}, of which {requisitioned} is requisitioned already; {amount} is more than is left"
    );
    Err(Error::conflict(ConflictReason::BeyondGrant, message))
}

/// Returns the calendar years of a period, extended by the periods that share one of them.
fn shared_years(period: Period, others: &[(Period, Money)]) -> RangeInclusive<i32> {
    let mut years = period.0.year()..=period.1.year();
    loop {
        let shared = others.iter().filter(|(period, _)| is_in(&years, *period));
        let joined = shared.fold(years.clone(), |years, (period, _)| join(&years, *period));
        if joined == years {
            return years;
        }
        years = joined;
    }
}

fn is_in(years: &RangeInclusive<i32>, (from, to): Period) -> bool {
    from.year() <= *years.end() && to.year() >= *years.start()
}

fn join(years: &RangeInclusive<i32>, (from, to): Period) -> RangeInclusive<i32> {
    from.year().min(*years.start())..=to.year().max(*years.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Period {
        (from.parse().unwrap(), to.parse().unwrap())
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
}
