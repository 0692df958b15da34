//! Erases the subject of tokens.

use std::collections::BTreeSet;

use ::entity::{acknowledgement, agreement, kind::SubjectKind, status_report};
use chrono::NaiveDate;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{Found, missing, retained::ensure_ended};
use crate::{
    audit::{self, Change, Person, forms},
    contacts::email_addresses,
    error::{ConflictReason, Error, Result},
};

/// Erases a subject from the rows where it filed a report or acknowledged a deadline. Its revoked
/// tokens stay revoked, because the revocation stores only a digest.
pub(super) async fn erase(change: &mut Change, subject: &str, today: NaiveDate) -> Result<Found> {
    let person = Person::subject(subject);
    if email_addresses::has_email(change.tx(), subject, None).await? {
        return Err(Error::conflict(
            ConflictReason::IsContact,
            "the subject is the e-mail address of a contact; erase the contact",
        ));
    }
    let is_subject = |text: &str| Person::subject(text) == person;
    let acknowledgements = acknowledgement::Entity::find().all(change.tx()).await?;
    for before in acknowledgements.into_iter().filter(|row| is_subject(&row.acknowledged_by)) {
        let agreement = agreement::Entity::find_by_id(before.agreement_id)
            .one(change.tx())
            .await?
            .ok_or_else(|| missing("agreement"))?;
        ensure_ended(&agreement, today)?;
        let after = acknowledgement::Model {
            acknowledged_by: forms::pseudonym(before.id),
            note: None,
            ..before.clone()
        };
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    let reports = status_report::Entity::find().all(change.tx()).await?;
    let reports = reports.into_iter().filter(|row| is_subject(&row.reported_by)).collect();
    for before in forms::status_reports(change.tx(), reports).await? {
        let mut after = before.clone();
        after.row.reported_by = forms::pseudonym(before.row.id);
        audit::replace(change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([person]), (SubjectKind::Token, Uuid::nil())))
}
