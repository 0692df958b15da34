//! The life of an agreement: which deed each stage of it allows, what it is as the audit trail
//! tells, and how it is found for a deed.

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
    database::among,
    error::{Error, Result},
    term_sql,
};

/// What may be done with an agreement that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Change the draft.
    Update,
    /// Offer it to the counterparty.
    Offer,
    /// Take back the draft or the offer.
    Withdraw,
    /// Sign it.
    Sign,
    /// Give notice.
    GiveNotice,
    /// End it sooner than its months of notice have it.
    EndEarly,
    /// Draft a successor.
    Replace,
}

/// Where it is in its life whatever days its facts have: signed is signed, though it be dated
/// tomorrow.
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

/// What an agreement is called in messages.
pub(super) fn name(row: &Model) -> String {
    row.number
        .as_ref()
        .map_or_else(|| "the draft".to_owned(), |number| format!("agreement {number}"))
}

/// Whether the agreement is at a stage of its life that allows the deed.
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
        (_, Withdrawn) => ("WITHDRAWN", format!("was withdrawn on {}; draft a new one", day(row.withdrawn_on))),
        (Transition::Sign, Draft) => ("NOT_OFFERED", "has not been offered; offer it first".to_owned()),
        (Transition::Update | Transition::Offer, Offered | Signed | Active | NoticeGiven | Ended) => (
            "ALREADY_OFFERED",
            "has been offered already, and what was offered never changes; withdraw it, or replace it when it is signed".to_owned(),
        ),
        (Transition::Withdraw | Transition::Sign, Signed | Active | NoticeGiven | Ended) => {
            let advice = "to end it, give notice (agreementGiveNotice) or replace it (agreementReplace)";
            ("ALREADY_SIGNED", format!("was signed by both on {}; {advice}", day(row.signed_on)))
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Draft | Offered) => {
            ("NOT_SIGNED", "has not been signed by both; withdraw it, or change it while it is a draft".to_owned())
        }
        (Transition::GiveNotice, Signed) => (
            "NOT_STARTED",
            format!("is in force from {}; notice can be given from that day, and before it with endsOn alone", row.starts_on),
        ),
        (Transition::GiveNotice | Transition::EndEarly, NoticeGiven) => {
            let advice = "to end it on another day, take that notice back (agreementNoticeWithdraw) and give notice again";
            (
                "NOTICE_GIVEN",
                format!("was given notice on {} already, and ends on {}; {advice}", day(row.notice_given_on), day(row.ends_on)),
            )
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Ended) => ("ENDED", "has ended; draft a new one".to_owned()),
    };
    Err(Error::conflict(reason, format!("{} {words}", name(row))))
}

/// The agreement of a deed.
///
/// # Errors
/// NOT_FOUND when there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: AgreementId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::NotFound("there is no such agreement".into()))
}

/// The agreement as it stands, for the audit trail.
pub(super) use crate::audit::forms::agreement as snapshot;

/// The digest of the document that was offered; null when the register keeps none.
pub(super) async fn document_sha256(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Option<String>> {
    use agreement_document::Column;
    let select = agreement_document::Entity::find_by_id(id).select_only().column(Column::Sha256);
    Ok(select.into_tuple().one(db).await?)
}

/// Who has signed it so far, the first first.
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

/// Which of these agreements have a text that the register keeps.
///
/// # Errors
/// INTERNAL when the database fails.
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

/// The columns, as files name them, in which two tellings of an agreement differ though its text is
/// kept: what was offered never changes, signing, withdrawing and giving notice happen once, and
/// only notice changes the end. The database refuses it too.
#[must_use]
pub fn frozen_changes(before: &Model, after: &Model) -> Vec<&'static str> {
    let once =
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
        ("signed_on", once(before.signed_on, after.signed_on)),
        ("notice_given_on", once(before.notice_given_on, after.notice_given_on)),
        ("withdrawn_on", once(before.withdrawn_on, after.withdrawn_on)),
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
