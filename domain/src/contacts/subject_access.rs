//! Subject access (registerutdrag, GDPR art. 15 and 20): exports the data that the register holds
//! about a person.

use ::entity::{
    activity, audit_entry, contact, contact_area, contact_read, id::ContactId, member, organisation,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Alias, Expr, Query},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit::{self, reads},
    auth::viewer::Permission,
    context::Context,
    error::{Error, Result},
};

/// Columns that may contain a person's name or e-mail address: the table, the column that
/// identifies the owner of the row, and the column with the name or e-mail address.
pub const MENTIONS: [(&str, &str, &str); 13] = [
    ("agreement_signature", "agreement_id", "name"),
    ("archived_document_read", "document_id", "reader"),
    ("audit_entry", "subject_id", "actor"),
    ("bank_payment", "id", "payer_name"),
    ("contact", "id", "email"),
    ("contact", "id", "name"),
    ("contact_read", "contact_id", "reader"),
    ("deadline_acknowledgement", "agreement_id", "acknowledged_by"),
    ("invoice", "id", "buyer_reference"),
    ("invoice", "id", "our_reference"),
    ("member_billing", "member_id", "email"),
    ("organisation", "id", "billing_email"),
    ("status_report", "activity_id", "reported_by"),
];

/// Maximum number of rows reported per column of [`MENTIONS`].
const MAX_ROWS: usize = 1000;

/// Exports everything that the register holds about a contact: its row, its owner, the activities
/// that name it, its audit entries and its readers. It also lists rows with the same name or e-mail
/// address, which may belong to another person. Texts of agreements, invoices and reports are not
/// searched.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, CONFLICT with the reason BUSY when
/// other writers hold the database for too long.
pub async fn export(ctx: Context<'_>, id: ContactId) -> Result<Value> {
    ctx.require(Permission::ManageRegister)?;
    let found = contact::Entity::find_by_id(id).one(ctx.db.read()).await?;
    found.ok_or_else(|| Error::missing("contact_id", "there is no such contact"))?;
    // The export itself is a read of the contact, and is part of what it exports.
    reads::note(ctx, [id])?;
    reads::write(ctx.db).await?;
    let tx = ctx.db.snapshot().await?;
    let person = contact::Entity::find_by_id(id)
        .one(&tx)
        .await?
        .ok_or_else(|| Error::missing("contact_id", "there is no such contact"))?;
    let member = match person.member_id {
        Some(id) => member::Entity::find_by_id(id).one(&tx).await?.map(|row| row.name),
        None => None,
    };
    let organisation = match person.organisation_id {
        Some(id) => organisation::Entity::find_by_id(id).one(&tx).await?.map(|row| row.name),
        None => None,
    };
    let area = match person.contact_area_id {
        Some(id) => contact_area::Entity::find_by_id(id).one(&tx).await?.map(|row| row.name),
        None => None,
    };
    Ok(json!({
        "at": ctx.clock.now(),
        "contact": person,
        "of": { "member": member, "organisation": organisation, "contactArea": area },
        "activities": activities(&tx, id).await?,
        "trail": trail(&tx, id).await?,
        "readBy": readers(&tx, id).await?,
        "sameNameOrEmail": mentions(&tx, &person).await?,
    }))
}

/// Returns the activities that name the contact.
async fn activities(db: &impl ConnectionTrait, id: ContactId) -> Result<Vec<Value>> {
    let names_it = Condition::any()
        .add(activity::Column::LeadContactId.eq(id))
        .add(activity::Column::BoardContactId.eq(id));
    let found = activity::Entity::find()
        .filter(names_it)
        .order_by_asc(activity::Column::Slug)
        .all(db)
        .await?;
    let to_value = |row: activity::Model| {
        let [is_lead, is_board_contact] =
            [row.lead_contact_id, row.board_contact_id].map(|named| named == Some(id));
        json!({ "slug": row.slug, "name": row.name, "lead": is_lead, "boardContact": is_board_contact })
    };
    Ok(found.into_iter().map(to_value).collect())
}

/// Returns the audit entries about the contact.
async fn trail(db: &impl ConnectionTrait, id: ContactId) -> Result<Vec<Value>> {
    use audit_entry::Column;
    let found = audit_entry::Entity::find()
        .filter(Column::SubjectId.eq(id))
        .order_by_asc(Column::Revision)
        .all(db)
        .await?;
    let found = audit::opened(db, found).await?;
    let stored =
        |text: Option<String>| text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let to_value = |row: audit_entry::Model| {
        json!({
            "revision": row.revision.to_string(), "at": row.at, "actor": row.actor, "action": row.action,
            "before": stored(row.before), "after": stored(row.after),
        })
    };
    Ok(found.into_iter().map(to_value).collect())
}

/// Returns the read log of the contact.
async fn readers(db: &impl ConnectionTrait, id: ContactId) -> Result<Vec<Value>> {
    use contact_read::Column;
    let found = contact_read::Entity::find().filter(Column::ContactId.eq(id));
    let found = found.order_by_asc(Column::Day).order_by_asc(Column::Id).all(db).await?;
    let to_value = |row: contact_read::Model| json!({ "reader": row.reader, "day": row.day, "firstAt": row.first_at, "lastAt": row.last_at, "times": row.times });
    Ok(found.into_iter().map(to_value).collect())
}

/// Finds rows other than the contact's own that have its name or e-mail address.
async fn mentions(db: &impl ConnectionTrait, person: &contact::Model) -> Result<Vec<Value>> {
    let words: Vec<_> =
        [Some(&person.name), person.email.as_ref()].into_iter().flatten().cloned().collect();
    let mut found = Vec::new();
    for (table, of, column) in MENTIONS {
        let of_column = Alias::new(of);
        let select = Query::select()
            .distinct()
            .column(of_column.clone())
            .from(Alias::new(table))
            .and_where(Expr::col(Alias::new(column)).is_in(words.clone()))
            .and_where(Expr::col(of_column.clone()).ne(person.id.0))
            .order_by(of_column, sea_orm::Order::Asc)
            .limit(MAX_ROWS as u64)
            .take();
        let rows = db.query_all(&select).await?;
        let ids: Vec<Uuid> = rows
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<std::result::Result<_, _>>()?;
        if !ids.is_empty() {
            found.push(json!({ "table": table, "column": column, "of": of, "ids": ids, "more": ids.len() == MAX_ROWS }));
        }
    }
    Ok(found)
}
