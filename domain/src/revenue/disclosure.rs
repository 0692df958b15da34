//! Disclosure of totals: the figures of an activity and year that a viewer may read who may not
//! read the rows behind them.

use std::collections::{HashMap, HashSet};

use ::entity::total::Total;
use uuid::Uuid;

use super::activity_result::ActivityResult;

/// The other party of an amount.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counterparty {
    /// A member or an organisation; for a cost without a supplier, the booking itself, since
    /// nothing is known of the supplier.
    Party(Option<Uuid>),
    /// The folded name of a funder.
    Funder(String),
}

/// The amounts behind a figure, by counterparty.
pub(super) type Amounts = HashMap<Counterparty, Total>;

/// The amounts of an activity in a year.
#[derive(Clone, Debug, Default)]
pub(super) struct AmountsOfYear {
    pub(super) invoiced: Amounts,
    pub(super) paid: Amounts,
    pub(super) outstanding: Amounts,
    pub(super) cost: Amounts,
    pub(super) grants: Amounts,
}

/// The number of counterparties that must stand behind a figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Required {
    /// For invoiced, paid and outstanding amounts; 0 for a viewer who may read all invoices.
    pub(super) income: usize,
    /// For costs and grants.
    pub(super) accounts: usize,
}

/// Returns the figure if no counterparty stands behind it, or enough others than the viewer do. A
/// viewer knows its own amounts, and would learn those of the others by subtracting them.
/// Counterparties whose amounts add up to zero or less count as none.
fn shown(amounts: &Amounts, own: &HashSet<Uuid>, required: usize) -> Option<Total> {
    let is_own = |counterparty: &Counterparty| matches!(counterparty, Counterparty::Party(Some(id)) if own.contains(id));
    let others: Vec<Total> = amounts
        .iter()
        .filter(|(party, sum)| !is_own(party) && **sum != Total::ZERO)
        .map(|(_, sum)| *sum)
        .collect();
    let positive = others.iter().filter(|sum| **sum > Total::ZERO).count();
    let is_shown = positive >= required || others.is_empty();
    is_shown.then(|| amounts.values().fold(Total::ZERO, |sum, amount| sum + *amount))
}

/// Returns the figures that may be shown to a viewer to whom the parties in `own` belong. A figure
/// that follows from two others is shown only with both: the result with what was invoiced, cost
/// and grants; the paid and the outstanding amount with each other and what was invoiced.
pub(super) fn disclose(
    amounts: &AmountsOfYear,
    own: &HashSet<Uuid>,
    required: Required,
) -> ActivityResult {
    let income = |amounts| shown(amounts, own, required.income);
    let accounts = |amounts| shown(amounts, own, required.accounts);
    let (invoiced, cost, grants) =
        (income(&amounts.invoiced), accounts(&amounts.cost), accounts(&amounts.grants));
    let payments = invoiced.and(income(&amounts.paid).zip(income(&amounts.outstanding)));
    let result = invoiced.zip(cost.zip(grants));
    ActivityResult {
        invoiced,
        paid: payments.map(|(paid, _)| paid),
        outstanding: payments.map(|(_, outstanding)| outstanding),
        cost,
        grants,
        result: result.map(|(invoiced, (cost, grants))| invoiced + grants - cost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(amounts: &[(u128, i128)]) -> Amounts {
        let party = |(id, sum): &(u128, i128)| {
            (Counterparty::Party(Some(Uuid::from_u128(*id))), Total(*sum))
        };
        amounts.iter().map(party).collect()
    }

    fn seen(amounts: &AmountsOfYear, own: &[u128]) -> [Option<i128>; 6] {
        let own = own.iter().map(|id| Uuid::from_u128(*id)).collect();
        let found = disclose(amounts, &own, Required { income: 3, accounts: 3 });
        [found.invoiced, found.paid, found.outstanding, found.cost, found.grants, found.result]
            .map(|sum| sum.map(|sum| sum.0))
    }

    #[test]
    fn three_counterparties_are_enough_and_two_are_not() {
        let three = of(&[(1, 100), (2, 200), (3, 300)]);
        let two = of(&[(1, 100), (2, 200)]);
        let amounts = AmountsOfYear { invoiced: three.clone(), ..AmountsOfYear::default() };
        assert_eq!(seen(&amounts, &[])[0], Some(600));
        assert_eq!(seen(&amounts, &[])[5], Some(600));
        let amounts = AmountsOfYear { invoiced: two, ..AmountsOfYear::default() };
        assert_eq!(seen(&amounts, &[]), [None, None, None, Some(0), Some(0), None]);
    }

    #[test]
    fn the_viewers_own_amount_is_no_other() {
        let amounts = AmountsOfYear {
            invoiced: of(&[(1, 100), (2, 200), (3, 300)]),
            ..AmountsOfYear::default()
        };
        assert_eq!(seen(&amounts, &[1])[0], None);
        assert_eq!(seen(&amounts, &[1, 2, 3])[0], Some(600));
    }

    #[test]
    fn nothing_follows_from_what_is_shown() {
        let many = of(&[(1, 100), (2, 200), (3, 300), (4, 400)]);
        let amounts = AmountsOfYear {
            invoiced: many.clone(),
            paid: of(&[(1, 100), (2, 200), (3, 300)]),
            outstanding: of(&[(4, 500)]),
            cost: of(&[(5, 700)]),
            grants: Amounts::default(),
        };
        assert_eq!(seen(&amounts, &[]), [Some(1000), None, None, None, Some(0), None]);
        let settled = AmountsOfYear {
            outstanding: Amounts::default(),
            paid: many,
            cost: Amounts::default(),
            ..amounts
        };
        assert_eq!(
            seen(&settled, &[]),
            [Some(1000), Some(1000), Some(0), Some(0), Some(0), Some(1000)]
        );
    }

    #[test]
    fn corrections_are_no_counterparties() {
        let amounts = AmountsOfYear {
            cost: of(&[(1, 100), (2, 200), (3, -100), (4, 0)]),
            ..AmountsOfYear::default()
        };
        assert_eq!(seen(&amounts, &[])[3], None);
    }
}
