//! Erases the signatory of an agreement.

use std::collections::BTreeSet;

use ::entity::{
    agreement,
    id::AgreementId,
    kind::{SignatureParty, SubjectKind},
    signature::{self, Column},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Found, missing, retained::ensure_ended};
use crate::{
    audit::{self, Change, Person, forms},
    error::Result,
};

pub(super) async fn erase(
    change: &mut Change,
    agreement: AgreementId,
    party: SignatureParty,
    today: NaiveDate,
) -> Result<Found> {
    let agreement = agreement::Entity::find_by_id(agreement)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("agreement"))?;
    let row = signature::Entity::find()
        .filter(Column::AgreementId.eq(agreement.id))
        .filter(Column::Party.eq(party));
    let row = row.one(change.tx()).await?.ok_or_else(|| missing("signature"))?;
    let id = row.id;
    ensure_ended(&agreement, today)?;
    let of = (SubjectKind::Agreement, agreement.id.0);
    let after = signature::Model { name: forms::pseudonym(id), title: None, ..row.clone() };
    if after != row {
        let before = forms::agreement(change.tx(), agreement.clone()).await?;
        audit::replace(change, after).await?;
        let after = forms::agreement(change.tx(), agreement).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::signatory(id)]), of))
}
