//! The result of an activity in a year, put together from its sums.

use std::collections::HashMap;

use ::entity::{id::ActivityId, total::Total};

use super::sums::Groups;

/// The economy of an activity in a year. All amounts except `outstanding` are without VAT. An
/// amount that the viewer may not know is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityResult {
    /// Invoiced, after credit notes.
    pub invoiced: Option<Total>,
    /// Received by payments during the year, for invoices of any year.
    pub paid: Option<Total>,
    /// Unpaid as of now from what was invoiced during the year, with VAT.
    pub outstanding: Option<Total>,
    /// Costs.
    pub cost: Option<Total>,
    /// Grants.
    pub grants: Option<Total>,
    /// Invoiced plus grants minus cost.
    pub result: Option<Total>,
}

/// Returns the results of activities whose sums are all known, zero where there are none.
/// `invoiced` has what was invoiced, costs and grants by activity.
pub(super) fn complete(
    activities: &[ActivityId],
    invoiced: Groups,
    paid: Groups,
    outstanding: HashMap<ActivityId, Total>,
) -> HashMap<ActivityId, ActivityResult> {
    let zero = Some(Total::ZERO);
    let nothing = ActivityResult {
        invoiced: zero,
        paid: zero,
        outstanding: zero,
        cost: zero,
        grants: zero,
        result: zero,
    };
    let mut results: HashMap<_, _> = activities.iter().map(|id| (*id, nothing)).collect();
    for (group, sums) in invoiced.0 {
        if let Some(result) = group.activity.and_then(|id| results.get_mut(&id)) {
            *result = ActivityResult {
                invoiced: Some(sums.net),
                cost: Some(sums.cost),
                grants: Some(sums.grants),
                result: Some(sums.result()),
                ..*result
            };
        }
    }
    for (group, sums) in paid.0 {
        if let Some(result) = group.activity.and_then(|id| results.get_mut(&id)) {
            result.paid = Some(sums.net);
        }
    }
    for (id, amount) in outstanding {
        if let Some(result) = results.get_mut(&id) {
            result.outstanding = Some(amount);
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::{
        super::{grouping::Group, sums::Sums},
        *,
    };

    #[test]
    fn sums_are_put_together_by_activity() {
        let [one, other, strange] = [ActivityId::new(), ActivityId::new(), ActivityId::new()];
        let of = |activity, sums| {
            let mut groups = Groups::default();
            *groups.of(Group { activity: Some(activity), ..Group::default() }).unwrap() = sums;
            groups
        };
        let invoiced =
            Sums { net: Total(100), cost: Total(30), grants: Total(5), ..Sums::default() };
        let paid = Sums { net: Total(60), cost: Total(1), ..Sums::default() };
        let outstanding = HashMap::from([(one, Total(50)), (strange, Total(9))]);
        let found = complete(&[one, other], of(one, invoiced), of(one, paid), outstanding);
        assert_eq!(found.len(), 2);
        let sums = |id| {
            let own: ActivityResult = found[&id];
            [own.invoiced, own.paid, own.outstanding, own.cost, own.grants, own.result]
                .map(|sum| sum.map(|sum: Total| sum.0))
        };
        assert_eq!(sums(one), [100, 60, 50, 30, 5, 75].map(Some));
        assert_eq!(sums(other), [Some(0); 6]);
    }
}
