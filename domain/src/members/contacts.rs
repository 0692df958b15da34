//! Contacts: people who work for a member, an organisation or a contact area. Their data is
//! personal data.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    audit_entry,
    contact::{Column, Entity, Model},
    id::{ContactAreaId, ContactId, MemberId, OrganisationId},
    kind::{ContactRole, Form, SubjectKind},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{admit::is_email, of_visible_member};
use crate::{
    audit::{self, Action, Change, Person, reads},
    auth::{
        revocations,
        viewer::{Permission, Resource, Viewer},
    },
    context::Context,
    database::{Database, among, rows},
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    swedish,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Selects contacts who are in their role on the day, or whose role has no known dates.
pub(super) fn current(on: NaiveDate) -> Condition {
    Condition::all()
        .add(
            Condition::any()
                .add(column(Column::ValidFrom).is_null())
                .add(column(Column::ValidFrom).lte(on)),
        )
        .add(
            Condition::any()
                .add(column(Column::ValidTo).is_null())
                .add(column(Column::ValidTo).gte(on)),
        )
}

fn select(viewer: &Viewer, columns: &[Column]) -> SelectStatement {
    Query::select()
        .from(Entity)
        .columns(columns.iter().map(|column| (Entity, *column)))
        .cond_where(of_visible_member(
            &viewer.visibility(Resource::MemberAffairs),
            column(Column::MemberId),
        ))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc)
        .order_by_expr(column(Column::Id), sea_orm::Order::Asc)
        .take()
}

/// Returns `true` if the columns identify a person.
pub(super) fn identifies(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column, Column::Name | Column::Email | Column::Phone))
}

/// Runs a statement of [`select`]. Records in the read log that the viewer read the contacts if the
/// columns identify a person.
async fn read(
    ctx: Context<'_>,
    select: &SelectStatement,
    columns: &[Column],
) -> Result<Vec<Model>> {
    let found: Vec<Model> = rows(ctx.db.read(), select, columns).await?;
    if identifies(columns) {
        reads::note(ctx, found.iter().map(|row| row.id))?;
    }
    Ok(found)
}

/// Returns those of these contacts that the viewer can read.
pub async fn by_ids(ctx: Context<'_>, ids: &[ContactId], columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer, columns);
    select.and_where(among(ctx.db.backend(), column(Column::Id), ids.iter().copied()));
    read(ctx, &select, columns).await
}

/// Returns the current contacts of these members, as far as the viewer can read them.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer, columns);
    select
        .and_where(among(ctx.db.backend(), column(Column::MemberId), members.iter().copied()))
        .cond_where(current(ctx.clock.today()));
    read(ctx, &select, columns).await
}

/// Returns the current board contacts of these contact areas, as far as the viewer can read them.
pub async fn of_areas(
    ctx: Context<'_>,
    areas: &[ContactAreaId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer, columns);
    select
        .and_where(among(ctx.db.backend(), column(Column::ContactAreaId), areas.iter().copied()))
        .cond_where(current(ctx.clock.today()));
    read(ctx, &select, columns).await
}

/// A contact as everyone with a token may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedContact {
    /// Role of the contact.
    pub role: ContactRole,
    /// Name, if the person agreed to be named.
    pub name: Option<String>,
}

/// Returns these contacts as everyone with a token may see them. Such a read of a name is not
/// logged: the person agreed to it.
pub async fn published(
    db: &Database,
    ids: &[ContactId],
) -> Result<HashMap<ContactId, PublishedContact>> {
    let columns = [Column::Id, Column::Role, Column::Name, Column::NamePublishedOn];
    let mut select = Query::select();
    select.from(Entity).columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    let found: Vec<Model> = rows(db.read(), &select, &columns).await?;
    let published = |row: Model| {
        let name = row.name_published_on.map(|_| row.name);
        (row.id, PublishedContact { role: row.role, name })
    };
    Ok(found.into_iter().map(published).collect())
}

