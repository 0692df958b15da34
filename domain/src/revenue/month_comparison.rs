//! Comparison of the stored totals by month with those that follow from documents and payments.

use std::collections::BTreeMap;

use ::entity::revenue_month;

/// Returns a sentence for each month and activity whose stored totals differ from the expected
/// ones. A row of zeros is the same as none.
pub(super) fn compare(
    stored: Vec<revenue_month::Model>,
    expected: Vec<revenue_month::Model>,
) -> Vec<String> {
    let by_key = |rows: Vec<revenue_month::Model>| -> BTreeMap<_, _> {
        rows.into_iter().map(|row| ((row.month, row.activity_id), row)).collect()
    };
    let (stored, mut expected) = (by_key(stored), by_key(expected));
    let mut found = Vec::new();
    for (key, stored) in stored {
        let expected = expected.remove(&key).unwrap_or_else(|| revenue_month::Model {
            month: key.0,
            activity_id: key.1,
            ..Default::default()
        });
        if stored != expected {
            found.push(sentence(&stored, &expected));
        }
    }
    let none = |row: &revenue_month::Model| revenue_month::Model {
        month: row.month,
        activity_id: row.activity_id,
        ..Default::default()
    };
    found.extend(
        expected
            .into_values()
            .filter(|row| *row != none(row))
            .map(|row| sentence(&none(&row), &row)),
    );
    found
}

fn sentence(stored: &revenue_month::Model, expected: &revenue_month::Model) -> String {
    let activity = if expected.activity_id.is_nil() {
        "no activity".to_owned()
    } else {
        format!("activity {}", expected.activity_id.simple())
    };
    let sums = |row: &revenue_month::Model| {
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
    format!(
        "the revenue of {} for {activity} is stored as {}, but comes to {}",
        expected.month.format("%Y-%m"),
        sums(stored),
        sums(expected)
    )
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::*;

    fn row(month: u32, activity: u128, invoices: i64) -> revenue_month::Model {
        revenue_month::Model {
            month: NaiveDate::from_ymd_opt(2026, month, 1).unwrap(),
            activity_id: Uuid::from_u128(activity),
            invoices,
            ..Default::default()
        }
    }

    #[test]
    fn equal_totals_and_zeros_are_no_violation() {
        assert!(compare(vec![], vec![]).is_empty());
        assert!(compare(vec![row(1, 1, 2)], vec![row(1, 1, 2)]).is_empty());
        assert!(compare(vec![row(1, 1, 0)], vec![row(2, 1, 0)]).is_empty());
    }

    #[test]
    fn missing_strange_and_different_totals_are_violations() {
        let found = compare(
            vec![row(1, 1, 2), row(2, 1, 1), row(3, 0, 1)],
            vec![row(1, 1, 3), row(3, 0, 1), row(4, 0, 1)],
        );
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("the revenue of 2026-01 for activity "), "{found:?}");
        assert!(found[1].ends_with("and 0 invoices"), "{found:?}");
        assert!(found[2].starts_with("the revenue of 2026-04 for no activity "), "{found:?}");
    }
}
