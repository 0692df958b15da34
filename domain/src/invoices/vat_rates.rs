//! When each rate of VAT (moms) holds: an invoice has only rates that are in force on its day.

use std::sync::LazyLock;

use ::entity::kind::VatRate;
use chrono::NaiveDate;
use sea_orm::ActiveEnum;

use super::aggregate::InvoiceAggregate;
use crate::error::ValidationErrors;

/// The rates that are law: which, first and last day, where it stands. A rate that is raised ends
/// here, and begins anew under its own name.
const LAW: &str = include_str!("../../../assets/vat-rates.csv");

static IN_LAW: LazyLock<Vec<Validity>> =
    LazyLock::new(|| LAW.lines().skip(1).filter_map(read).collect());

/// The days on which a rate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    rate: VatRate,
    from: NaiveDate,
    /// Null: until further notice.
    to: Option<NaiveDate>,
}

fn read(line: &str) -> Option<Validity> {
    let mut cells = line.splitn(4, ',');
    let rate = VatRate::try_from_value(&cells.next()?.to_owned()).ok()?;
    let (from, to) = (cells.next()?.parse().ok()?, cells.next()?);
    Some(Validity { rate, from, to: if to.is_empty() { None } else { Some(to.parse().ok()?) } })
}

/// Whether a rate is in force on a day. What has no VAT always is.
#[must_use]
pub fn in_force(rate: VatRate, day: NaiveDate) -> bool {
    holds(&IN_LAW, rate, day)
}

fn holds(law: &[Validity], rate: VatRate, day: NaiveDate) -> bool {
    rate.percent() == 0
        || law
            .iter()
            .any(|own| own.rate == rate && own.from <= day && own.to.is_none_or(|to| day <= to))
}

/// Notes the rates of an invoice that are not in force on its day of issue.
pub(super) fn check(aggregate: &InvoiceAggregate, day: NaiveDate, errors: &mut ValidationErrors) {
    for (position, line) in aggregate.lines.iter().enumerate() {
        let message =
            format!("is of {} %, which is no rate of VAT on {day}", line.vat_rate.percent());
        errors.expect(
            in_force(line.vat_rate, day),
            &format!("invoice.lines.{position}.vatRate"),
            &message,
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
    fn every_row_of_the_law_is_read() {
        assert_eq!(IN_LAW.len(), LAW.lines().count() - 1);
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
    fn a_rate_holds_on_its_first_and_last_day_and_never_outside() {
        let law: Vec<_> = ["REDUCED_12,1996-01-01,2026-12-31,a", "REDUCED_12,2028-01-01,,b"]
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
            assert_eq!(holds(&law, VatRate::Reduced12, day(on)), expected, "{on}");
        }
        assert!(!holds(&law, VatRate::Standard25, day("2026-01-01")));
    }
}
