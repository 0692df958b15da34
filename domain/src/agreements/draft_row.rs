//! Loads what a draft of an agreement depends on, builds its row, and stores it.

use ::entity::{
    activity,
    agreement::Model,
    agreement_parameters, decision, fee_schedule,
    id::{AgreementId, OrganisationId, TemplateId},
    kind::{AgreementKind, TemplateState},
    member, organisation, template, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;

use super::{
    Counterparty, document_loading, document_source,
    draft_input::NewAgreement,
    draft_template::{choose_version, no_template},
    draft_terms::{check_term, choose_activity, expect_price, with_terms},
    draft_text::CheckedText,
    eligibility::{self, EligibilityFacts},
    fee::{self, Fee, FeeSource},
    loading::snapshot,
    notice::with_deadline,
};
use crate::{
    activities,
    audit::{self, Change},
    auth::viewer::Resource,
    clock::day_of,
    config::Network,
    context::Context,
    decisions,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    tax_decisions::in_force::TaxDecisions,
};

/// Maximum length of the parameters as JSON, in bytes.
const MAX_PARAMETER_BYTES: usize = 200_000;

/// Checks the text of a draft before the transaction that stores it. That transaction reports all
/// other errors of the draft.
///
/// # Errors
/// CONFLICT `TOO_MANY_REQUESTS` when the viewer's queue of jobs is full.
pub(super) async fn check_text(
    ctx: Context<'_>,
    network: &Network,
    wanted: Result<(NewAgreement, Model)>,
) -> Result<CheckedText> {
    let source = match wanted {
        Ok((new, row)) => {
            match build(
                ctx,
                ctx.db.read(),
                &new,
                row,
                ctx.clock.today(),
                &mut ValidationErrors::default(),
            )
            .await
            {
                Ok(row) => source(ctx.db.read(), &row, &new).await.unwrap_or_default(),
                Err(_) => None,
            }
        }
        Err(_) => None,
    };
    CheckedText::of(ctx, network, source).await
}

/// Loads the source of a draft's text; `None` if it has no text.
async fn source(
    db: &impl ConnectionTrait,
    row: &Model,
    new: &NewAgreement,
) -> Result<Option<document_source::Source>> {
    Ok(document_loading::gather(db, vec![(row.clone(), new.parameters.clone())]).await?.pop())
}

/// Stores a draft, new or instead of `before`, with its parameters, its decision and its audit
/// entry. Returns `None` and stores nothing if the checked text is no longer that of the draft.
pub(super) async fn write(
    ctx: Context<'_>,
    change: &mut Change,
    new: &NewAgreement,
    row: Model,
    before: Option<Model>,
    text: &CheckedText,
    mut errors: ValidationErrors,
) -> Result<Option<AgreementId>> {
    let before = match before {
        Some(before) => Some(snapshot(change.tx(), before).await?),
        None => None,
    };
    let decision = new.decision.as_ref().map(|decision| decision.check("decision", &mut errors));
    let today = day_of(change.at());
    let mut row = match build(ctx, change.tx(), new, row, today, &mut errors).await {
        // An id was invalid, so its object was not found: all errors of the input are reported
        // together.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish().map(|()| None),
        built => built?,
    };
    let parameters = Value::Object(new.parameters.clone()).to_string();
    errors.expect(
        parameters.len() <= MAX_PARAMETER_BYTES,
        "parameters",
        FieldErrorCode::TooLong
            .problem("must not be longer than 200000 bytes of JSON")
            .with("max", 200_000),
    );
    if !text.is_of(source(change.tx(), &row, new).await?.as_ref()) {
        return Ok(None);
    }
    text.report(&mut errors)?;
    errors.finish()?;

    if let Some(decision) = decision {
        let old = match row.decision_id {
            Some(id) => decisions::by_ids(change.tx(), &[id]).await?.remove(&id),
            None => None,
        };
        row.decision_id =
            decisions::record::record(change, old.as_ref(), Some::<decision::Model>(decision))
                .await?;
    }
    let row = with_deadline(row);
    let (id, parameters) =
        (row.id, agreement_parameters::Model { agreement_id: row.id, parameters });
    if before.is_some() {
        audit::replace(change, row.clone()).await?;
        agreement_parameters::Entity::delete_by_id(id).exec(change.tx()).await?;
    } else {
        audit::insert(change, row.clone()).await.map_err(|error| {
            let message = "the agreement has a successor already; withdraw that one first, or replace it after it is signed";
            error.on_constraint("agreement__replaces_id", Error::conflict(ConflictReason::AlreadyReplaced, message))
        })?;
    }
    audit::insert(change, parameters).await?;
    let after = snapshot(change.tx(), row).await?;
    if before.as_ref() != Some(&after) {
        change.record(before.as_ref(), Some(&after))?;
    }
    Ok(Some(id))
}

/// Returns the row for an input on `today`, and adds the errors of the input to `errors`.
async fn build(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    new: &NewAgreement,
    row: Model,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Model> {
    check_term(new, errors);
    if let FeeSource::Explicit(Some(fee)) = &new.fee {
        fee.check(errors);
    }
    let (template, version) = template_and_version(ctx, db, new, errors).await?;
    let activity = match choose_activity(&template, new, errors) {
        Some(id) => Some(activities::loading::find(db, id).await?),
        None => None,
    };
    let (member, organisation_id) = find_counterparty(db, new.counterparty).await?;
    let fee = match (new.fee, &activity) {
        (FeeSource::Explicit(fee) | FeeSource::Unchanged(fee), _) => fee,
        (FeeSource::Schedule(otherwise), Some(activity))
            if template.kind == AgreementKind::Participation =>
        {
            scheduled(db, activity, new.starts_on, today, errors).await?.or(otherwise)
        }
        (FeeSource::Schedule(otherwise), _) => otherwise,
    };
    let funding = match &activity {
        Some(activity) => activities::funding_of(db, &[activity.id])
            .await?
            .remove(&activity.id)
            .unwrap_or_default(),
        None => Vec::new(),
    };
    let facts = EligibilityFacts { member, activity, funding };
    let row = with_terms(row, new, (&template, &version), &facts, organisation_id, fee);
    eligibility::check(&row, &facts, errors);
    expect_price(new, &row, &facts, errors);
    Ok(row)
}

/// Finds a counterparty: a member, or the id of another organisation. Fails with `NOT_FOUND`.
async fn find_counterparty(
    db: &impl ConnectionTrait,
    counterparty: Counterparty,
) -> Result<(Option<member::Model>, Option<OrganisationId>)> {
    match counterparty {
        Counterparty::Member(id) => {
            let found = member::Entity::find_by_id(id).one(db).await?;
            let found = found
                .ok_or_else(|| Error::missing("counterparty_id", "there is no such member"))?;
            Ok((Some(found), None))
        }
        Counterparty::Organisation(id) => {
            let found = organisation::Entity::find_by_id(id).one(db).await?;
            let found = found.ok_or_else(|| {
                Error::missing("counterparty_id", "there is no such organisation")
            })?;
            Ok((None, Some(found.id)))
        }
    }
}

/// Returns `true` if the viewer may know of a template. A template that was never published exists
/// only for viewers who can read templates.
pub(super) async fn is_template_visible(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    id: TemplateId,
) -> Result<bool> {
    use template_version::Column;
    if ctx.viewer.visibility(Resource::Templates).all {
        return Ok(true);
    }
    let published = template_version::Entity::find()
        .filter(Column::TemplateId.eq(id))
        .filter(Column::State.ne(TemplateState::Draft))
        .one(db)
        .await?;
    Ok(published.is_some())
}

/// Returns the template and the version that the agreement uses.
async fn template_and_version(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    new: &NewAgreement,
    errors: &mut ValidationErrors,
) -> Result<(template::Model, template_version::Model)> {
    use template_version::Column;
    let found = template::Entity::find_by_id(new.template).one(db).await?;
    let template = found.ok_or_else(no_template)?;
    let versions = template_version::Entity::find()
        .filter(Column::TemplateId.eq(template.id))
        .order_by_desc(Column::Version)
        .all(db)
        .await?;
    let reads_drafts = ctx.viewer.visibility(Resource::Templates).all;
    let version = choose_version(&template, versions, new.template_version, reads_drafts, errors)?;
    Ok((template, version))
}

/// Returns the fee by the activity's price on a day; `None` if it has no price. Its VAT treatment
/// is that of the tax decision in force on that day, or on `today` if that is later: a decision
/// applies to invoices issued from its first day on, and none is issued before today.
///
/// # Errors
/// CONFLICT `VAT_UNDECIDED` when neither the price nor a tax decision states the VAT treatment.
async fn scheduled(
    db: &impl ConnectionTrait,
    activity: &activity::Model,
    on: NaiveDate,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Option<Fee>> {
    use fee_schedule::Column;
    let prices = fee_schedule::Entity::find()
        .filter(Column::ActivityId.eq(activity.id))
        .filter(Column::ValidFrom.lte(on))
        .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(on)))
        .order_by_asc(Column::Basis)
        .all(db)
        .await?;
    let Some(price) = fee::choose_price(&prices, on, errors) else { return Ok(None) };
    let rate = TaxDecisions::on(db, on.max(today)).await?.rate_of(price);
    fee::priced(activity, price, rate, on, errors)
}
