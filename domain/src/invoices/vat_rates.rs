//! Validity of the rates of VAT (moms): an invoice has only rates that are in force on its day of
//! issue.

use std::sync::LazyLock;

use ::entity::kind::VatRate;
use chrono::NaiveDate;

use super::aggregate::InvoiceAggregate;
use crate::error::{FieldErrorCode, ValidationErrors};

/// The rates by law: rate, first and last day, source. A changed rate ends here and starts again as
/// a variant of its own.
const RATES_CSV: &str = include_str!("../../../assets/vat-rates.csv");

static VALIDITIES: LazyLock<Vec<Validity>> =
    LazyLock::new(|| RATES_CSV.lines().skip(1).filter_map(read).collect());

/// The days on which a rate is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    rate: VatRate,
    from: NaiveDate,
    /// Null: until further notice.
    to: Option<NaiveDate>,
}

fn read(line: &str) -> Option<Validity> {
    let mut cells = line.splitn(4, ',');
    let rate = cells.next()?.parse().ok()?;
    let (from, to) = (cells.next()?.parse().ok()?, cells.next()?);
    Some(Validity { rate, from, to: if to.is_empty() { None } else { Some(to.parse().ok()?) } })
}

/// `true` if a rate is in force on a day. Treatments without VAT always are.
#[must_use]
pub fn in_force(rate: VatRate, day: NaiveDate) -> bool {
    is_valid_on(&VALIDITIES, rate, day)
}

fn is_valid_on(validities: &[Validity], rate: VatRate, day: NaiveDate) -> bool {
    rate.percent() == 0
        || validities
            .iter()
            .any(|own| own.rate == rate && own.from <= day && own.to.is_none_or(|to| day <= to))
}

/// Adds an error for each line whose rate is not in force on the day of issue.
pub(super) fn check(aggregate: &InvoiceAggregate, day: NaiveDate, errors: &mut ValidationErrors) {
    for (position, line) in aggregate.lines.iter().enumerate() {
        let message =
            format!("is {} %, which is not a VAT rate in force on {day}", line.vat_rate.percent());
        errors.expect(
            in_force(line.vat_rate, day),
            &format!("invoice.lines[{position}].vat_rate"),
            FieldErrorCode::Unsupported.problem(message),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_row_of_the_file_is_read() {
        assert_eq!(VALIDITIES.len(), RATES_CSV.lines().count() - 1);
        for rate in [VatRate::Standard25, VatRate::Reduced12, VatRate::Reduced6] {
            assert!(in_force(rate, day("2026-11-22")), "{rate:?}");
            assert!(!in_force(rate, day("1990-06-30")), "{rate:?}");
        }
        assert!(
            [VatRate::Zero, VatRate::Exempt, VatRate::OutsideScope]
                .into_iter()
                .all(|rate| in_force(rate, day("1990-01-01")))
        );
    }

    #[test]
    fn a_rate_is_in_force_from_its_first_to_its_last_day() {
        let validities: Vec<_> = ["REDUCED_12,1996-01-01,2026-12-31,a", "REDUCED_12,2028-01-01,,b"]
            .into_iter()
            .filter_map(read)
            .collect();
        for (on, expected) in [
            ("1995-12-31", false),
            ("1996-01-01", true),
            ("2026-12-31", true),
            ("2027-01-01", false),
            ("2027-12-31", false),
            ("2028-01-01", true),
        ] {
            assert_eq!(is_valid_on(&validities, VatRate::Reduced12, day(on)), expected, "{on}");
        }
        assert!(!is_valid_on(&validities, VatRate::Standard25, day("2026-01-01")));
    }
}
