//! Departure: how a member leaves, alone or into another one.

use ::entity::{agreement, id::MemberId, member};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{admit::snapshot, ended_agreements};
use crate::{
    audit::{self, Change, forms},
    auth::viewer::{Permission, Viewer},
    clock,
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    term_sql,
};

/// The action of a departure in the audit trail.
pub(super) const LEAVE: &str = "memberLeave";
/// The action of a merger in the audit trail.
pub(super) const MERGE: &str = "memberMerge";

/// How a member leaves.
#[derive(Clone, Debug, Default)]
pub struct Departure {
    /// Who.
    pub member: MemberId,
    /// Last day of membership.
    pub left_on: NaiveDate,
    /// Reason.
    pub reason: Option<String>,
    /// Whether its agreements end with it.
    pub end_agreements: bool,
}

/// Ends a membership.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ALREADY_LEFT`, `LEAVING` when its last day lies ahead, `HAS_PREDECESSORS` when members are
/// merged into it on that day or later, or `AGREEMENTS_IN_FORCE` with the agreements' numbers
/// unless they are to end too.
pub async fn leave(
    db: &Database,
    viewer: &Viewer,
    departure: Departure,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageRegister)?;
    let reason = errors.optional_text("input.reason", departure.reason.as_deref(), LINE);
    let mut change = audit::begin(db, viewer, LEAVE).await?;
    let row = find(&change, departure.member, &mut errors).await?;
    errors.expect(
        departure.left_on >= row.joined_on,
        "input.leftOn",
        "must not be before the first day of membership",
    );
    errors.finish()?;
    depart(&mut change, row, departure.left_on, reason, None, departure.end_agreements).await?;
    change.commit_with(departure.member).await
}

/// The member's row; without one the faults found so far are told, or else that there is none.
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

/// The conflict of a member that has a last day already, which may lie ahead.
fn already_left(row: &member::Model, last: NaiveDate, today: NaiveDate) -> Error {
    if last < today {
        return Error::conflict("ALREADY_LEFT", format!("{} left on {last}", row.name));
    }
    let message = format!(
        "{} is a member until {last}; take the departure back with memberReinstate to choose another day",
        row.name
    );
    Error::conflict("LEAVING", message)
}

/// A member into which others are merged continues after their last day.
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
    Err(Error::conflict("HAS_PREDECESSORS", message))
}

async fn depart(
    change: &mut Change,
    row: member::Model,
    left_on: NaiveDate,
    reason: Option<String>,
    successor: Option<MemberId>,
    end_agreements: bool,
) -> Result<()> {
    if let Some(last) = row.left_on {
        return Err(already_left(&row, last, clock::day_of(change.at())));
    }
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
            "AGREEMENTS_IN_FORCE",
            format!(
                "{} has agreements in force after {left_on}: {}; end them first, or say that they end too",
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

/// Two or more members that become one, or one that is taken over.
#[derive(Clone, Debug, Default)]
pub struct Merger {
    /// The member that goes on.
    pub into: MemberId,
    /// Those that leave.
    pub from: Vec<MemberId>,
    /// Their last day of membership.
    pub left_on: NaiveDate,
    /// Reason.
    pub reason: Option<String>,
    /// Whether their agreements end with them.
    pub end_agreements: bool,
}

/// Merges members: the old ones leave, the one that goes on has them as predecessors.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID naming every bad field, the
/// conflicts of [`leave`], and `ALREADY_LEFT` when the member that should go on does not: so no
/// member can be its own predecessor, by whatever way round.
pub async fn merge(
    db: &Database,
    viewer: &Viewer,
    merger: Merger,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageRegister)?;
    let reason = errors.optional_text("input.reason", merger.reason.as_deref(), LINE);
    errors.expect(!merger.from.is_empty(), "input.from", "must name a member");
    for (position, id) in merger.from.iter().enumerate() {
        let path = format!("input.from.{position}");
        errors.expect(*id != merger.into, &path, "is the member that goes on");
        errors.expect(!merger.from[..position].contains(id), &path, "is named twice");
    }
    let mut change = audit::begin(db, viewer, MERGE).await?;
    let into = find(&change, merger.into, &mut errors).await?;
    let mut leaving = Vec::new();
    for id in &merger.from {
        let row = find(&change, *id, &mut errors).await?;
        errors.expect(
            merger.left_on >= row.joined_on,
            "input.leftOn",
            "must not be before the first day of membership",
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
        return Err(Error::conflict("ALREADY_LEFT", message));
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

/// The members that were merged into this one so far.
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
