//! Comparison of the stored totals with those that follow from documents and payments.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::invoices::{
    stored_totals::Totals,
    totals_delta::{TotalRows, TotalSums},
};

/// Returns a sentence for each row whose stored sums differ from the expected ones. A row of zeros
/// is the same as none.
pub(super) fn compare(totals: Totals, stored: TotalRows, mut expected: TotalRows) -> Vec<String> {
    let mut found = Vec::new();
    for (key, stored) in stored {
        let expected = expected.remove(&key).unwrap_or_default();
        if stored != expected {
            found.push(sentence(totals, key, &stored, &expected));
        }
    }
    let none = TotalSums::default();
    let missing = expected.into_iter().filter(|(_, sums)| *sums != none);
    found.extend(missing.map(|(key, sums)| sentence(totals, key, &none, &sums)));
    found
}

fn sentence(
    totals: Totals,
    (start, key): (NaiveDate, Uuid),
    stored: &TotalSums,
    expected: &TotalSums,
) -> String {
    let of = match totals {
        Totals::Activities if key.is_nil() => {
            format!("{} for no activity", start.format("%Y-%m"))
        }
        Totals::Activities => format!("{} for activity {}", start.format("%Y-%m"), key.simple()),
        Totals::Members if key.is_nil() => format!("{} from no member", start.format("%Y")),
        Totals::Members => format!("{} from member {}", start.format("%Y"), key.simple()),
    };
    let sums = |row: &TotalSums| {
        format!(
            "{} invoiced, {} credited, {} paid, {} on no line, {} accrued and {} invoices",
            row.invoiced_net,
            row.credited_net,
            row.paid_net,
            row.unattributed,
            row.accrued_net - row.accrued_credited_net,
            row.invoices
        )
    };
    format!("the revenue of {of} is stored as {}, but comes to {}", sums(stored), sums(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(month: u32, id: u128, invoices: i64) -> ((NaiveDate, Uuid), TotalSums) {
        let start = NaiveDate::from_ymd_opt(2026, month, 1).unwrap();
        ((start, Uuid::from_u128(id)), TotalSums { invoices, ..TotalSums::default() })
    }

    fn compared<const S: usize, const E: usize>(
        stored: [((NaiveDate, Uuid), TotalSums); S],
        expected: [((NaiveDate, Uuid), TotalSums); E],
    ) -> Vec<String> {
        compare(Totals::Activities, stored.into(), expected.into())
    }

    #[test]
    fn equal_totals_and_zeros_are_no_violation() {
        assert!(compared([], []).is_empty());
        assert!(compared([row(1, 1, 2)], [row(1, 1, 2)]).is_empty());
        assert!(compared([row(1, 1, 0)], [row(2, 1, 0)]).is_empty());
    }

    #[test]
    fn missing_strange_and_different_totals_are_violations() {
        let found = compared(
            [row(1, 1, 2), row(2, 1, 1), row(3, 0, 1)],
            [row(1, 1, 3), row(3, 0, 1), row(4, 0, 1)],
        );
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("the revenue of 2026-01 for activity "), "{found:?}");
        assert!(found[1].ends_with("and 0 invoices"), "{found:?}");
        assert!(found[2].starts_with("the revenue of 2026-04 for no activity "), "{found:?}");
    }

    #[test]
    fn totals_of_members_are_named_by_their_year() {
        let found = compare(Totals::Members, [row(1, 1, 1)].into(), [row(1, 0, 1)].into());
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("the revenue of 2026 from member 0000"), "{found:?}");
        assert!(found[1].starts_with("the revenue of 2026 from no member "), "{found:?}");
    }
}
