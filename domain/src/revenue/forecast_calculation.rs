//! The revenue of a year that follows from agreements, with the assumptions behind it.

use ::entity::{agreement::Model, id::ActivityId, kind::FeeBasis, money::Money};

use super::{
    assumptions::{Allocations, Assumed},
    grouping::{Group, Range},
    report_rows::Report,
    sums::{Groups, Sums},
};
use crate::{
    error::Result,
    fees::amounts::{Fee, amount_for},
    term_sql,
};

/// A year's forecast.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The days of the year.
    pub days: Range,
    /// The revenue by activity; without a total if anything is withheld.
    pub report: Report,
    /// Activities that are in no row and no sum, because they have per-mille fees on allocations
    /// that the viewer may not read: the sum would reveal them.
    pub withheld: Vec<ActivityId>,
    /// Assumptions, one sentence each.
    pub assumptions: Vec<String>,
    /// Assumptions in Swedish, for workbooks.
    pub assumptions_in_swedish: Vec<String>,
}

/// The revenue of a year by activity, as far as it is calculated.
pub(super) struct Calculation {
    year: i32,
    groups: Groups,
    assumed: Assumed,
}

impl Calculation {
    /// Begins without agreements.
    pub(super) fn new(year: i32) -> Self {
        Self { year, groups: Groups::default(), assumed: Assumed::default() }
    }

    /// Adds the revenue of an agreement. `allocations` are those that its fee is calculated from.
    /// If the viewer may not read the allocation of its member (`is_hidden`) and the amount depends
    /// on it, the activity is withheld.
    pub(super) fn add(
        &mut self,
        row: &Model,
        allocations: &Allocations,
        is_hidden: bool,
    ) -> Result<()> {
        let Some(fee) = Fee::of(row) else { return Ok(()) };
        let (term, assumed) = (term_sql::of(row), &mut self.assumed);
        // Without an allocation, there is an amount only if it does not depend on one.
        if is_hidden && amount_for(&fee, None, &term, self.year).is_none() {
            assumed.withheld.insert(row.activity_id);
            return Ok(());
        }
        let known = row.member_id.and_then(|member| Some((member, allocations.get(&member)?)));
        let amount = amount_for(&fee, known.map(|(_, (_, amount))| *amount), &term, self.year);
        assumed.unknown += usize::from(amount.is_none() && known.is_none());
        assumed.per_participant += usize::from(fee.basis == FeeBasis::PerParticipant);
        let net = amount.unwrap_or_default();
        if net == Money::ZERO {
            return Ok(());
        }
        if let Some((member, (other, _))) = known.filter(|(_, (other, _))| {
            fee.basis == FeeBasis::PerMilleOfAllocation && *other != self.year
        }) {
            assumed.years.entry(*other).or_default().insert(member);
        }
        let vat = row.vat_rate.and_then(|rate| net.times(rate.percent(), 100)).unwrap_or_default();
        let group = Group { activity: row.activity_id, ..Group::default() };
        self.groups.of(group)?.add(&Sums {
            net: net.into(),
            vat: vat.into(),
            invoices: 1,
            ..Sums::default()
        });
        Ok(())
    }

    /// Returns the sums of the activities that are not withheld, and the assumptions.
    pub(super) fn finish(mut self) -> (Groups, Assumed) {
        let withheld = &self.assumed.withheld;
        self.groups.0.retain(|group, _| !withheld.contains(&group.activity));
        (self.groups, self.assumed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ::entity::{id::MemberId, kind::VatRate, money::PerMille};
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::*;

    fn member(id: u128) -> MemberId {
        MemberId(Uuid::from_u128(id))
    }

    fn activity(id: u128) -> ActivityId {
        ActivityId(Uuid::from_u128(id))
    }

    fn agreement(member_id: u128, activity_id: u128, basis: FeeBasis) -> Model {
        let begin = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();
        let amount = (basis != FeeBasis::PerMilleOfAllocation).then_some(Money(1_200_000));
        Model {
            member_id: Some(member(member_id)),
            activity_id: Some(activity(activity_id)),
            fee_basis: Some(basis),
            fee_amount: amount,
            fee_per_mille: amount.is_none().then_some(PerMille(2000)),
            starts_on: begin,
            signed_on: Some(begin),
            vat_rate: Some(VatRate::Standard25),
            ..Model::default()
        }
    }

    #[test]
    fn fees_add_up_by_activity_with_vat() {
        let mut calculation = Calculation::new(2027);
        let none = Allocations::new();
        for id in [1, 2] {
            calculation.add(&agreement(id, 7, FeeBasis::FixedPerYear), &none, true).unwrap();
        }
        calculation.add(&agreement(1, 8, FeeBasis::PerParticipant), &none, false).unwrap();
        calculation.add(&Model::default(), &none, false).unwrap();
        let (groups, assumed) = calculation.finish();
        let sums = groups.0[&Group { activity: Some(activity(7)), ..Group::default() }];
        assert_eq!((sums.net.0, sums.vat.0, sums.invoices), (2_400_000, 600_000, 2));
        assert_eq!((groups.0.len(), assumed.per_participant), (1, 1));
        assert!(assumed.withheld.is_empty());
    }

    #[test]
    fn an_allocation_of_another_year_is_assumed_and_an_unknown_one_counts_as_zero() {
        let mut calculation = Calculation::new(2027);
        let allocations = Allocations::from([
            (member(1), (2027, Money(100_000))),
            (member(2), (2025, Money(100_000))),
        ]);
        for id in [1, 2, 3] {
            let row = agreement(id, 7, FeeBasis::PerMilleOfAllocation);
            calculation.add(&row, &allocations, false).unwrap();
        }
        let (groups, assumed) = calculation.finish();
        let sums = groups.0[&Group { activity: Some(activity(7)), ..Group::default() }];
        assert_eq!((sums.net.0, sums.invoices), (400, 2));
        assert_eq!(assumed.unknown, 1);
        assert_eq!(assumed.years, BTreeMap::from([(2025, BTreeSet::from([member(2)]))]));
    }

    #[test]
    fn an_activity_with_a_hidden_allocation_is_withheld_completely() {
        let mut calculation = Calculation::new(2027);
        let allocations = Allocations::from([(member(1), (2027, Money(100_000)))]);
        let fixed = agreement(2, 7, FeeBasis::FixedPerYear);
        calculation.add(&fixed, &allocations, true).unwrap();
        let row = agreement(1, 7, FeeBasis::PerMilleOfAllocation);
        calculation.add(&row, &allocations, true).unwrap();
        let (groups, assumed) = calculation.finish();
        assert!(groups.0.is_empty());
        assert_eq!(assumed.withheld, BTreeSet::from([Some(activity(7))]));
    }
}
