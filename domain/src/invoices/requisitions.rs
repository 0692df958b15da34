//! Requisitions (rekvisitioner): a grant is requested explicitly, and never by the invoice run.

use std::collections::BTreeSet;

use ::entity::{
    activity, agreement,
    id::{AgreementId, RequisitionId},
    money::Money,
    requisition::{Column, Entity, Model},
};
use chrono::{Datelike, NaiveDate};
use documents::{
    TIME_LIMIT,
    invoice::Pdf,
    requisition::{Requisition, rendered},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    Buyer, grant_ceiling, issue,
    parties::{self, Buyers},
};
use crate::{
    agreements::payment_terms,
    audit::{self, Action},
    auth::viewer::{Permission, Resource, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    database::{among, rows},
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, TEXT, ValidationErrors},
    idempotency::Outcome,
    worker_pool,
};

/// Input of a new requisition.
#[derive(Clone, Debug)]
pub struct NewRequisition {
    /// The agreement about the grant.
    pub agreement: AgreementId,
    /// Amount in öre.
    pub amount: Money,
    /// First day of the period that the grant is for.
    pub period_from: NaiveDate,
    /// Last day of the period that the grant is for.
    pub period_to: NaiveDate,
    /// Purpose of the grant.
    pub description: String,
    /// The funder's own reference, such as a case number (diarienummer).
    pub reference: Option<String>,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Selects the requisitions that the viewer may read: all for viewers who may read all invoices,
/// none for others.
fn select(viewer: &Viewer) -> SelectStatement {
    let mut select = Query::select();
    select.from(Entity).and_where_option(
        (!viewer.visibility(Resource::Invoices).all).then(|| Expr::cust("1 = 0")),
    );
    select
}

/// Returns those of these requisitions that the viewer may read, in no order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[RequisitionId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(ctx.db.read(), &select, columns).await
}

/// Returns the requisitions for these agreements that the viewer may read, in order of number.
pub async fn of_agreements(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(ctx.db.backend(), column(Column::AgreementId), agreements.iter().copied()))
        .order_by_expr(column(Column::Number), sea_orm::Order::Asc);
    rows(ctx.db.read(), &select, columns).await
}

