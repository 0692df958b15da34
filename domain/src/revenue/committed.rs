//! Committed cost: the amounts that an agreement obliges the network to pay in a period.

use ::entity::{agreement::Model, money::Money};

use super::{
    grouping::{Group, Grouping, Range},
    sums::Groups,
};
use crate::{
    error::Result,
    fees::{amounts::Fee, monthly},
    term_sql,
};

/// Adds the committed cost of an agreement in a range. Returns `true` if it has any.
pub(super) fn add(
    row: &Model,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<bool> {
    let Some(fee) = Fee::of(row) else { return Ok(false) };
    let mut is_committed = false;
    for (day, amount) in monthly::by_month(&fee, &term_sql::of(row), range.from, range.to) {
        let group = Group {
            activity: row.activity_id.filter(|_| group_by.activity),
            member: None,
            period: group_by.period.map(|period| period.name(day)),
        };
        groups.of(group)?.committed.get_or_insert_default().cost += amount;
        is_committed |= amount != Money::ZERO;
    }
    Ok(is_committed)
}

#[cfg(test)]
mod tests {
    use ::entity::{id::ActivityId, kind::FeeBasis};
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::{super::grouping::Period, *};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn agreement(basis: FeeBasis, amount: i64) -> Model {
        Model {
            activity_id: Some(ActivityId(Uuid::from_u128(1))),
            fee_basis: Some(basis),
            fee_amount: Some(Money(amount)),
            starts_on: day("2026-03-01"),
            signed_on: Some(day("2026-02-01")),
            ..Model::default()
        }
    }

    fn of(row: &Model, group_by: Grouping, days: (&str, &str)) -> (bool, Vec<(String, i128)>) {
        let mut groups = Groups::default();
        let range = Range { from: day(days.0), to: day(days.1) };
        let is_committed = add(row, group_by, range, &mut groups).unwrap();
        let amount = |(group, sums): (&Group, &super::super::sums::Sums)| {
            (group.period.clone().unwrap_or_default(), sums.committed.unwrap().cost.0)
        };
        let mut found: Vec<_> = groups.0.iter().map(amount).collect();
        found.sort();
        (is_committed, found)
    }

    #[test]
    fn a_yearly_fee_commits_month_by_month() {
        let row = agreement(FeeBasis::FixedPerYear, 1_200);
        let months = Grouping { period: Some(Period::Month), ..Grouping::default() };
        assert_eq!(
            of(&row, months, ("2026-02-01", "2026-04-30")),
            (true, vec![("2026-03".to_owned(), 100), ("2026-04".to_owned(), 100)])
        );
        let year = ("2026-01-01", "2026-12-31");
        assert_eq!(of(&row, Grouping::default(), year), (true, vec![(String::new(), 1_000)]));
        assert_eq!(of(&row, months, ("2025-01-01", "2025-12-31")), (false, vec![]));
    }

    #[test]
    fn a_one_off_fee_commits_on_its_first_day_and_an_unknown_one_nothing() {
        let row = agreement(FeeBasis::OneOff, 500);
        let by_activity = Grouping { activity: true, ..Grouping::default() };
        let found = of(&row, by_activity, ("2026-03-01", "2026-03-01"));
        assert_eq!(found, (true, vec![(String::new(), 500)]));
        assert_eq!(of(&row, by_activity, ("2026-03-02", "2026-12-31")), (false, vec![]));
        let row = agreement(FeeBasis::PerParticipant, 500);
        assert_eq!(of(&row, by_activity, ("2026-01-01", "2026-12-31")), (false, vec![]));
        assert_eq!(
            of(&Model::default(), by_activity, ("2026-01-01", "2026-12-31")),
            (false, vec![])
        );
    }
}
