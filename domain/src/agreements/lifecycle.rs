//! The lifecycle of an agreement: the transitions that each stage allows, and helpers that load an
//! agreement for a mutation.

use std::collections::BTreeSet;

use ::entity::{
    agreement::{Entity, Model},
    agreement_document,
    id::AgreementId,
    signature,
    term::Status,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{
    auth::viewer::{Permission, Viewer},
    database::among,
    error::{ConflictReason, Error, Result},
    term_sql,
};

/// A transition of an existing agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Change the draft.
    Update,
    /// Offer it to the counterparty.
    Offer,
    /// Withdraw the draft or the offer.
    Withdraw,
    /// Sign it.
    Sign,
    /// Give notice.
    GiveNotice,
    /// End it sooner than by its months of notice.
    EndEarly,
    /// Draft a successor.
    Replace,
}

/// Returns the stage of an agreement from its facts. An agreement signed with a future date counts
/// as signed.
fn stage(row: &Model, today: NaiveDate) -> Status {
    if row.withdrawn_on.is_some() {
        return Status::Withdrawn;
    }
    let Some(signed_on) = row.signed_on else {
        return if row.offered_at.is_some() { Status::Offered } else { Status::Draft };
    };
    match term_sql::of(row).status(today.max(signed_on)) {
        Status::Signed | Status::Active if row.notice_given_on.is_some() => Status::NoticeGiven,
        status => status,
    }
}

/// Returns the name of an agreement in messages.
pub(super) fn name(row: &Model) -> String {
    row.number
        .as_ref()
        .map_or_else(|| "the draft".to_owned(), |number| format!("agreement {number}"))
}

/// Fails unless the stage of the agreement allows the transition.
///
/// # Errors
/// CONFLICT `WITHDRAWN`, `NOT_OFFERED`, `ALREADY_OFFERED`, `NOT_SIGNED`, `ALREADY_SIGNED`,
/// `NOT_STARTED`, `NOTICE_GIVEN` or `ENDED`.
pub(super) fn allow(transition: Transition, row: &Model, today: NaiveDate) -> Result<()> {
    use Status::{Active, Draft, Ended, NoticeGiven, Offered, Signed, Withdrawn};
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let (reason, words) = match (transition, stage(row, today)) {
        (Transition::Update | Transition::Offer | Transition::Withdraw, Draft)
        | (Transition::Withdraw | Transition::Sign, Offered)
        | (Transition::GiveNotice, Active)
        | (Transition::EndEarly, Signed | Active)
        | (Transition::Replace, Signed | Active | NoticeGiven) => return Ok(()),
        (_, Withdrawn) => (ConflictReason::Withdrawn, format!("was withdrawn on {}; draft a new one", day(row.withdrawn_on))),
        (Transition::Sign, Draft) => (ConflictReason::NotOffered, "has not been offered; offer it first".to_owned()),
        (Transition::Update | Transition::Offer, Offered | Signed | Active | NoticeGiven | Ended) => (
            ConflictReason::AlreadyOffered,
            "has been offered already, and an offer never changes; withdraw it, or replace it after it is signed".to_owned(),
        ),
        (Transition::Withdraw | Transition::Sign, Signed | Active | NoticeGiven | Ended) => {
            let advice = "to end it, give notice or replace it";
            (ConflictReason::AlreadySigned, format!("was signed by both on {}; {advice}", day(row.signed_on)))
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Draft | Offered) => {
            (ConflictReason::NotSigned, "has not been signed by both; withdraw it, or change it while it is a draft".to_owned())
        }
        (Transition::GiveNotice, Signed) => (
            ConflictReason::NotStarted,
            format!("is in force from {}; notice can be given from that day, and before it only with a last day", row.starts_on),
        ),
        (Transition::GiveNotice | Transition::EndEarly, NoticeGiven) => {
            let advice = "to end it on another day, withdraw that notice and give notice again";
            (
                ConflictReason::NoticeGiven,
                format!("was given notice on {} already, and ends on {}; {advice}", day(row.notice_given_on), day(row.ends_on)),
            )
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Ended) => (ConflictReason::Ended, "has ended; draft a new one".to_owned()),
    };
    Err(Error::conflict(reason, format!("{} {words}", name(row))))
}