/// Issues a requisition for a signed cooperation agreement by which money comes in. It gets the
/// next number of its year, and its content never changes. It is not dated before the latest
/// requisition, nor before the agreement was signed. Its period lies within the agreement's term.
/// All requisitions of the agreement together stay within the grant. `errors` are those found while
/// the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer is the office or finance; NOT_FOUND for the agreement; INVALID
/// naming every bad field and every missing setting of the network; CONFLICT `NOT_A_GRANT`,
/// `NOT_SIGNED`, `ALREADY_REQUISITIONED` if another requisition of the agreement has a day of the
/// period, or `BEYOND_GRANT`.
pub async fn issue(
    ctx: Context<'_>,
    network: &Network,
    new: NewRequisition,
    mut errors: ValidationErrors,
) -> Result<RequisitionId> {
    // Checked for the agreement, which viewers who may only manage invoices may not read.
    ctx.require(Permission::ManageAccounts)?;
    let problem = FieldErrorCode::OutOfRange.problem("must be above 0.00").with("min", 0);
    errors.expect(new.amount > Money::ZERO, "amount", problem);
    let problem =
        FieldErrorCode::TooEarly.problem("must not be before the first day of the period");
    errors.expect(new.period_from <= new.period_to, "period_to", problem);
    let description = errors.text("description", &new.description, TEXT);
    let reference = errors.optional_text("reference", new.reference.as_deref(), LINE);
    errors.settable("description", &description);
    errors.settable_change("reference", None, reference.as_deref());
    let sender = parties::seller(network, false, &mut errors);

    let mut change = audit::begin(ctx, Action::RequisitionIssue).await?;
    let today = day_of(change.at());
    let issued_on = new.issued_on.unwrap_or(today);
    check_day(change.tx(), issued_on, today, &mut errors).await?;
    let agreement = agreement::Entity::find_by_id(new.agreement).one(change.tx()).await?;
    if let Some(agreement) = agreement.as_ref().filter(|agreement| require_grant(agreement).is_ok())
    {
        grant_ceiling::check_period(agreement, (new.period_from, new.period_to), &mut errors);
        if let Some(day) = agreement.signed_on.filter(|day| *day > issued_on) {
            errors.add(
                "issued_on",
                FieldErrorCode::TooEarly
                    .problem(format!(
                        "must not be before {day}, the day on which the agreement was signed"
                    ))
                    .with("min", day),
            );
        }
    }
    errors.finish()?;
    let agreement =
        agreement.ok_or_else(|| Error::NotFound("there is no such agreement".into()))?;
    require_grant(&agreement)?;
    let buyer = counterparty(&agreement)?;
    let others = in_force(change.tx(), new.agreement).await?;
    refuse_overlap(&others, &new)?;
    let requisitioned: Vec<_> =
        others.iter().map(|row| ((row.period_from, row.period_to), row.amount)).collect();
    let part = ((new.period_from, new.period_to), new.amount);
    grant_ceiling::require_within(ctx, &agreement, part, &requisitioned).await?;

    let days = payment_terms::of(change.tx(), BTreeSet::from([agreement.id]))
        .await?
        .remove(&agreement.id)
        .and_then(|terms| terms.days);
    let activity = match agreement.activity_id {
        Some(id) => activity::Entity::find_by_id(id).one(change.tx()).await?.map(|row| row.name),
        None => None,
    };
    let serial = last_serial(change.tx(), issued_on.year()).await?;
    let document = Requisition {
        number: format!("R{}-{:04}", issued_on.year(), serial.unwrap_or_default() + 1),
        issued_on,
        due_on: issue::due_on(issued_on, days.unwrap_or(network.invoicing.due_days)),
        sender,
        recipient: Buyers::load(change.tx(), [buyer]).await?.recipient(buyer),
        agreement: agreement.number.clone().unwrap_or_default(),
        activity,
        description,
        reference,
        period: (new.period_from, new.period_to),
        amount: new.amount,
    };
    let row = row_of(RequisitionId::new(), agreement.id, &document)?;
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(agreement.id)).await?;
    Ok(row.id)
}

/// Returns the counterparty of an agreement.
fn counterparty(agreement: &agreement::Model) -> Result<Buyer> {
    let buyer = agreement
        .member_id
        .map(Buyer::Member)
        .or(agreement.organisation_id.map(Buyer::Organisation));
    buyer.ok_or_else(|| Error::NotFound("there is no such counterparty".into()))
}

/// Returns the row that stores a document.
///
/// # Errors
/// INTERNAL if it can't be serialized as JSON.
pub fn row_of(
    id: RequisitionId,
    agreement_id: AgreementId,
    document: &Requisition,
) -> Result<Model> {
    Ok(Model {
        id,
        number: document.number.clone(),
        agreement_id,
        issued_on: document.issued_on,
        due_on: document.due_on,
        amount: document.amount,
        period_from: document.period.0,
        period_to: document.period.1,
        description: document.description.clone(),
        reference: document.reference.clone(),
        content: serde_json::to_string(document).map_err(Error::internal)?,
        withdrawn_on: None,
        withdrawal_reason: None,
    })
}

