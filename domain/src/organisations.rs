//! Organisations: counterparties that are not members.

use std::collections::BTreeSet;

use ::entity::{
    agreement, contact, cost,
    id::OrganisationId,
    invoice,
    kind::SubjectKind,
    number::OrgNumber,
    organisation::{Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use crate::{
    audit::{self, Action, Person},
    auth::viewer::{Permission, Resource, Viewer},
    context::Context,
    database::{Database, among, among_words, rows},
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
    members::{
        admit::NewBilling,
        remove::{Removed, counted},
    },
    page::{self, KeyType, Order, Slice},
    search::{self, EntityType},
    swedish,
};

/// Filter of organisations; an organisation must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `true` for those with agreements that the viewer can read, `false` for the others.
    pub has_agreements: Option<bool>,
    /// Words, or beginnings of words, that must all occur in the name and the organisation number:
    /// see [`search`].
    pub search: Option<String>,
}

/// A field that organisations can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// Organisation number; those without one first.
    OrgNumber,
}

/// Returns an order of organisations.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key) = match field {
        Field::Name => ("NAME", column(Column::NameKey)),
        // As in the index.
        Field::OrgNumber => {
            ("ORG_NUMBER", Expr::cust("COALESCE(\"organisation\".\"org_number\", '')"))
        }
    };
    Order { name, key, key_type: KeyType::Text, id: column(Column::Id), descending }
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Selects the organisations that the viewer can read: all of them, or, for an activity lead, those
/// that have agreements about its activities.
pub(crate) fn visible(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    // Members read their own agreements, and the counterparty in those is the network.
    if visibility.all
        || (ctx.viewer.visibility(Resource::Members).all && visibility.activities.is_empty())
    {
        return Condition::all();
    }
    let activities = activities_of(ctx.db, &visibility.activities);
    let counterparties = Query::select()
        .column(agreement::Column::OrganisationId)
        .from(agreement::Entity)
        .and_where(agreement::Column::OrganisationId.is_not_null())
        .and_where(Expr::col(agreement::Column::ActivityId).in_subquery(activities))
        .take();
    Condition::all().add(column(Column::Id).in_subquery(counterparties))
}

/// Selects the ids of the activities with these slugs.
fn activities_of(db: &Database, slugs: &[String]) -> SelectStatement {
    use ::entity::activity;
    let slug = Expr::col((activity::Entity, activity::Column::Slug));
    Query::select()
        .column(activity::Column::Id)
        .from(activity::Entity)
        .and_where(among_words(db.backend(), slug, slugs))
        .take()
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

/// Returns those of these organisations that the viewer can read.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[OrganisationId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(ctx.db.read(), &select, columns).await
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx);
    if let Some(has_agreements) = filter.has_agreements {
        let own = Expr::col((agreement::Entity, agreement::Column::OrganisationId));
        let theirs = Query::select()
            .expr(Expr::cust("1"))
            .from(agreement::Entity)
            .and_where(own.eq(column(Column::Id)))
            .cond_where(readable_agreements(ctx))
            .take();
        let found = Expr::exists(theirs);
        select.and_where(if has_agreements { found } else { found.not() });
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let noun = EntityType::Organisation;
        select.and_where(search::found(ctx.db.backend(), noun, column(Column::Id), text));
    }
    select
}

/// Selects the agreements with organisations that the viewer can read.
fn readable_agreements(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    if visibility.all {
        return Condition::all();
    }
    Condition::all().add(
        Expr::col((agreement::Entity, agreement::Column::ActivityId))
            .in_subquery(activities_of(ctx.db, &visibility.activities)),
    )
}

/// Returns a page of the organisations that the viewer can read and that match the filter.
/// `errors` are those already found in the arguments; errors of the page are added.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    page::select_rows(ctx.db.read(), matching(ctx, filter), columns, order, args, errors).await
}

/// Counts the organisations that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns the organisation with this organisation number, if the viewer can read it.
pub async fn by_org_number(
    ctx: Context<'_>,
    number: &OrgNumber,
    columns: &[Column],
) -> Result<Option<Model>> {
    let mut select = select(ctx);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(column(Column::OrgNumber).eq(number.clone()));
    Ok(rows(ctx.db.read(), &select, columns).await?.pop())
}

