//! Ends memberships: a member leaves, or is merged into another one.

use ::entity::{agreement, id::MemberId, member};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{admit::snapshot, ended_agreements};
use crate::{
    audit::{self, Action, Change, forms},
    auth::viewer::{Permission, Viewer},
    clock,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    term_sql,
};

/// Input for ending a membership.
#[derive(Clone, Debug, Default)]
pub struct Departure {
    /// The member that leaves.
    pub member: MemberId,
    /// Last day of membership.
    pub left_on: NaiveDate,
    /// Reason.
    pub reason: Option<String>,
    /// `true` if its agreements end with the membership.
    pub end_agreements: bool,
}

/// Ends a membership.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ALREADY_LEFT`, `LEAVING` when its last day is in the future, `HAS_PREDECESSORS` when members
/// are merged into it on that day or later, or `AGREEMENTS_IN_FORCE` with the agreements' numbers
/// unless `end_agreements` is set.
pub async fn leave(
    ctx: Context<'_>,
    departure: Departure,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let reason = errors.optional_text("reason", departure.reason.as_deref(), LINE);
    let mut change = audit::begin(ctx, Action::MemberLeave).await?;
    let row = find(&change, departure.member, &mut errors).await?;
    errors.expect(
        departure.left_on >= row.joined_on,
        "left_on",
        FieldErrorCode::TooEarly.problem("must not be before the first day of membership"),
    );
    errors.finish()?;
    depart(&mut change, row, departure.left_on, reason, None, departure.end_agreements).await?;
    change.commit_with(departure.member).await
}

/// Returns the member's row. If it does not exist, fails with the errors found so far, or else with
/// NOT_FOUND.
async fn find(
    change: &Change,
    id: MemberId,
    errors: &mut ValidationErrors,
) -> Result<member::Model> {
    let found = member::Entity::find_by_id(id).one(change.tx()).await?;
    if found.is_none() {
        std::mem::take(errors).finish()?;
    }
    found.ok_or_else(|| Error::NotFound("there is no such member".into()))
}

/// Returns `true` if the viewer may end the membership and the member has no last day yet. Other
/// facts, as agreements in force, may still prevent it.
#[must_use]
pub fn can_leave(viewer: &Viewer, row: &member::Model, today: NaiveDate) -> bool {
    viewer.has(Permission::ManageRegister) && require_no_last_day(row, today).is_ok()
}

/// Fails with `ALREADY_LEFT` or `LEAVING` if a member already has a last day.
fn require_no_last_day(row: &member::Model, today: NaiveDate) -> Result<()> {
    row.left_on.map_or(Ok(()), |last| Err(already_left(row, last, today)))
}

/// Returns the conflict for a member that already has a last day, which may be in the future.
fn already_left(row: &member::Model, last: NaiveDate, today: NaiveDate) -> Error {
    if last < today {
        return Error::conflict(
            ConflictReason::AlreadyLeft,
            format!("{} left on {last}", row.name),
        );
    }
    let message = format!(
        "{} is a member until {last}; reinstate the member to choose another day",
        row.name
    );
    Error::conflict(ConflictReason::Leaving, message)
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

async fn depart(
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
            unfinished.iter().filter_map(|agreement| agreement.number.as_deref()).collect();
        return Err(Error::conflict(
            ConflictReason::AgreementsInForce,
            format!(
                "{} has agreements in force after {left_on}: {}; end them first, or end them with the membership",
                row.name,
                numbers.join(", ")
            ),
        ));
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

/// Input for merging members: one or more leave, and another continues with them as predecessors.
#[derive(Clone, Debug, Default)]
pub struct Merger {
    /// The member that continues.
    pub into: MemberId,
    /// The members that leave.
    pub from: Vec<MemberId>,
    /// Their last day of membership.
    pub left_on: NaiveDate,
    /// Reason.
    pub reason: Option<String>,
    /// `true` if their agreements end with the membership.
    pub end_agreements: bool,
}

/// Merges members: the members in `from` leave and become predecessors of the member that
/// continues.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field, the
/// conflicts of [`leave`], and `ALREADY_LEFT` when the member that should continue leaves too. That
/// also rules out a member that is its own predecessor through others.
pub async fn merge(ctx: Context<'_>, merger: Merger, mut errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let reason = errors.optional_text("reason", merger.reason.as_deref(), LINE);
    errors.expect(
        !merger.from.is_empty(),
        "from_ids",
        FieldErrorCode::Empty.problem("must name a member"),
    );
    for (position, id) in merger.from.iter().enumerate() {
        let path = format!("from_ids[{position}]");
        errors.expect(
            *id != merger.into,
            &path,
            FieldErrorCode::NotAllowed.problem("is the member that continues"),
        );
        errors.expect(
            !merger.from[..position].contains(id),
            &path,
            FieldErrorCode::Duplicate.problem("is named twice"),
        );
    }
    let mut change = audit::begin(ctx, Action::MemberMerge).await?;
    let into = find(&change, merger.into, &mut errors).await?;
    let mut leaving = Vec::new();
    for id in &merger.from {
        let row = find(&change, *id, &mut errors).await?;
        errors.expect(
            merger.left_on >= row.joined_on,
            "left_on",
            FieldErrorCode::TooEarly.problem("must not be before the first day of membership"),
        );
        leaving.push(row);
    }
    errors.finish()?;
    if into.left_on.is_some_and(|last| last <= merger.left_on) {
        let last = into.left_on.unwrap_or_default();
        let message = format!(
            "{} is a member until {last} and does not continue after {}; merge into one that does",
            into.name, merger.left_on
        );
        return Err(Error::conflict(ConflictReason::AlreadyLeft, message));
    }
    let before = predecessors(&change, into.id).await?;
    for row in leaving {
        depart(
            &mut change,
            row,
            merger.left_on,
            reason.clone(),
            Some(into.id),
            merger.end_agreements,
        )
        .await?;
    }
    let after = predecessors(&change, into.id).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(Outcome::of(into.id).with_all(merger.from)).await
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