/// Withdraws a requisition that was issued by mistake. Its document and number stay, and its period
/// can be requisitioned again.
///
/// # Errors
/// FORBIDDEN unless the viewer is the office or finance, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `WITHDRAWN`.
pub async fn withdraw(
    ctx: Context<'_>,
    id: RequisitionId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<RequisitionId> {
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::RequisitionWithdraw).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before = before.ok_or_else(|| Error::NotFound("there is no such requisition".into()))?;
    if let Some(day) = before.withdrawn_on {
        return Err(Error::conflict(
            ConflictReason::Withdrawn,
            format!("{} was withdrawn on {day}", before.number),
        ));
    }
    let after = Model {
        withdrawn_on: Some(day_of(change.at())),
        withdrawal_reason: Some(reason),
        ..before.clone()
    };
    audit::replace(&change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(Outcome::of(id).with(after.agreement_id)).await?;
    Ok(id)
}

/// Returns the PDF of a requisition with its number, rendered from the content stored at issue;
/// `None` if the viewer may read none with this id.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG`, or if the server is overloaded.
pub async fn pdf_of(ctx: Context<'_>, id: RequisitionId) -> Result<Option<(String, Pdf)>> {
    let Some(row) = by_ids(ctx, &[id], &[Column::Id, Column::Number, Column::Content]).await?.pop()
    else {
        return Ok(None);
    };
    let document: Requisition = serde_json::from_str(&row.content).map_err(Error::internal)?;
    let pdf =
        worker_pool::run(&ctx.viewer.subject, move || Ok(rendered(&document, Some(TIME_LIMIT))?))
            .await?;
    Ok(Some((row.number, pdf)))
}

fn require_grant(agreement: &agreement::Model) -> Result<()> {
    let number = agreement.number.as_deref().unwrap_or("the draft");
    if !is_grant(agreement) {
        let message =
            format!("{number} is not a cooperation agreement with income; invoice its fee instead");
        return Err(Error::conflict(ConflictReason::NotAGrant, message));
    }
    if agreement.signed_on.is_none() || agreement.withdrawn_on.is_some() {
        return Err(Error::conflict(
            ConflictReason::NotSigned,
            format!("{number} is not signed by both parties; a grant is requisitioned afterwards"),
        ));
    }
    Ok(())
}

/// `true` if an agreement brings in a grant (bidrag) and not a fee. A grant is never in the invoice
/// run.
#[must_use]
pub fn is_grant(agreement: &agreement::Model) -> bool {
    agreement.is_grant()
}

/// Returns the requisitions of an agreement that are not withdrawn, in order of number.
async fn in_force(tx: &impl ConnectionTrait, agreement: AgreementId) -> Result<Vec<Model>> {
    let theirs = Entity::find()
        .filter(Column::AgreementId.eq(agreement))
        .filter(Column::WithdrawnOn.is_null());
    Ok(theirs.order_by_asc(Column::Number).all(tx).await?)
}

fn refuse_overlap(others: &[Model], new: &NewRequisition) -> Result<()> {
    let overlaps =
        |other: &&Model| other.period_from <= new.period_to && new.period_from <= other.period_to;
    let Some(other) = others.iter().find(overlaps) else { return Ok(()) };
    let Model { number, period_from, period_to, .. } = other;
    let message = format!(
        "{number} covers {period_from} to {period_to} already; choose a period without these days, or withdraw that requisition"
    );
    Err(Error::conflict(ConflictReason::AlreadyRequisitioned, message))
}

/// Checks a day of issue: it is not after today, and not before the latest requisition of any year,
/// since numbers follow days.
async fn check_day(
    tx: &impl ConnectionTrait,
    issued_on: NaiveDate,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let problem = FieldErrorCode::TooLate.problem("must not be after today");
    errors.expect(issued_on <= today, "issued_on", problem);
    let later = Entity::find()
        .select_only()
        .column(Column::IssuedOn)
        .filter(Column::IssuedOn.gt(issued_on));
    let later: Vec<NaiveDate> = later.into_tuple().all(tx).await?;
    // A requisition dated after today is itself wrong, and blocks only its own year.
    let latest =
        later.into_iter().filter(|day| *day <= today || day.year() == issued_on.year()).max();
    if let Some(day) = latest {
        errors.add(
            "issued_on",
            FieldErrorCode::TooEarly.problem(format!(
                "must not be before {day}, the day of the latest requisition: numbers follow days"
            )).with("min", day),
        );
    }
    Ok(())
}

/// Returns the highest number of a year's requisitions; `None` if there are none.
async fn last_serial(tx: &impl ConnectionTrait, year: i32) -> Result<Option<u64>> {
    let prefix = format!("R{year}-");
    let select = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::Number.starts_with(&prefix));
    let found: Vec<String> = select.into_tuple().all(tx).await?;
    Ok(found.iter().filter_map(|number| number.strip_prefix(&prefix)?.parse::<u64>().ok()).max())
}
