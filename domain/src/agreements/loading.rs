//! Loads what the mutations of agreements decide on.

use std::collections::BTreeSet;

use ::entity::{
    activity,
    agreement::{Column, Entity, Model},
    agreement_document, agreement_parameters,
    id::AgreementId,
    kind::{AgreementKind, Form},
    member, signature,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use serde_json::{Map, Value};

use super::{eligibility::EligibilityFacts, numbers, overlaps};
use crate::{
    activities,
    audit::past::{self, PastChange},
    database::among,
    error::{Error, Result, ValidationErrors},
};

/// Loads the agreement of a mutation.
///
/// # Errors
/// NOT_FOUND when it does not exist.
pub(super) async fn find(db: &impl ConnectionTrait, id: AgreementId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::missing("agreement_id", "there is no such agreement"))
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

/// Returns the result of a search by id. If it failed and the input has errors, returns all of
/// these, since one of them may be about the id.
pub(super) fn found_or_errors<T>(found: Result<T>, errors: &mut ValidationErrors) -> Result<T> {
    if found.is_err() {
        std::mem::take(errors).finish()?;
    }
    found
}

/// Loads the facts that the eligibility of an agreement depends on.
pub(super) async fn eligibility_facts(
    db: &impl ConnectionTrait,
    row: &Model,
) -> Result<EligibilityFacts> {
    let member = match row.member_id {
        Some(id) => member::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let activity = match row.activity_id {
        Some(id) => activity::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let funding = match row.activity_id {
        Some(id) => activities::funding_of(db, &[id]).await?.remove(&id).unwrap_or_default(),
        None => Vec::new(),
    };
    Ok(EligibilityFacts { member, activity, funding })
}

/// Fails if the agreement would be in force at the same time as another one of the member about the
/// activity.
///
/// # Errors
/// CONFLICT `OVERLAPS` naming the first other agreement.
pub(super) async fn refuse_overlap(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let (Some(member), Some(activity)) = (row.member_id, row.activity_id) else { return Ok(()) };
    if row.kind != AgreementKind::Participation {
        return Ok(());
    }
    let others = Entity::find()
        .filter(Column::Kind.eq(AgreementKind::Participation))
        .filter(Column::ActivityId.eq(activity))
        .filter(Column::MemberId.eq(member))
        .filter(Column::SignedOn.is_not_null())
        .filter(Column::WithdrawnOn.is_null())
        .filter(Column::Id.ne(row.id))
        .order_by_asc(Column::StartsOn)
        .all(db)
        .await?;
    overlaps::refuse(row, &others)
}

/// Returns the next number of a year. Only the transaction that requests it and writes it can use
/// it, since writers are serialized.
pub(super) async fn next_number(db: &impl ConnectionTrait, year: i32) -> Result<String> {
    let (first, last) = numbers::keys_of(year);
    let length = i32::try_from(first.len()).unwrap_or(i32::MAX);
    let select = Entity::find()
        .select_only()
        .column(Column::NumberKey)
        .filter(Column::NumberKey.between(first, last))
        // `2026-0042b` may be imported too, but is not a serial number.
        .filter(Expr::cust_with_values(
            if db.get_database_backend() == DbBackend::Postgres {
                "LENGTH(number_key) = $1"
            } else {
                "LENGTH(number_key) = ?"
            },
            [length],
        ))
        .order_by_desc(Column::NumberKey)
        .limit(1);
    let last: Option<String> = select.into_tuple().one(db).await?;
    Ok(numbers::after(year, last.as_deref()))
}

/// Returns the stored parameters of an agreement.
pub(super) async fn stored_parameters(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Map<String, Value>> {
    let stored = agreement_parameters::Entity::find_by_id(id).one(db).await?;
    Ok(stored.and_then(|stored| serde_json::from_str(&stored.parameters).ok()).unwrap_or_default())
}

/// Returns the change by which notice was given; `None` if the notice came with imported history.
pub(super) async fn notice_change(
    db: &impl ConnectionTrait,
    row: &Model,
) -> Result<Option<PastChange>> {
    let changes = past::changes_of(db, Form::Agreement, row.id.0).await?;
    let is_notice = |past: &PastChange| {
        past.before.is_object()
            && past.day_before("notice_given_on").is_none()
            && past.day_after("notice_given_on") == row.notice_given_on
    };
    Ok(changes.into_iter().find(is_notice))
}