/// Returns `true` if the viewer may make the transition and the stage of the agreement allows it.
/// Other facts, as a retired template, may still prevent it.
#[must_use]
pub fn can(viewer: &Viewer, transition: Transition, row: &Model, today: NaiveDate) -> bool {
    viewer.has(Permission::ManageAgreements) && allow(transition, row, today).is_ok()
}

/// Loads the agreement of a mutation.
///
/// # Errors
/// NOT_FOUND when it does not exist.
pub(super) async fn find(db: &impl ConnectionTrait, id: AgreementId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}

/// Returns the current form of an agreement for the audit trail.
pub(super) use crate::audit::forms::agreement as snapshot;

/// Returns the digest of the offered document; `None` if the register has no document.
pub(super) async fn document_sha256(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Option<String>> {
    use agreement_document::Column;
    let select = agreement_document::Entity::find_by_id(id).select_only().column(Column::Sha256);
    Ok(select.into_tuple().one(db).await?)
}

/// Returns the signatures of an agreement, in the order of signing.
pub(super) async fn signatures(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Vec<signature::Model>> {
    use signature::Column;
    let select = signature::Entity::find()
        .filter(Column::AgreementId.eq(id))
        .order_by_asc(Column::SignedOn)
        .order_by_asc(Column::Id);
    Ok(select.all(db).await?)
}

/// Returns those of these agreements that have a document in the register.
pub async fn with_document(
    db: &impl ConnectionTrait,
    agreements: Vec<AgreementId>,
) -> Result<BTreeSet<AgreementId>> {
    use agreement_document::Column;
    let theirs = among(db.get_database_backend(), Expr::col(Column::AgreementId), agreements);
    let select =
        agreement_document::Entity::find().select_only().column(Column::AgreementId).filter(theirs);
    Ok(select.into_tuple::<AgreementId>().all(db).await?.into_iter().collect())
}

/// Returns the columns, by their names in files, that differ between two versions of an agreement
/// although they must not after its text is stored. Offered terms never change; signing,
/// withdrawing and giving notice happen at most one time; only a notice changes the end. The
/// database rejects such changes too.
#[must_use]
pub fn frozen_changes(before: &Model, after: &Model) -> Vec<&'static str> {
    let is_unchanged_or_new =
        |before: Option<NaiveDate>, after: Option<NaiveDate>| before.is_none() || before == after;
    let same = [
        ("number", before.number == after.number),
        ("kind", before.kind == after.kind),
        ("direction", before.direction == after.direction),
        ("activity", before.activity_id == after.activity_id),
        (
            "counterparty",
            (before.member_id, before.organisation_id) == (after.member_id, after.organisation_id),
        ),
        ("template_version", before.template_version_id == after.template_version_id),
        ("starts_on", before.starts_on == after.starts_on),
        ("ends_on", before.ends_on == after.ends_on || after.notice_given_on.is_some()),
        ("notice_months", before.notice_months == after.notice_months),
        ("renewal_months", before.renewal_months == after.renewal_months),
        ("offered_at", before.offered_at == after.offered_at),
        ("signed_on", is_unchanged_or_new(before.signed_on, after.signed_on)),
        ("notice_given_on", is_unchanged_or_new(before.notice_given_on, after.notice_given_on)),
        ("withdrawn_on", is_unchanged_or_new(before.withdrawn_on, after.withdrawn_on)),
        ("fee_basis", before.fee_basis == after.fee_basis),
        ("fee_amount", before.fee_amount == after.fee_amount),
        ("fee_per_mille", before.fee_per_mille == after.fee_per_mille),
        ("fee_cap", before.fee_cap == after.fee_cap),
        ("fee_minimum", before.fee_minimum == after.fee_minimum),
        ("fee_allocation_basis", before.fee_allocation_basis == after.fee_allocation_basis),
        ("vat_rate", before.vat_rate == after.vat_rate),
        (
            "replaces",
            before.replaces_id == after.replaces_id
                || (after.replaces_id.is_none() && after.withdrawn_on.is_some()),
        ),
    ];
    same.into_iter().filter(|(_, is_same)| !is_same).map(|(column, _)| column).collect()
}
