//! Fees that were decided late: a decision after the invoice or after its year needs a
//! confirmation.

use chrono::{Datelike, NaiveDate};

/// Returns the reason why invoicing a year's fee needs a confirmation if its rule was decided on
/// this day; `None` if it needs none.
#[must_use]
pub fn late_decision(decided_on: NaiveDate, issued_on: NaiveDate, year: i32) -> Option<String> {
    if decided_on > issued_on {
        return Some(format!(
            "the fee of {year} was decided on {decided_on}, which is after the day of the invoices, {issued_on}"
        ));
    }
    (decided_on.year() > year)
        .then(|| format!("the fee of {year} was decided on {decided_on}, which is after that year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_after_the_invoice_or_after_the_year_is_late() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (decided, issued, year, is_late) in [
            ("2026-11-20", "2026-11-20", 2026, false),
            ("2026-11-21", "2026-11-20", 2026, true),
            ("2026-11-21", "2026-11-20", 2027, true),
            ("2026-03-15", "2026-11-20", 2027, false),
            ("2027-01-15", "2027-02-01", 2026, true),
            ("2027-01-15", "2027-02-01", 2027, false),
            ("2026-12-31", "2027-02-01", 2026, false),
        ] {
            assert_eq!(
                late_decision(day(decided), day(issued), year).is_some(),
                is_late,
                "{decided} {issued} {year}"
            );
        }
    }
}