/// Input for adding a contact. It belongs to at most one of a member, an organisation and a contact
/// area.
#[derive(Clone, Debug, Default)]
pub struct NewContact {
    /// The member that the contact works for.
    pub member: Option<MemberId>,
    /// The organisation that the contact works for.
    pub organisation: Option<OrganisationId>,
    /// The contact area that the contact represents on the board.
    pub contact_area: Option<ContactAreaId>,
    /// Role of the contact.
    pub role: ContactRole,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// First day in the role.
    pub valid_from: Option<NaiveDate>,
    /// Last day in the role.
    pub valid_to: Option<NaiveDate>,
    /// `true` if the person agreed to be named to everyone with a token.
    pub name_published: bool,
}

/// Changes to a contact; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct ContactChanges {
    /// Role of the contact.
    pub role: Option<ContactRole>,
    /// Name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<Option<String>>,
    /// Phone.
    pub phone: Option<Option<String>>,
    /// First day in the role.
    pub valid_from: Option<Option<NaiveDate>>,
    /// Last day in the role.
    pub valid_to: Option<Option<NaiveDate>>,
    /// `true` if the person agreed to be named to everyone with a token; `false` withdraws it.
    pub name_published: Option<bool>,
}

fn check(row: &mut Model, before: Option<&Model>, errors: &mut ValidationErrors) {
    row.name = errors.text("name", &row.name, LINE);
    errors.settable_change(
        "name",
        before.map(|before| before.name.as_str()),
        Some(row.name.as_str()),
    );
    row.name_key = swedish::key(&row.name);
    row.email = errors.optional_text("email", row.email.as_deref(), LINE);
    row.phone = errors.optional_text("phone", row.phone.as_deref(), LINE);
    errors.expect(
        row.email.as_deref().is_none_or(is_email),
        "email",
        FieldErrorCode::NotAnEmailAddress.problem("is not an e-mail address"),
    );
    let in_order = row.valid_from.zip(row.valid_to).is_none_or(|(from, to)| from <= to);
    errors.expect(
        in_order,
        "valid_to",
        FieldErrorCode::TooEarly.problem("must not be before the first day"),
    );
}

/// Adds a contact.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND for its member, organisation or
/// contact area, INVALID naming every bad field.
pub async fn add(
    ctx: Context<'_>,
    new: NewContact,
    mut errors: ValidationErrors,
) -> Result<ContactId> {
    ctx.require(Permission::ManageRegister)?;
    let owners = [new.member.is_some(), new.organisation.is_some(), new.contact_area.is_some()]
        .into_iter()
        .filter(|is_named| *is_named)
        .count();
    errors.expect(
        owners <= 1,
        "",
        FieldErrorCode::NotAllowed
            .problem("must name at most one of member, organisation and contact area"),
    );
    let mut row = Model {
        id: ContactId::new(),
        member_id: new.member,
        organisation_id: new.organisation,
        contact_area_id: new.contact_area,
        role: new.role,
        name: new.name,
        email: new.email,
        phone: new.phone,
        valid_from: new.valid_from,
        valid_to: new.valid_to,
        name_published_on: new.name_published.then(|| ctx.clock.today()),
        ..Model::default()
    };
    check(&mut row, None, &mut errors);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::ContactAdd).await?;
    let owner_exists = match (row.member_id, row.organisation_id, row.contact_area_id) {
        (Some(id), _, _) => {
            ::entity::member::Entity::find_by_id(id).one(change.tx()).await?.is_some()
        }
        (_, Some(id), _) => {
            ::entity::organisation::Entity::find_by_id(id).one(change.tx()).await?.is_some()
        }
        (_, _, Some(id)) => {
            ::entity::contact_area::Entity::find_by_id(id).one(change.tx()).await?.is_some()
        }
        _ => true,
    };
    if !owner_exists {
        return Err(Error::NotFound(
            "the member, organisation or contact area of the contact does not exist".into(),
        ));
    }
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(row.id).await?;
    Ok(row.id)
}

async fn find(change: &Change, id: ContactId) -> Result<Model> {
    Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| Error::NotFound("there is no such contact".into()))
}

