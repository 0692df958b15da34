//! Drafts agreements from templates, and updates drafts until they are offered.

use ::entity::{agreement::Model, agreement_parameters, id::AgreementId, template_version};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Map, Value};

use super::{
    Counterparty,
    draft_input::{DraftChanges, Fee, FeeSource, NewAgreement},
    draft_row::{check_text, write},
    lifecycle::{self, Transition},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::busy,
    error::{FieldErrorCode, Result, ValidationErrors},
};

/// Maximum number of parameters whose unsupported characters are reported.
pub(super) const MAX_PARAMETERS: usize = 100;

/// Maximum number of times that a text is rendered because its source changed meanwhile.
pub(super) const ATTEMPTS: usize = 5;

/// Drafts an agreement. `errors` are those already found in the input.
///
/// The text is rendered before the transaction. If its source changes meanwhile, it is rendered
/// again before another transaction.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND for a referenced object, INVALID
/// naming every bad field and parameter, CONFLICT `NO_PUBLISHED_VERSION`, `TEMPLATE_NOT_PUBLISHED`,
/// `TEMPLATE_RETIRED`, `FACTS_MISSING` or `TEXT_UNUSABLE`; `BUSY` when the source of the text
/// changes repeatedly.
pub async fn draft(
    ctx: Context<'_>,
    network: &Network,
    new: NewAgreement,
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    ctx.require(Permission::ManageAgreements)?;
    errors.settable_values("parameters", &new.parameters, MAX_PARAMETERS);
    let row = Model { id: AgreementId::new(), ..Model::default() };
    for _ in 0..ATTEMPTS {
        let text = check_text(ctx, network, Ok((new.clone(), row.clone()))).await?;
        let mut change = audit::begin(ctx, Action::AgreementDraft).await?;
        if let Some(id) =
            write(&mut change, ctx.viewer, &new, row.clone(), None, &text, errors.clone()).await?
        {
            change.commit_with(id).await?;
            return Ok(id);
        }
    }
    Err(busy())
}

/// Updates a draft.
///
/// # Errors
/// As [`draft`], and the conflicts of an agreement that is not a draft.
pub async fn update(
    ctx: Context<'_>,
    network: &Network,
    id: AgreementId,
    changes: DraftChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    if let Some(values) = &changes.parameters {
        errors.settable_values("parameters", values, MAX_PARAMETERS);
    }
    for _ in 0..ATTEMPTS {
        let expected =
            changed(ctx.db.read(), id, changes.clone(), ctx.clock.today(), &mut errors.clone())
                .await;
        let text = check_text(ctx, network, expected).await?;
        let mut change = audit::begin(ctx, Action::AgreementDraftUpdate).await?;
        let mut errors = errors.clone();
        let (new, row) =
            changed(change.tx(), id, changes.clone(), ctx.clock.today(), &mut errors).await?;
        let before = Some(row.clone());
        if write(&mut change, ctx.viewer, &new, row, before, &text, errors).await?.is_some() {
            return change.commit_with(id).await;
        }
    }
    Err(busy())
}

/// Loads a draft. Returns the input that it would have with these changes, and its stored row.
///
/// # Errors
/// NOT_FOUND or the conflict of an agreement that is not a draft; INVALID with the errors so far if
/// there is no such draft.
async fn changed(
    db: &impl ConnectionTrait,
    id: AgreementId,
    changes: DraftChanges,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<(NewAgreement, Model)> {
    let row = found_or_errors(lifecycle::find(db, id).await, errors)?;
    lifecycle::allow(Transition::Update, &row, today)?;
    let own = match row.template_version_id {
        Some(version) => template_version::Entity::find_by_id(version).one(db).await?,
        None => None,
    };
    let own_template = own.as_ref().map(|version| version.template_id);
    errors.expect(
        changes.template.is_some() || own_template.is_some(),
        "template_id",
        FieldErrorCode::Required.problem("is needed, since the draft has no template"),
    );
    let template = changes.template.or(own_template).unwrap_or_default();
    let own_version = own.map(|version| version.id).filter(|_| own_template == Some(template));
    let parameters = match changes.parameters {
        Some(values) => values,
        None => stored_parameters(db, id).await?,
    };
    let counterparty = row
        .member_id
        .map(Counterparty::Member)
        .or(row.organisation_id.map(Counterparty::Organisation));
    let new = NewAgreement {
        template,
        template_version: changes.template_version.or(own_version),
        activity: changes.activity.unwrap_or(row.activity_id),
        counterparty: changes
            .counterparty
            .or(counterparty)
            .unwrap_or(Counterparty::Member(Default::default())),
        direction: changes.direction.or_else(|| changes.fee.is_none().then_some(row.direction)),
        parameters,
        starts_on: changes.starts_on.unwrap_or(row.starts_on),
        ends_on: changes.ends_on.unwrap_or(row.ends_on),
        notice_months: changes.notice_months.or(Some(row.notice_months)),
        renewal_months: changes.renewal_months.unwrap_or(row.renewal_months),
        fee: match changes.fee {
            Some(fee) => FeeSource::Explicit(fee),
            // A successor has the same activity as its predecessor; the check below reports a
            // change.
            None if row.replaces_id.is_none()
                && changes.activity.is_some_and(|activity| activity != row.activity_id) =>
            {
                FeeSource::Schedule(None)
            }
            None => FeeSource::Unchanged(Fee::of(&row)),
        },
        decision: changes.decision,
    };
    if let Some(replaced) = row.replaces_id {
        let replaced = lifecycle::find(db, replaced).await?;
        expect_later(&replaced, new.starts_on, errors);
        let message = "must stay that of the agreement that it replaces";
        errors.expect(
            Some(new.counterparty) == counterparty,
            "counterparty_id",
            FieldErrorCode::Mismatch.problem(message),
        );
        errors.expect(
            new.activity == row.activity_id,
            "activity_id",
            FieldErrorCode::Mismatch.problem(message),
        );
    }
    Ok((new, row))
}

/// Returns the result of a search by id. If it failed and the input has errors, returns all of
/// these, since one of them may be about the id.
pub(super) fn found_or_errors<T>(found: Result<T>, errors: &mut ValidationErrors) -> Result<T> {
    if found.is_err() {
        std::mem::take(errors).finish()?;
    }
    found
}

/// Adds an error unless a successor begins after the first day of the agreement that it replaces,
/// which is in force until the day before.
pub(super) fn expect_later(replaced: &Model, starts_on: NaiveDate, errors: &mut ValidationErrors) {
    let message = format!(
        "must be after {}, the first day of {}, which is in force until the day before",
        replaced.starts_on,
        lifecycle::name(replaced)
    );
    let problem = FieldErrorCode::TooEarly.problem(message);
    errors.expect(starts_on > replaced.starts_on, "starts_on", problem);
}

/// Returns the stored parameters of an agreement.
pub(super) async fn stored_parameters(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Map<String, Value>> {
    let stored = agreement_parameters::Entity::find_by_id(id).one(db).await?;
    Ok(stored.and_then(|stored| serde_json::from_str(&stored.parameters).ok()).unwrap_or_default())
}
