//! Merges members: one or more leave, and another one continues with them as predecessors.

use ::entity::id::MemberId;
use chrono::NaiveDate;

use super::{
    departure::{depart, find, predecessors},
    last_day::require_continuation,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

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
/// conflicts of [`leave`](super::leave::leave), and `ALREADY_LEFT` when the member that should
/// continue leaves too. That also rules out a member that is its own predecessor through others.
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
    let into = find(&change, merger.into, &mut errors).await;
    let into = into.map_err(|error| error.of_field("into_id"))?;
    let mut leaving = Vec::new();
    for (position, id) in merger.from.iter().enumerate() {
        let row = find(&change, *id, &mut errors).await;
        let row = row.map_err(|error| error.of_field(&format!("from_ids[{position}]")))?;
        errors.expect(
            merger.left_on >= row.joined_on,
            "left_on",
            FieldErrorCode::too_early(
                row.joined_on,
                "must not be before the first day of membership",
            ),
        );
        leaving.push(row);
    }
    errors.finish()?;
    require_continuation(&into, merger.left_on)?;
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
