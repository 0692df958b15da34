//! Notice (uppsägning): how an agreement is ended, by its months of notice or sooner where the
//! contract provides for it.

use ::entity::{agreement::Model, id::AgreementId};
use chrono::NaiveDate;

use super::{
    deadlines::snooze::take_away,
    lifecycle::{self, Transition, name, snapshot},
    overlaps,
};
use crate::{
    audit,
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    members::ended_agreements,
    term_sql,
};

/// Notice, as somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct NewNotice {
    /// On what.
    pub agreement: AgreementId,
    /// The day that it was given.
    pub given_on: NaiveDate,
    /// Last day in force, where the contract lets it end sooner than by its months of notice
    /// (förtida upphörande), as upon breach or when a grant ceases; null: as the months of notice
    /// have it.
    pub ends_on: Option<NaiveDate>,
    /// Why; needed with `ends_on`.
    pub reason: Option<String>,
}

/// Gives notice. One that is prolonged by itself ends with the first term whose last day for notice
/// has not passed; one until further notice when the months of notice have passed; so does one for
/// a fixed term, if that is before its end: on the day of the notice itself without months of
/// notice.
///
/// With an end of its own it ends then, even before it has begun: one that would end before its
/// first day never comes into force, which is what a withdrawn one is, and what it was to replace
/// goes on.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NOT_SIGNED`, `NOT_STARTED`, `NOTICE_GIVEN`, `ENDED`, `WITHDRAWN`, `REPLACED`,
/// `FIXED_TERM`, or `OVERLAPS` when what goes on would be in force beside another one.
pub async fn give(
    db: &Database,
    viewer: &Viewer,
    new: NewNotice,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAgreements)?;
    let reason = errors.optional_text("input.reason", new.reason.as_deref(), LINE);
    let says_why = new.ends_on.is_none() || reason.is_some();
    errors.expect(
        says_why,
        "input.reason",
        "is needed with endsOn: what lets the agreement end sooner than by its months of notice",
    );
    errors.expect(new.given_on <= db.clock.today(), "input.givenOn", "must not be after today");
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.given_on),
        "input.endsOn",
        "must not be before givenOn",
    );
    errors.finish()?;
    let mut change = audit::begin(db, viewer, "agreementGiveNotice").await?;
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
    // It was of another deadline than the one that there is now, which must not pass unseen.
    if let Some(acknowledged) = take_away(&mut change, id, db.clock.today()).await? {
        change.record(Some(&acknowledged), None)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlaps::describe)
}

/// The last day in force after notice on a day; `early`: the one that somebody says.
fn end(row: &Model, given_on: NaiveDate, early: Option<NaiveDate>) -> Result<NaiveDate> {
    let name = name(row);
    if let Some(from) = row.replaced_from {
        return Err(Error::conflict(
            "REPLACED",
            format!(
                "{name} is replaced from {from}, and ends the day before; give notice of its successor"
            ),
        ));
    }
    if early.is_none() && given_on < row.starts_on {
        let message = format!(
            "{name} is in force from {}; notice can't be given before that day, unless endsOn says that the contract lets it end sooner",
            row.starts_on
        );
        return Err(Error::conflict("NOT_STARTED", message));
    }
    if let Some(signed_on) = row.signed_on.filter(|signed_on| given_on < *signed_on) {
        return Err(Error::invalid(
            "input.givenOn",
            format!("must not be before {signed_on}, when it was signed"),
        ));
    }
    // Months of notice run from the first day at the earliest.
    let by_notice = term_sql::of(row).ends_by_notice(given_on.max(row.starts_on));
    let fixed = row.ends_on.filter(|_| row.renewal_months.is_none());
    let agreed = fixed.filter(|agreed| by_notice >= *agreed);
    if let Some(early) = early {
        // Without months of notice any day up to the agreed end can be chosen.
        let last = fixed.filter(|_| row.notice_months == 0).or(agreed).unwrap_or(by_notice);
        return if early <= last {
            Ok(early)
        } else {
            Err(Error::invalid(
                "input.endsOn",
                format!(
                    "must not be after {last}, when {name} ends anyway after notice on {given_on}"
                ),
            ))
        };
    }
    if let Some(agreed) = agreed {
        let message = format!(
            "{name} is for a fixed term and ends on {agreed} by itself; notice on {given_on} would end it no sooner"
        );
        return Err(Error::conflict("FIXED_TERM", message));
    }
    Ok(by_notice)
}
