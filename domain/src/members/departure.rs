//! The departure of a member, by leaving or by a merger.

use ::entity::{agreement, id::MemberId, member};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{details::snapshot, ended_agreements, last_day::require_no_last_day};
use crate::{
    audit::{self, Change, forms},
    clock,
    error::{ConflictReason, Error, Result, ValidationErrors},
    term_sql,
};

/// Returns the member's row. If it does not exist, fails with the errors found so far, or else with
/// NOT_FOUND.
pub(super) async fn find(
    change: &Change,
    id: MemberId,
    errors: &mut ValidationErrors,
) -> Result<member::Model> {
    let found = member::Entity::find_by_id(id).one(change.tx()).await?;
    if found.is_none() {
        std::mem::take(errors).finish()?;
    }
    found.ok_or_else(|| Error::missing("member_id", "there is no such member"))
}

/// Sets the last day of a member, and the member that it was merged into. Its agreements that would
/// continue after that day end with `end_agreements`.
///
/// # Errors
/// CONFLICT `ALREADY_LEFT`, `LEAVING`, `HAS_PREDECESSORS`, or `AGREEMENTS_IN_FORCE` without
/// `end_agreements`.
pub(super) async fn depart(
    change: &mut Change,
    row: member::Model,
    left_on: NaiveDate,
    reason: Option<String>,
    successor: Option<MemberId>,
    end_agreements: bool,
) -> Result<()> {
    require_no_last_day(&row, clock::day_of(change.at()))?;
    expect_no_later_predecessors(change, &row, left_on).await?;
    let unfinished = agreement::Entity::find()
        .filter(agreement::Column::MemberId.eq(row.id))
        .filter(term_sql::outlives(left_on))
        .order_by_asc(agreement::Column::NumberKey)
        .all(change.tx())
        .await?;
    if !unfinished.is_empty() && !end_agreements {
        let numbers: Vec<_> =
            unfinished.into_iter().filter_map(|agreement| agreement.number).collect();
        let message = format!(
            "{} has agreements in force after {left_on}: {}; end them first, or end them with the membership",
            row.name,
            numbers.join(", ")
        );
        return Err(Error::conflict_of(ConflictReason::AgreementsInForce, message, numbers));
    }
    let mut replaced = Vec::new();
    for agreement in unfinished {
        replaced
            .extend(ended_agreements::end(change, agreement, left_on, reason.as_deref()).await?);
    }
    for agreement in replaced {
        ended_agreements::release(change, agreement).await?;
        ended_agreements::end_if_longer(change, agreement, left_on, reason.as_deref()).await?;
    }
    let before = snapshot(change.tx(), row.id).await?;
    let id = row.id;
    audit::replace(
        change,
        member::Model {
            left_on: Some(left_on),
            leaving_reason: reason,
            successor_id: successor,
            ..row
        },
    )
    .await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(Some(&before), Some(&after))
}

/// Fails if other members are merged into this one on `left_on` or later: it must still be a member
/// after their last day.
async fn expect_no_later_predecessors(
    change: &Change,
    row: &member::Model,
    left_on: NaiveDate,
) -> Result<()> {
    let later = member::Entity::find()
        .filter(member::Column::SuccessorId.eq(row.id))
        .filter(member::Column::LeftOn.gte(left_on))
        .order_by_desc(member::Column::LeftOn)
        .one(change.tx())
        .await?;
    let Some(later) = later else { return Ok(()) };
    let last = later.left_on.unwrap_or_default();
    let message = format!(
        "{} is merged into {} after {last}, which must then be a member; choose a later day",
        later.name, row.name
    );
    Err(Error::conflict(ConflictReason::HasPredecessors, message))
}

/// Returns the members that were merged into this one so far.
pub(super) async fn predecessors(change: &Change, id: MemberId) -> Result<forms::Merger> {
    let predecessors = member::Entity::find()
        .filter(member::Column::SuccessorId.eq(id))
        .order_by_asc(member::Column::NameKey)
        .order_by_asc(member::Column::Id)
        .all(change.tx())
        .await?;
    Ok(forms::Merger {
        member_id: id,
        predecessors: predecessors.into_iter().map(|row| row.id).collect(),
    })
}
