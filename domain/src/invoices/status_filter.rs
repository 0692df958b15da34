//! SQL predicate for the state of an invoice; must agree with `amounts::state`, which a test
//! verifies.

use crate::query::column;
use ::entity::{
    banking_day,
    invoice::{Column, Entity},
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait,
    sea_query::{IntoCondition, Query, SimpleExpr},
};

use super::amounts::State;

/// Returns the condition that an invoice has one of these states on `on`; any state if the list is
/// empty.
#[must_use]
pub fn has_state(states: &[State], on: NaiveDate) -> Condition {
    states.iter().fold(Condition::any(), |any, state| any.add(is(*state, on)))
}

fn by(fact: Column, on: NaiveDate) -> SimpleExpr {
    column(fact).lte(on)
}

fn not_by(fact: Column, on: NaiveDate) -> Condition {
    Condition::any().add(column(fact).is_null()).add(column(fact).gt(on))
}

/// The invoice is referenced by this column of a row with this condition.
fn among(condition: impl IntoCondition, by: Column) -> SimpleExpr {
    column(Column::Id)
        .in_subquery(Query::select().expr(column(by)).from(Entity).cond_where(condition).take())
}

fn is(state: State, on: NaiveDate) -> Condition {
    let issued = Condition::all().add(by(Column::IssuedOn, on));
    // An invoice that was due by then is late, since the next banking day has passed too.
    let late_by = banking_day::last_before(on);
    let not_credited = issued.clone().add(not_by(Column::CreditedOn, on));
    // Few invoices are open, and an index on settled_on finds them. As a separate condition it
    // makes the planner start from that index.
    let open = not_credited.clone().add(among(not_by(Column::SettledOn, on), Column::Id));
    let in_time = open.clone().add(
        Condition::any()
            .add(column(Column::DueOn).is_null())
            .add(column(Column::DueOn).gt(late_by)),
    );
    match state {
        State::Draft => not_by(Column::IssuedOn, on),
        // The same holds for invoices with a credit note.
        State::Credited => issued
            .add(among(column(Column::CreditsId).is_not_null(), Column::CreditsId))
            .add(by(Column::CreditedOn, on)),
        State::Paid => not_credited.add(by(Column::SettledOn, on)),
        State::Overdue => open.add(column(Column::DueOn).lte(late_by)),
        State::PartlyPaid => in_time.add(by(Column::FirstPaidOn, on)),
        State::Issued => in_time.add(not_by(Column::FirstPaidOn, on)),
    }
}