/// Returns the billing details of an organisation. They are empty for a viewer who cannot read the
/// affairs of all members.
#[must_use]
pub fn billing(viewer: &Viewer, row: &Model) -> NewBilling {
    if !viewer.visibility(Resource::MemberAffairs).all {
        return NewBilling::default();
    }
    NewBilling {
        email: row.billing_email.clone(),
        peppol_id: row.peppol_id.clone(),
        buyer_reference: row.buyer_reference.clone(),
        address_line: row.address_line.clone(),
        postal_code: row.postal_code.clone(),
        city: row.city.clone(),
    }
}

/// Replaces all billing details of a row.
pub fn set_billing(row: &mut Model, billing: &NewBilling) {
    row.billing_email.clone_from(&billing.email);
    row.peppol_id.clone_from(&billing.peppol_id);
    row.buyer_reference.clone_from(&billing.buyer_reference);
    row.address_line.clone_from(&billing.address_line);
    row.postal_code.clone_from(&billing.postal_code);
    row.city.clone_from(&billing.city);
}

fn taken(number: Option<&OrgNumber>) -> Error {
    let number = number.map(ToString::to_string).unwrap_or_default();
    Error::conflict(
        ConflictReason::OrgNumberTaken,
        format!("another organisation has the organisation number {number}"),
    )
}

/// Adds an organisation. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID for a bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn add(
    ctx: Context<'_>,
    name: &str,
    org_number: Option<OrgNumber>,
    billing: &NewBilling,
    mut errors: ValidationErrors,
) -> Result<OrganisationId> {
    ctx.require(Permission::ManageRegister)?;
    let name = errors.document_line("name", name);
    let billing = &billing.written("billing.", &mut errors);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationAdd).await?;
    let mut row = Model {
        id: OrganisationId::new(),
        name_key: swedish::key(&name),
        name,
        org_number,
        ..Model::default()
    };
    set_billing(&mut row, billing);
    audit::insert(&change, row.clone()).await.map_err(|error| {
        error.on_constraint("organisation__org_number", taken(row.org_number.as_ref()))
    })?;
    change.record(None, Some(&row))?;
    change.commit_with(row.id).await?;
    Ok(row.id)
}

/// Updates an organisation; fields that are `None` stay unchanged.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn update(
    ctx: Context<'_>,
    id: OrganisationId,
    name: Option<&str>,
    org_number: Option<Option<OrgNumber>>,
    billing: Option<&NewBilling>,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let name = name.map(|name| errors.document_line("name", name));
    let billing = billing.map(|billing| billing.written("billing.", &mut errors));
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationUpdate).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before = before.ok_or_else(|| Error::NotFound("there is no such organisation".into()))?;
    let mut after = before.clone();
    if let Some(name) = name {
        after.name_key = swedish::key(&name);
        after.name = name;
    }
    after.org_number = org_number.unwrap_or(after.org_number);
    if let Some(billing) = &billing {
        set_billing(&mut after, billing);
    }
    if after != before {
        audit::replace(&change, after.clone()).await.map_err(|error| {
            error.on_constraint("organisation__org_number", taken(after.org_number.as_ref()))
        })?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Removes an organisation that was added by mistake. The audit log retains it, without the
/// personal data of its billing details.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `IN_USE` with the number of records that refer to it.
pub async fn remove(
    ctx: Context<'_>,
    id: OrganisationId,
    errors: ValidationErrors,
) -> Result<Removed> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationRemove).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before = before.ok_or_else(|| Error::NotFound("there is no such organisation".into()))?;
    let counts = [
        (
            "agreement",
            agreement::Entity::find()
                .filter(agreement::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "invoice",
            invoice::Entity::find()
                .filter(invoice::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "cost",
            cost::Entity::find()
                .filter(cost::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "contact",
            contact::Entity::find()
                .filter(contact::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
    ];
    let references: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(noun, count)| counted(noun, count))
        .collect();
    if !references.is_empty() {
        return Err(Error::conflict(
            ConflictReason::InUse,
            format!("{} has {} and cannot be removed", before.name, references.join(", ")),
        ));
    }
    Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change.erase(&BTreeSet::from([Person::buyer(id)]), (SubjectKind::Organisation, id.0)).await?;
    let outcome = Outcome::default().deleting(id);
    let removed = Removed::from_outcome(&outcome).unwrap_or(Removed { api_id: String::new() });
    change.commit_with(outcome).await?;
    Ok(removed)
}
