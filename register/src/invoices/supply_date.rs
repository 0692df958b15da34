//! When goods or services were supplied: an invoice that charges VAT says so (mervärdesskattelag 2023:200, 17 kap. 24 §).

use chrono::NaiveDate;

use super::whole::Whole;

/// Gives the taxed lines of an invoice of which none has the days that it covers the day of issue: the law demands the day of supply where it
/// is another than that. One day is a period from it to itself.
pub(super) fn complete(whole: &mut Whole, issued_on: NaiveDate) {
    let has_days = whole.lines.iter().any(|line| line.vat_rate.percent() > 0 && line.period_from.is_some() && line.period_to.is_some());
    if has_days {
        return;
    }
    for line in whole.lines.iter_mut().filter(|line| line.vat_rate.percent() > 0) {
        line.period_from = line.period_from.or(line.period_to).or(Some(issued_on));
        line.period_to = line.period_to.or(line.period_from);
    }
}

#[cfg(test)]
mod tests {
    use ::entity::{invoice_line::Model, kind::VatRate};

    use super::*;

    #[test]
    fn what_charges_vat_says_when_it_was_supplied() {
        let (day, issued_on) = ("2026-11-20".parse().ok(), NaiveDate::from_ymd_opt(2026, 11, 21).unwrap_or_default());
        let line = |vat_rate, period_from| Model { vat_rate, period_from, period_to: period_from, ..Model::default() };
        let issued = Some(issued_on);
        for (lines, days) in [
            (vec![line(VatRate::Standard25, None)], vec![issued]),
            (vec![line(VatRate::Standard25, day)], vec![day]),
            (vec![line(VatRate::Standard25, None), line(VatRate::Reduced6, day)], vec![None, day]),
            (vec![line(VatRate::Reduced12, None), line(VatRate::Exempt, day)], vec![issued, day]),
            (vec![line(VatRate::Exempt, None)], vec![None]),
            (vec![line(VatRate::OutsideScope, None)], vec![None]),
        ] {
            let mut whole = Whole { lines, ..Whole::default() };
            complete(&mut whole, issued_on);
            assert_eq!(whole.lines.iter().map(|line| line.period_from).collect::<Vec<_>>(), days);
            assert!(whole.lines.iter().all(|line| line.period_from == line.period_to));
        }
    }
}
