//! Issue of a requisition.

use std::collections::BTreeSet;

use ::entity::{
    activity, agreement,
    date_range::DateRange,
    id::{AgreementId, RequisitionId},
    money::Money,
    requisition::{Column, Entity, Model},
    total::Total,
};
use chrono::{Datelike, NaiveDate};
use documents::requisition::Requisition;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    grant::{check_day, check_signed, counterparty, next_number, refuse_overlap, require_grant},
    grant_ceiling, row_of,
};
use crate::{
    agreements::parameters,
    audit::{self, Action},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    error::{Error, FieldErrorCode, LINE, Result, TEXT, ValidationErrors},
    fees,
    idempotency::Outcome,
    invoices::{
        claim_terms,
        parties::{self, Buyers},
    },
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

/// Returns `true` if the viewer may issue a requisition for the agreement: a signed cooperation
/// agreement with income. Earlier requisitions may still prevent it.
#[must_use]
pub fn can_issue(ctx: Context<'_>, row: &agreement::Model) -> bool {
    ctx.viewer.has(Permission::ManageAccounts) && require_grant(row).is_ok()
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
    let problem =
        FieldErrorCode::OutOfRange.problem("must be above 0.00").with("exclusiveMin", Money::ZERO);
    errors.expect(new.amount > Money::ZERO, "amount", problem);
    let period = DateRange::new(new.period_from, new.period_to);
    let message = "must not be before the first day of the period";
    let problem = FieldErrorCode::too_early(period.from, message);
    errors.expect(period.from <= period.to, "period_to", problem);
    let description = errors.text("description", &new.description, TEXT);
    let reference = errors.optional_text("reference", new.reference.as_deref(), LINE);
    errors.settable("description", &description);
    errors.settable_change("reference", None, reference.as_deref());
    let sender = parties::seller(network, false, &mut errors);

    let mut change = audit::begin(ctx, Action::RequisitionIssue).await?;
    let today = day_of(change.at());
    let issued_on = new.issued_on.unwrap_or(today);
    let later = days_after(change.tx(), issued_on).await?;
    check_day(issued_on, today, &later, &mut errors);
    let agreement = agreement::Entity::find_by_id(new.agreement).one(change.tx()).await?;
    if let Some(agreement) = agreement.as_ref().filter(|agreement| require_grant(agreement).is_ok())
    {
        grant_ceiling::check_period(agreement, period, &mut errors);
        check_signed(agreement, issued_on, &mut errors);
    }
    errors.finish()?;
    let agreement =
        agreement.ok_or_else(|| Error::missing("agreement_id", "there is no such agreement"))?;
    require_grant(&agreement)?;
    let buyer = counterparty(&agreement)?;
    let others = in_force(change.tx(), new.agreement).await?;
    refuse_overlap(&others, period)?;
    let requisitioned: Vec<_> = others
        .iter()
        .map(|row| (DateRange::new(row.period_from, row.period_to), row.amount))
        .collect();
    let part = (period, new.amount);
    require_within(ctx, &agreement, part, &requisitioned).await?;

    let days = parameters::payment_terms_of(change.tx(), BTreeSet::from([agreement.id]))
        .await?
        .remove(&agreement.id)
        .and_then(|terms| terms.days);
    let activity = match agreement.activity_id {
        Some(id) => activity::Entity::find_by_id(id).one(change.tx()).await?.map(|row| row.name),
        None => None,
    };
    let numbers = numbers_of(change.tx(), issued_on.year()).await?;
    let document = Requisition {
        number: next_number(issued_on.year(), numbers.iter().map(String::as_str)),
        issued_on,
        due_on: claim_terms::due_on(issued_on, days.unwrap_or(network.invoicing.due_days)),
        sender,
        recipient: Buyers::load(change.tx(), [buyer]).await?.recipient(buyer),
        agreement: agreement.number.clone().unwrap_or_default(),
        activity,
        description,
        reference,
        period,
        amount: new.amount,
    };
    let row = row_of(RequisitionId::new(), agreement.id, &document)?;
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(Outcome::of(row.id).with(agreement.id)).await?;
    Ok(row.id)
}

/// Returns the requisitions of an agreement that are not withdrawn, in order of number.
async fn in_force(tx: &impl ConnectionTrait, agreement: AgreementId) -> Result<Vec<Model>> {
    let theirs = Entity::find()
        .filter(Column::AgreementId.eq(agreement))
        .filter(Column::WithdrawnOn.is_null());
    Ok(theirs.order_by_asc(Column::Number).all(tx).await?)
}

/// Returns the days of the requisitions that are dated after a day.
async fn days_after(tx: &impl ConnectionTrait, issued_on: NaiveDate) -> Result<Vec<NaiveDate>> {
    let later = Entity::find()
        .select_only()
        .column(Column::IssuedOn)
        .filter(Column::IssuedOn.gt(issued_on));
    Ok(later.into_tuple().all(tx).await?)
}

/// Returns the numbers of a year's requisitions.
async fn numbers_of(tx: &impl ConnectionTrait, year: i32) -> Result<Vec<String>> {
    let select = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::Number.starts_with(format!("R{year}-")));
    Ok(select.into_tuple().all(tx).await?)
}

/// Rejects a requisition that exceeds the grant. `others` are the periods and amounts of the
/// requisitions of the agreement that are not withdrawn. An agreement without an amount has no
/// ceiling.
///
/// # Errors
/// CONFLICT `BEYOND_GRANT`.
async fn require_within(
    ctx: Context<'_>,
    agreement: &agreement::Model,
    (period, amount): (DateRange, Money),
    others: &[(DateRange, Money)],
) -> Result<()> {
    let Some(years) = grant_ceiling::years(agreement, period, others) else { return Ok(()) };
    let viewer = Viewer::operator("requisitions");
    let mut grant = Total::ZERO;
    for year in years.clone() {
        let found =
            fees::amounts_of(ctx.with_viewer(&viewer), std::slice::from_ref(agreement), year)
                .await?;
        // The amount of a rate is unknown while the allocation is.
        let Some(amount) = found.get(&agreement.id).copied() else { return Ok(()) };
        grant += Total::from(amount);
    }
    let number = agreement.number.as_deref().unwrap_or_default();
    grant_ceiling::require_within(number, (&years, grant), amount, others)
}
