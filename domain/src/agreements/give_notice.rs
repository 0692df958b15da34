//! Gives notice (uppsägning): ends an agreement by its months of notice, or sooner where the
//! contract provides for it.

use ::entity::{agreement::Model, id::AgreementId};
use chrono::NaiveDate;

use super::{
    deadlines::snooze::delete_current,
    lifecycle::{self, Transition, name, snapshot},
    overlaps,
};
use crate::{
    audit::{self, Action},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    members::ended_agreements,
    term_sql,
};

/// Input for giving notice.
#[derive(Clone, Debug, Default)]
pub struct NewNotice {
    /// The agreement.
    pub agreement: AgreementId,
    /// The day on which notice was given.
    pub given_on: NaiveDate,
    /// Last day in force, where the contract lets it end sooner than by its months of notice
    /// (förtida upphörande), for example after a violation of the contract or when a grant ceases;
    /// null: by the months of notice.
    pub ends_on: Option<NaiveDate>,
    /// Reason; needed with `ends_on`.
    pub reason: Option<String>,
}

/// Gives notice.
///
/// An agreement that renews ends with the first term whose last day for notice has not passed. One
/// that runs until further notice ends when the months of notice have passed, or, without months of
/// notice, on the day of the notice. One for a fixed term ends in the same manner if that is before
/// its end.
///
/// With an explicit `ends_on`, the agreement ends on that day. If that is before its first day, it
/// never comes into force: it is withdrawn, and the agreement that it was to replace continues.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NOT_SIGNED`, `NOT_STARTED`, `NOTICE_GIVEN`, `ENDED`, `WITHDRAWN`, `REPLACED`,
/// `FIXED_TERM`, or `OVERLAPS` when the continuing agreement would be in force at the same time as
/// another.
pub async fn give(ctx: Context<'_>, new: NewNotice, mut errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let reason = errors.optional_text("reason", new.reason.as_deref(), LINE);
    let says_why = new.ends_on.is_none() || reason.is_some();
    errors.expect(
        says_why,
        "reason",
        FieldErrorCode::Required.problem("is needed with a last day: state why the agreement ends sooner than by its months of notice"),
    );
    errors.expect(
        new.given_on <= ctx.clock.today(),
        "given_on",
        FieldErrorCode::TooLate.problem("must not be after today"),
    );
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.given_on),
        "ends_on",
        FieldErrorCode::TooEarly.problem("must not be before the day of the notice"),
    );
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementGiveNotice).await?;
    let row = lifecycle::find(change.tx(), new.agreement).await?;
    let transition =
        if new.ends_on.is_some() { Transition::EndEarly } else { Transition::GiveNotice };
    lifecycle::allow(transition, &row, day_of(change.at()))?;
    let ends_on = end(&row, new.given_on, new.ends_on)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let replaced = row.replaces_id;
    let row = Model { termination_reason: reason, ..row };
    let begins = ends_on >= row.starts_on;
    let mut row = if begins {
        Model { notice_given_on: Some(new.given_on), ends_on: Some(ends_on), ..row }
    } else {
        Model { withdrawn_on: Some(new.given_on), replaces_id: None, ..row }
    };
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    audit::replace(&change, row.clone()).await?;
    if let Some(replaced) = replaced.filter(|_| !begins) {
        ended_agreements::release(&mut change, replaced).await.map_err(overlaps::describe)?;
    }
    let id = row.id;
    // The acknowledgement was about the old deadline; the new one must be reported.
    if let Some(acknowledged) = delete_current(&mut change, id, ctx.clock.today()).await? {
        change.record(Some(&acknowledged), None)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlaps::describe)
}

/// Returns `true` if the viewer may give notice of the agreement, which is signed, has not ended,
/// and is neither replaced nor given notice already. Before its first day, and for a fixed term,
/// only notice with an explicit last day is possible.
#[must_use]
pub fn can_give_notice(viewer: &Viewer, row: &Model, today: NaiveDate) -> bool {
    // A notice without a last day requires what one with a last day requires, and more.
    lifecycle::can(viewer, Transition::EndEarly, row, today) && require_not_replaced(row).is_ok()
}

/// Fails with `REPLACED` if an agreement has a signed successor.
fn require_not_replaced(row: &Model) -> Result<()> {
    let Some(from) = row.replaced_from else { return Ok(()) };
    let name = name(row);
    Err(Error::conflict(
        ConflictReason::Replaced,
        format!(
            "{name} is replaced from {from}, and ends the day before; give notice of its successor"
        ),
    ))
}

/// Returns the last day in force after notice on a day; `early` is the explicit last day.
fn end(row: &Model, given_on: NaiveDate, early: Option<NaiveDate>) -> Result<NaiveDate> {
    require_not_replaced(row)?;
    let name = name(row);
    if early.is_none() && given_on < row.starts_on {
        let message = format!(
            "{name} is in force from {}; notice can't be given before that day, unless the contract lets it end sooner: then state the last day",
            row.starts_on
        );
        return Err(Error::conflict(ConflictReason::NotStarted, message));
    }
    if let Some(signed_on) = row.signed_on.filter(|signed_on| given_on < *signed_on) {
        return Err(Error::invalid(
            "given_on",
            FieldErrorCode::TooEarly
                .problem(format!("must not be before {signed_on}, when it was signed"))
                .with("min", signed_on),
        ));
    }
    // The months of notice begin on the first day at the earliest.
    let by_notice = term_sql::of(row).ends_by_notice(given_on.max(row.starts_on));
    let fixed = row.ends_on.filter(|_| row.renewal_months.is_none());
    let agreed = fixed.filter(|agreed| by_notice >= *agreed);
    if let Some(early) = early {
        // Without months of notice, any day up to the agreed end can be chosen.
        let last = fixed.filter(|_| row.notice_months == 0).or(agreed).unwrap_or(by_notice);
        return if early <= last {
            Ok(early)
        } else {
            Err(Error::invalid(
                "ends_on",
                FieldErrorCode::TooLate.problem(format!(
                    "must not be after {last}, when {name} ends anyway after notice on {given_on}"
                )).with("max", last),
            ))
        };
    }
    if let Some(agreed) = agreed {
        let message = format!(
            "{name} is for a fixed term and ends on {agreed} without notice; notice on {given_on} would not end it sooner"
        );
        return Err(Error::conflict(ConflictReason::FixedTerm, message));
    }
    Ok(by_notice)
}
