//! SQL predicate for the state of an invoice; must agree with `amounts::state`, which a test
//! verifies.

use ::entity::{
    banking_day,
    invoice::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, DbBackend, ExprTrait,
    sea_query::{IntoCondition, Query, SimpleExpr},
};

use super::amounts::State;
use crate::{
    database::fixed_day,
    query::{column, day_or_never, unindexed},
};

/// Returns the condition that an invoice has one of these states on `on`; any state if the list is
/// empty. For lists that are short by another condition.
#[must_use]
pub fn has_state(backend: DbBackend, states: &[State], on: NaiveDate) -> Condition {
    states.iter().fold(Condition::any(), |any, state| any.add(is(backend, *state, on)))
}

/// Returns the condition of [`has_state`] for lists of all invoices. Few invoices are open, and
/// indexes of them find them. As a separate condition it makes the planner start from these.
#[must_use]
pub fn has_state_among_all(backend: DbBackend, states: &[State], on: NaiveDate) -> Condition {
    let all = Condition::all().add(has_state(backend, states, on));
    if is_open(states) { all.add(among(not_by(Column::SettledOn, on), Column::Id)) } else { all }
}

/// Returns two conditions of which one is true of each invoice that has one of these states on
/// `on`, if all of them are states of open invoices: the invoices that are not settled, and those
/// that were settled later. Each is found by an index, which a single condition on both is not.
#[must_use]
pub fn open_parts(backend: DbBackend, states: &[State], on: NaiveDate) -> Option<[Condition; 2]> {
    let any = states.iter().fold(Condition::any(), |any, state| any.add(due(backend, *state, on)));
    let open = Condition::all()
        .add(unindexed(backend, by(Column::IssuedOn, on)))
        .add(not_by(Column::CreditedOn, on))
        .add(any);
    let unsettled = open.clone().add(column(Column::SettledOn).is_null());
    let settled_later = open.add(among(column(Column::SettledOn).gt(fixed_day(on)), Column::Id));
    is_open(states).then_some([unsettled, settled_later])
}

/// `true` if each of these states is one of issued invoices that are neither paid nor credited.
fn is_open(states: &[State]) -> bool {
    let open = [State::Issued, State::PartlyPaid, State::Overdue];
    !states.is_empty() && states.iter().all(|state| open.contains(state))
}

fn by(fact: Column, on: NaiveDate) -> SimpleExpr {
    column(fact).lte(fixed_day(on))
}

fn not_by(fact: Column, on: NaiveDate) -> Condition {
    Condition::any().add(column(fact).is_null()).add(column(fact).gt(fixed_day(on)))
}

/// The invoice is referenced by this column of a row with this condition.
fn among(condition: impl IntoCondition, by: Column) -> SimpleExpr {
    column(Column::Id)
        .in_subquery(Query::select().expr(column(by)).from(Entity).cond_where(condition).take())
}

/// The part of a state that the last day to pay and the payments of an open invoice decide.
fn due(backend: DbBackend, state: State, on: NaiveDate) -> Condition {
    // An invoice that was due by then is late, since the next banking day has passed too. An
    // invoice without a last day to pay is never late. Nearly all invoices of any register were due
    // by then, so that SQLite must not search for them by their days.
    let due_on = day_or_never(backend, Column::DueOn);
    let late_by = fixed_day(banking_day::last_before(on));
    let in_time = Condition::all().add(unindexed(backend, due_on.clone().gt(late_by.clone())));
    match state {
        State::Overdue => Condition::all().add(unindexed(backend, due_on.lte(late_by))),
        State::PartlyPaid => in_time.add(by(Column::FirstPaidOn, on)),
        State::Issued => in_time.add(not_by(Column::FirstPaidOn, on)),
        State::Draft | State::Credited | State::Paid => Condition::all(),
    }
}

fn is(backend: DbBackend, state: State, on: NaiveDate) -> Condition {
    let issued = Condition::all().add(by(Column::IssuedOn, on));
    let not_credited = issued.clone().add(not_by(Column::CreditedOn, on));
    match state {
        State::Draft => not_by(Column::IssuedOn, on),
        // The same holds for invoices with a credit note.
        State::Credited => issued
            .add(among(column(Column::CreditsId).is_not_null(), Column::CreditsId))
            .add(by(Column::CreditedOn, on)),
        State::Paid => not_credited.add(by(Column::SettledOn, on)),
        State::Overdue | State::PartlyPaid | State::Issued => {
            not_credited.add(not_by(Column::SettledOn, on)).add(due(backend, state, on))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_states_of_open_invoices_have_parts() {
        let on = NaiveDate::default();
        let has_parts = |states: &[State]| open_parts(DbBackend::Sqlite, states, on).is_some();
        assert!(has_parts(&[State::Overdue]) && has_parts(&[State::Issued, State::PartlyPaid]));
        assert!(!has_parts(&[]) && !has_parts(&[State::Overdue, State::Paid]));
        assert!(![State::Draft, State::Credited].iter().any(|state| has_parts(&[*state])));
    }
}