/// Returns the e-mail address and the association of a contact whose tokens must be revoked within
/// the change. That is the case when a change of today moves the last day to before today, since
/// tokens may have been issued after that day. Tokens issued before the last day expire without a
/// revocation.
pub(crate) fn ended_before(
    today: NaiveDate,
    before: &Model,
    after: &Model,
) -> Option<(String, MemberId)> {
    let has_ended = |row: &Model| row.valid_to.is_some_and(|last| last < today);
    before.email.clone().zip(before.member_id).filter(|_| has_ended(after) && !has_ended(before))
}

/// Revokes the tokens of an association's contact that has ended, by its e-mail address, unless
/// another contact of the association has the same address.
pub(crate) async fn revoke_tokens(
    change: &mut Change,
    today: NaiveDate,
    email: &str,
    member: MemberId,
) -> Result<()> {
    let continues = Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(today));
    let others =
        Entity::find().select_only().column(Column::Email).filter(Column::Email.is_not_null());
    let others: Vec<String> = others
        .filter(Column::MemberId.eq(member))
        .filter(continues)
        .into_tuple()
        .all(change.tx())
        .await?;
    if others.iter().any(|other| is_same(other, email)) {
        Ok(())
    } else {
        revocations::revoke_for_ended_contact(change, email, member).await
    }
}

/// Compares e-mail addresses without case, as subjects of tokens are compared. SQLite folds only A
/// to Z.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Returns `true` if a contact other than `except` has the e-mail address.
pub(crate) async fn has_email(
    db: &impl ConnectionTrait,
    email: &str,
    except: Option<ContactId>,
) -> Result<bool> {
    let others =
        Entity::find().select_only().column(Column::Email).filter(Column::Email.is_not_null());
    let except = except.map(|id| Column::Id.ne(id));
    let others: Vec<String> =
        others.filter(Condition::all().add_option(except)).into_tuple().all(db).await?;
    Ok(others.iter().any(|other| is_same(other, email)))
}

/// Updates a contact. When its last day is past, its association's tokens for the e-mail address
/// are revoked.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ERASED`.
pub async fn update(
    ctx: Context<'_>,
    id: ContactId,
    changes: ContactChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ContactUpdate).await?;
    let before = match find(&change, id).await {
        // The id is invalid: check the other fields too, so that every error is reported together.
        // The placeholder name adds no error of its own.
        Err(_) if !errors.is_empty() => Model { name: "a valid name".into(), ..Model::default() },
        found => found?,
    };
    if before.erased_at.is_some() {
        return Err(Error::conflict(
            ConflictReason::Erased,
            "the contact is erased; add a new one",
        ));
    }
    let mut after = before.clone();
    after.role = changes.role.unwrap_or(after.role);
    after.name = changes.name.unwrap_or(after.name);
    after.email = changes.email.unwrap_or(after.email);
    after.phone = changes.phone.unwrap_or(after.phone);
    after.valid_from = changes.valid_from.unwrap_or(after.valid_from);
    after.valid_to = changes.valid_to.unwrap_or(after.valid_to);
    if let Some(is_published) = changes.name_published {
        // A repeated agreement does not change its day.
        let day = after.name_published_on.unwrap_or_else(|| ctx.clock.today());
        after.name_published_on = is_published.then_some(day);
    }
    check(&mut after, Some(&before), &mut errors);
    errors.finish()?;
    if after != before {
        audit::replace(&change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
        let today = ctx.clock.today();
        if let Some((email, member)) = ended_before(today, &before, &after) {
            revoke_tokens(&mut change, today, &email, member).await?;
        }
    }
    change.commit_with(id).await
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
    let name = format!("Raderad kontakt {}", &id.0.simple().to_string()[24..]);
    if is_first {
        let address = before.email.clone().zip(before.member_id);
        let after = Model {
            name_key: swedish::key(&name),
            name,
            email: None,
            phone: None,
            name_published_on: None,
            erased_at: Some(change.at()),
            ..before.clone()
        };
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
