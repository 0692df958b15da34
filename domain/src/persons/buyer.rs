//! Erases the persons in billing details and in the references of invoices.

use std::collections::BTreeSet;

use ::entity::{
    audit_entry,
    id::{InvoiceId, MemberId, OrganisationId},
    kind::{Form, SubjectKind},
    member, member_billing, organisation,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Found, missing, retained::ensure_over};
use crate::{
    audit::{self, Change, Person, forms},
    error::Result,
    invoices::loading,
};

/// Erases the person from a member's billing details. They are needed for the next invoice only,
/// since issued invoices have their own copy of the recipient.
pub(super) async fn erase_of_member(change: &mut Change, id: MemberId) -> Result<Found> {
    let row =
        member::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| missing("member"))?;
    let before = forms::members(change.tx(), vec![row.clone()]).await?.pop().unwrap_or_default();
    if let Some(billing) = before
        .billing
        .clone()
        .filter(|billing| billing.email.is_some() || billing.buyer_reference.is_some())
    {
        audit::replace(
            change,
            member_billing::Model { email: None, buyer_reference: None, ..billing },
        )
        .await?;
        let after = forms::members(change.tx(), vec![row]).await?.pop().unwrap_or_default();
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::buyer(id)]), (SubjectKind::Member, id.0)))
}

/// Erases the person from an organisation's billing details.
pub(super) async fn erase_of_organisation(
    change: &mut Change,
    id: OrganisationId,
) -> Result<Found> {
    let before = organisation::Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| missing("organisation"))?;
    let after =
        organisation::Model { billing_email: None, buyer_reference: None, ..before.clone() };
    if after != before {
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok((BTreeSet::from([Person::buyer(id)]), (SubjectKind::Organisation, id.0)))
}

/// Erases the references of an invoice. A draft's references can be erased at any time, also those
/// of a discarded draft in the audit trail. The references of an issued invoice are part of the
/// data that bokföringslagen protects, and its documents retain them permanently.
pub(super) async fn erase_of_invoice(
    change: &mut Change,
    id: InvoiceId,
    today: NaiveDate,
) -> Result<Found> {
    let found = (BTreeSet::from([Person::buyer(id)]), (SubjectKind::Invoice, id.0));
    let Some(before) = loading::by_ids(change.tx(), &BTreeSet::from([id])).await?.remove(&id)
    else {
        let entries = audit_entry::Entity::find().filter(audit_entry::Column::RecordId.eq(id.0));
        let is_discarded = entries
            .filter(audit_entry::Column::Form.eq(Form::Invoice))
            .one(change.tx())
            .await?
            .is_some();
        return if is_discarded { Ok(found) } else { Err(missing("invoice")) };
    };
    if before.is_issued() {
        ensure_over(&before.name(), before.row.issued_on, today)?;
    }
    let mut after = before.clone();
    (after.row.our_reference, after.row.buyer_reference) = (None, None);
    if after != before {
        audit::replace(change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    Ok(found)
}
