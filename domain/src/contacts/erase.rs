//! Erases contacts (GDPR art. 17).

use std::collections::BTreeSet;

use ::entity::{
    audit_entry,
    contact::Model,
    id::ContactId,
    kind::{Form, SubjectKind},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{changes, details::find, email_addresses::has_email, token_revocation::revoke_tokens};
use crate::{
    audit::{self, Action, Change, Person},
    auth::viewer::Permission,
    context::Context,
    error::{Error, Result},
};

/// Returns `true` if the viewer may erase contacts.
#[must_use]
pub fn can_erase(ctx: Context<'_>) -> bool {
    ctx.viewer.has(Permission::ManageRegister)
}

/// Erases a person (GDPR art. 17). The row remains, with a pseudonym instead of the name, so that
/// references to it stay valid; so do the audit entries about the person. Agreements and invoices
/// stay as they were issued (GDPR art. 17.3 b, e). The association's tokens for the e-mail address
/// are revoked, unless another contact of the association has the same address.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND.
pub async fn erase(ctx: Context<'_>, id: ContactId) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ContactErase).await?;
    let before = find(&change, id).await?;
    let persons = persons(&change, &before).await?;
    let is_first = before.erased_at.is_none();
    if is_first {
        let address = before.email.clone().zip(before.member_id);
        let after = changes::erased(&before, change.at());
        audit::replace(&change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
        if let Some((email, member)) = address {
            revoke_tokens(&mut change, ctx.clock.today(), &email, member).await?;
        }
    }
    change.erase(&persons, (SubjectKind::Contact, id.0)).await?;
    change.commit_with(id).await?;
    // A failure here does not undo the erasure.
    if let Err(error) = ctx.db.truncate_wal().await {
        tracing::warn!(%error, "the database's log could not be emptied after the erasure");
    }
    Ok(())
}

/// Returns the persons of a contact in the audit trail: the contact itself, and the token subjects
/// with one of its e-mail addresses, unless another contact has the same address.
async fn persons(change: &Change, row: &Model) -> Result<BTreeSet<Person>> {
    let entries = audit_entry::Entity::find()
        .filter(audit_entry::Column::RecordId.eq(row.id.0))
        .filter(audit_entry::Column::Form.eq(Form::Contact))
        .all(change.tx())
        .await?;
    let mut emails: BTreeSet<String> = row.email.iter().cloned().collect();
    for entry in audit::opened(change.tx(), entries).await? {
        for text in [entry.before, entry.after].into_iter().flatten() {
            let text: serde_json::Value = serde_json::from_str(&text).map_err(Error::internal)?;
            emails.extend(text["email"].as_str().map(str::to_owned));
        }
    }
    let mut persons = BTreeSet::from([Person::contact(row.id)]);
    for email in emails {
        if !has_email(change.tx(), &email, Some(row.id)).await? {
            persons.insert(Person::subject(&email));
        }
    }
    Ok(persons)
}
