//! Dates of supply: an invoice with VAT states the date of each of its lines.
//!
//! The date of supply is stated if it can be determined and differs from the day of issue
//! (mervärdesskattelag 2023:200, 17 kap. 24 §). A line without one therefore counts as supplied on
//! the day of issue; `invoiceIssue` returns a warning about it.

use ::entity::{date_range::DateRange, term::add_months};
use chrono::NaiveDate;

use super::aggregate::InvoiceAggregate;
use crate::{
    codes::WarningCode,
    error::{FieldErrorCode, ValidationErrors, field_path},
    idempotency::Warning,
};

/// Maximum length of a line's period in months. A mistyped year would otherwise spread the line
/// over thousands of months.
const MAX_PERIOD_MONTHS: i32 = 120;

/// Returns the latest possible last day of a period that begins on this day.
#[must_use]
pub fn latest_end(from: NaiveDate) -> NaiveDate {
    let next = add_months(from, MAX_PERIOD_MONTHS);
    next.pred_opt().unwrap_or(next)
}

/// Date of supply in the input: a day, a period, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supplied {
    /// The day.
    pub on: Option<NaiveDate>,
    /// First day of the period.
    pub from: Option<NaiveDate>,
    /// Last day of the period.
    pub to: Option<NaiveDate>,
}

impl Supplied {
    /// Returns the days of supply. Adds errors for the fields `supplied_on` and
    /// `period_to` below `path`.
    pub(super) fn check(self, path: &str, errors: &mut ValidationErrors) -> Option<DateRange> {
        let Self { on, from, to } = self;
        let is_one = on.is_none() || from.is_none() && to.is_none();
        errors.expect(
            is_one,
            &field_path(path, "supplied_on"),
            FieldErrorCode::NotAllowed
                .problem("can't be combined with a period; state the day or the period"),
        );
        let of_end = field_path(path, "period_to");
        errors.expect(
            from.is_some() == to.is_some(),
            &of_end,
            FieldErrorCode::Required
                .problem("must be set together with the first day of the period"),
        );
        if let Some((from, _)) = from.zip(to).filter(|(from, to)| from > to) {
            let message = "must not be before the first day of the period";
            errors.add(&of_end, FieldErrorCode::too_early(from, message));
        }
        if let Some(latest) = from.zip(to).and_then(|(from, to)| too_late(from, to)) {
            let message = "must be within ten years of the first day of the period";
            errors.add(&of_end, FieldErrorCode::too_late(latest, message));
        }
        on.map(|day| (day, day)).or(from.zip(to)).map(DateRange::from)
    }
}

/// Returns the latest possible last day of a period if this one ends later.
fn too_late(from: NaiveDate, to: NaiveDate) -> Option<NaiveDate> {
    Some(latest_end(from)).filter(|latest| to > *latest)
}

/// Sets the day of issue on each taxed line without days, and returns a warning for each. A single
/// day is a period from it to itself. Of a period with one end, as in an imported draft, that end
/// is the day.
pub(super) fn complete(aggregate: &mut InvoiceAggregate, issued_on: NaiveDate) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for line in aggregate.lines.iter_mut().filter(|line| line.vat_rate.percent() > 0) {
        if line.period_from.is_none() && line.period_to.is_none() {
            let message = format!(
                "line {} says that it was supplied on {issued_on}, the day of issue, since no other day was stated; if it was supplied on another day, \
                 credit it and issue it with the day of supply",
                line.position
            );
            warnings.push(Warning { code: WarningCode::SupplyDateAssumed, message });
        }
        line.period_from = line.period_from.or(line.period_to).or(Some(issued_on));
        line.period_to = line.period_to.or(line.period_from);
    }
    warnings
}

#[cfg(test)]
mod tests {
    use ::entity::{invoice_line::Model, kind::VatRate};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_line_with_vat_states_its_date_of_supply() {
        let (earlier, issued_on) = (Some(day("2026-11-20")), day("2026-11-21"));
        let line = |vat_rate, period_from| Model {
            vat_rate,
            period_from,
            period_to: period_from,
            ..Model::default()
        };
        let issued = Some(issued_on);
        for (lines, days, assumed) in [
            (vec![line(VatRate::Standard25, None)], vec![issued], 1),
            (vec![line(VatRate::Standard25, earlier)], vec![earlier], 0),
            (
                vec![line(VatRate::Standard25, None), line(VatRate::Reduced6, earlier)],
                vec![issued, earlier],
                1,
            ),
            (
                vec![line(VatRate::Standard25, None), line(VatRate::Reduced6, None)],
                vec![issued, issued],
                2,
            ),
            (
                vec![line(VatRate::Reduced12, None), line(VatRate::Exempt, earlier)],
                vec![issued, earlier],
                1,
            ),
            (vec![line(VatRate::Exempt, None)], vec![None], 0),
            (vec![line(VatRate::OutsideScope, None)], vec![None], 0),
        ] {
            let mut aggregate = InvoiceAggregate { lines, ..InvoiceAggregate::default() };
            assert_eq!(complete(&mut aggregate, issued_on).len(), assumed);
            assert_eq!(
                aggregate.lines.iter().map(|line| line.period_from).collect::<Vec<_>>(),
                days
            );
            assert!(aggregate.lines.iter().all(|line| line.period_from == line.period_to));
        }
    }

    #[test]
    fn a_day_and_a_period_are_never_both() {
        let (one, two) = (Some(day("2026-11-20")), Some(day("2026-11-21")));
        for (on, from, to, expected) in [
            (None, None, None, Ok(None)),
            (one, None, None, Ok(one.zip(one))),
            (None, one, two, Ok(one.zip(two))),
            (None, two, one, Err("period_to")),
            (None, one, None, Err("period_to")),
            (None, one, Some(day("2036-11-19")), Ok(one.zip(Some(day("2036-11-19"))))),
            (None, one, Some(day("2036-11-20")), Err("period_to")),
            (one, one, two, Err("supplied_on")),
        ] {
            let mut errors = ValidationErrors::default();
            let days = Supplied { on, from, to }.check("", &mut errors);
            let paths: Vec<String> =
                errors.into_inner().into_iter().map(|error| error.path).collect();
            match expected {
                Ok(expected) => assert_eq!((days, paths.len()), (expected.map(DateRange::from), 0)),
                Err(path) => assert_eq!(paths, [path]),
            }
        }
    }
}
