//! When goods or services were supplied: an invoice that charges VAT says so (mervärdesskattelag 2023:200, 17 kap. 24 §).

use super::whole::Whole;
use crate::error::Faults;

/// Adds an error for an invoice that charges VAT and has no line with the days that it covers. One day is a period from it to itself.
pub(super) fn check(whole: &Whole, name: &str, errors: &mut Faults) {
    let mut taxed = whole.lines.iter().filter(|line| line.vat_rate.percent() > 0).peekable();
    let is_taxed = taxed.peek().is_some();
    let has_days = taxed.any(|line| line.period_from.is_some() && line.period_to.is_some());
    let message =
        "must say when it was supplied, since VAT is charged: give a line its periodFrom and periodTo, the same day twice for one day";
    errors.expect(!is_taxed || has_days, &format!("{name}.lines"), message);
}

#[cfg(test)]
mod tests {
    use ::entity::{invoice_line::Model, kind::VatRate};

    use super::*;

    #[test]
    fn what_charges_vat_says_when_it_was_supplied() {
        let day = "2026-11-20".parse().ok();
        let line = |vat_rate, period_from| Model { vat_rate, period_from, period_to: period_from, ..Model::default() };
        for (lines, is_good) in [
            (vec![line(VatRate::Standard25, None)], false),
            (vec![line(VatRate::Standard25, day)], true),
            (vec![line(VatRate::Standard25, None), line(VatRate::Reduced6, day)], true),
            (vec![line(VatRate::Reduced12, None), line(VatRate::Exempt, day)], false),
            (vec![line(VatRate::Exempt, None)], true),
            (vec![line(VatRate::OutsideScope, None)], true),
        ] {
            let mut errors = Faults::default();
            check(&Whole { lines: lines.clone(), ..Whole::default() }, "invoice", &mut errors);
            assert_eq!(errors.is_empty(), is_good, "{lines:?}");
        }
    }
}
