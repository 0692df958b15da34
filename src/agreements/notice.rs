//! Notice (uppsägning): how an agreement that is in force is ended.

use ::entity::{agreement::Model, id::AgreementId, kind::SubjectKind};
use chrono::NaiveDate;

use super::{
    acknowledgement::take_away,
    life::{self, Move, name, snapshot},
};
use crate::{
    audit,
    auth::viewer::{Deed, Viewer},
    clock::day_of,
    database::Database,
    error::{Error, Faults, LINE, Result},
    terms,
};

/// Gives notice. One that is prolonged by itself ends with the first term whose last day for notice has not passed; one until further
/// notice when the months of notice have passed; so does one for a fixed term, if that is before its end and it has months of notice.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND, INVALID naming every bad field, CONFLICT `NOT_SIGNED`, `NOT_STARTED`,
/// `NOTICE_GIVEN`, `ENDED`, `WITHDRAWN`, `REPLACED` or `FIXED_TERM`.
pub async fn give(
    db: &Database,
    viewer: &Viewer,
    id: AgreementId,
    given_on: NaiveDate,
    reason: Option<&str>,
    mut faults: Faults,
) -> Result<()> {
    viewer.require(Deed::KeepAgreements)?;
    let reason = faults.optional_text("input.reason", reason, LINE);
    faults.expect(given_on <= db.clock.today(), "input.givenOn", "must not be after today");
    faults.finish()?;
    let mut change = audit::begin(db, viewer, "agreementGiveNotice").await?;
    let row = life::find(change.tx(), id).await?;
    life::allow(Move::GiveNotice, &row, day_of(change.at()))?;
    let ends_on = end(&row, given_on)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let mut row = Model { notice_given_on: Some(given_on), ends_on: Some(ends_on), termination_reason: reason, ..row };
    (row.deadline_on, row.deadline_month) = terms::deadline_columns(&terms::of(&row));
    audit::replace(&change, row.clone()).await?;
    // It was of another deadline than the one that there is now, which must not pass unseen.
    if let Some(acknowledged) = take_away(&mut change, id, db.clock.today()).await? {
        change.record(SubjectKind::Agreement, id, Some(&acknowledged), None::<&()>)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(SubjectKind::Agreement, id, Some(&before), Some(&after))?;
    change.commit().await
}

/// The last day in force after notice on a day.
fn end(row: &Model, given_on: NaiveDate) -> Result<NaiveDate> {
    let name = name(row);
    if let Some(from) = row.replaced_from {
        return Err(Error::conflict(
            "REPLACED",
            format!("{name} is replaced from {from}, and ends the day before; give notice of its successor"),
        ));
    }
    if given_on < row.starts_on {
        let message = format!("{name} is in force from {}; notice can't be given before that day", row.starts_on);
        return Err(Error::conflict("NOT_STARTED", message));
    }
    if let Some(signed_on) = row.signed_on.filter(|signed_on| given_on < *signed_on) {
        return Err(Error::invalid("input.givenOn", format!("must not be before {signed_on}, when it was signed")));
    }
    let ends_on = terms::of(row).ends_by_notice(given_on);
    if row.renewal_months.is_none()
        && let Some(agreed) = row.ends_on
        && (row.notice_months == 0 || ends_on >= agreed)
    {
        let message = format!("{name} is for a fixed term and ends on {agreed} by itself; notice on {given_on} would end it no sooner");
        return Err(Error::conflict("FIXED_TERM", message));
    }
    Ok(ends_on)
}
