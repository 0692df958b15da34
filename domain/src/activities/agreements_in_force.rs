//! Checks that an activity covers the whole term of its participation agreements.

use ::entity::{activity, agreement::Column};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition};

use crate::{audit::Change, error::Result, term_sql};

/// Rejects a last day after which participation agreements continue. The error lists their numbers.
pub(super) async fn expect_no_agreements_after(
    change: &Change,
    row: &activity::Model,
    last: NaiveDate,
) -> Result<()> {
    let words = |numbers: &str| {
        format!("{} has agreements in force after {last}: {numbers}; end them first", row.name)
    };
    term_sql::refuse_agreements(
        change.tx(),
        participations(row).add(term_sql::outlives(last)),
        words,
    )
    .await
}

/// Rejects a first day before which participation agreements begin. The error lists their numbers.
pub(super) async fn expect_no_agreements_before(
    change: &Change,
    row: &activity::Model,
) -> Result<()> {
    let words = |numbers: &str| {
        format!(
            "{} has agreements that begin before {}: {numbers}; choose an earlier day",
            row.name, row.starts_on
        )
    };
    term_sql::refuse_agreements(
        change.tx(),
        participations(row).add(term_sql::begins_before(row.starts_on)),
        words,
    )
    .await
}

/// Selects the participation agreements about an activity.
fn participations(row: &activity::Model) -> Condition {
    Condition::all().add(Column::ActivityId.eq(row.id)).add(term_sql::is_participation())
}
