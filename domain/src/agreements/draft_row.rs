//! Rows of drafts of agreements: their template, fee and term.

use ::entity::{
    activity,
    agreement::Model,
    agreement_parameters, decision, fee_schedule,
    id::{AgreementId, OrganisationId, TemplateId},
    kind::{AgreementKind, Direction, FundingKind, TemplateState, VatRate},
    member, organisation, template, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;

use super::{
    Counterparty, document_source,
    draft_input::{Fee, FeeSource, NewAgreement},
    draft_text::CheckedText,
    eligibility::{self, EligibilityFacts},
    lifecycle::snapshot,
};
use crate::{
    activities::{
        self, decisions,
        tax_decisions::{NO_RATE_OF_ZERO, TaxDecisions, undecided},
    },
    audit::{self, Change},
    auth::viewer::{Resource, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// Default months of notice for an agreement that ends only by notice.
const DEFAULT_NOTICE_MONTHS: i32 = 3;

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
                ctx.db.read(),
                ctx.viewer,
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
    CheckedText::of(ctx.viewer, network, source).await
}

/// Loads the source of a draft's text; `None` if it has no text.
async fn source(
    db: &impl ConnectionTrait,
    row: &Model,
    new: &NewAgreement,
) -> Result<Option<document_source::Source>> {
    Ok(document_source::gather(db, vec![(row.clone(), new.parameters.clone())]).await?.pop())
}

/// Stores a draft, new or instead of `before`, with its parameters, its decision and its audit
/// entry. Returns `None` and stores nothing if the checked text is no longer that of the draft.
pub(super) async fn write(
    change: &mut Change,
    viewer: &Viewer,
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
    let mut row = match build(change.tx(), viewer, new, row, today, &mut errors).await {
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
            decisions::write(change, old.as_ref(), Some::<decision::Model>(decision)).await?;
    }
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
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
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    new: &NewAgreement,
    row: Model,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Model> {
    check_term(new, errors);
    if let FeeSource::Explicit(Some(fee)) = &new.fee {
        fee.check(errors);
    }
    let (template, version) = template_and_version(db, viewer, new, errors).await?;
    if let Some(of_template) = template.activity_id {
        let message = "must be left out: the template is for another activity";
        errors.expect(
            new.activity.is_none_or(|values| values == of_template),
            "activity_id",
            FieldErrorCode::NotAllowed.problem(message),
        );
    }
    let activity = match template.activity_id.or(new.activity) {
        Some(id) => Some(activities::start::find(db, id).await?),
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
    let must_give_notice = new.ends_on.is_none() || new.renewal_months.is_some();
    let row = Model {
        kind: template.kind,
        direction: new.direction.unwrap_or_else(|| direction(template.kind, fee)),
        activity_id: activity.as_ref().map(|activity| activity.id),
        member_id: member.as_ref().map(|member| member.id),
        organisation_id,
        template_version_id: Some(version.id),
        starts_on: new.starts_on,
        ends_on: new.ends_on,
        notice_months: new.notice_months.unwrap_or(if must_give_notice {
            DEFAULT_NOTICE_MONTHS
        } else {
            0
        }),
        renewal_months: new.renewal_months,
        fee_basis: fee.map(|fee| fee.basis),
        fee_amount: fee.and_then(|fee| fee.amount),
        fee_per_mille: fee.and_then(|fee| fee.per_mille),
        fee_cap: fee.and_then(|fee| fee.cap),
        fee_minimum: fee.and_then(|fee| fee.minimum),
        fee_allocation_basis: fee.and_then(|fee| fee.allocation_basis),
        vat_rate: fee.map(|fee| fee.vat_rate),
        ..row
    };
    let facts = EligibilityFacts { member, activity, funding };
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
            let found = found.ok_or_else(|| Error::NotFound("there is no such member".into()))?;
            Ok((Some(found), None))
        }
        Counterparty::Organisation(id) => {
            let found = organisation::Entity::find_by_id(id).one(db).await?;
            let found =
                found.ok_or_else(|| Error::NotFound("there is no such organisation".into()))?;
            Ok((None, Some(found.id)))
        }
    }
}

/// Adds an error if the input omits the fee of an activity that is funded only by special fees and
/// has no price. A participation without a fee must be stated explicitly, with a null fee.
fn expect_price(
    new: &NewAgreement,
    row: &Model,
    EligibilityFacts { activity, funding, .. }: &EligibilityFacts,
    errors: &mut ValidationErrors,
) {
    let is_fee_omitted = row.kind == AgreementKind::Participation
        && row.fee_basis.is_none()
        && matches!(new.fee, FeeSource::Schedule(_));
    if let Some(activity) =
        activity.as_ref().filter(|_| is_fee_omitted && *funding == [FundingKind::SpecialFee])
    {
        let message = format!(
            "is needed: {} is funded by special fees and has no price on {}; set null for no fee",
            activity.name, new.starts_on
        );
        errors.add("fee", FieldErrorCode::Required.problem(message));
    }
}

/// Returns `true` if the viewer may know of a template. A template that was never published exists
/// only for viewers who can read templates.
pub(super) async fn is_template_visible(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: TemplateId,
) -> Result<bool> {
    use template_version::Column;
    if viewer.visibility(Resource::Templates).all {
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
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    new: &NewAgreement,
    errors: &mut ValidationErrors,
) -> Result<(template::Model, template_version::Model)> {
    use template_version::Column;
    // A draft version exists only for viewers who can read templates.
    let is_seen = |version: &template_version::Model| {
        version.state != TemplateState::Draft || viewer.visibility(Resource::Templates).all
    };
    let none = || Error::NotFound("there is no such template".into());
    let template = template::Entity::find_by_id(new.template).one(db).await?.ok_or_else(none)?;
    let versions = template_version::Entity::find()
        .filter(Column::TemplateId.eq(template.id))
        .order_by_desc(Column::Version)
        .all(db)
        .await?;
    let mut seen = versions.into_iter().filter(is_seen).peekable();
    seen.peek().ok_or_else(none)?;
    let Some(wanted) = new.template_version else {
        let current = seen.find(|version| version.state == TemplateState::Published);
        let message = format!("{} has no published version; publish one first", template.slug);
        return Ok((
            template,
            current.ok_or_else(|| Error::conflict(ConflictReason::NoPublishedVersion, message))?,
        ));
    };
    let Some(version) = seen.find(|version| version.id == wanted) else {
        errors.add(
            "template_version_id",
            FieldErrorCode::Unknown.problem("is not a version of the template"),
        );
        return Err(none());
    };
    document_source::require_published(&template, &version)?;
    Ok((template, version))
}

fn check_term(new: &NewAgreement, errors: &mut ValidationErrors) {
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.starts_on),
        "ends_on",
        FieldErrorCode::TooEarly.problem("must not be before the first day"),
    );
    errors.expect(
        new.notice_months.is_none_or(|months| (0..=120).contains(&months)),
        "notice_months",
        FieldErrorCode::OutOfRange.problem("must be 0 to 120").with("min", 0).with("max", 120),
    );
    errors.expect(
        new.renewal_months.is_none_or(|months| (1..=600).contains(&months)),
        "renewal_months",
        FieldErrorCode::OutOfRange.problem("must be 1 to 600").with("min", 1).with("max", 600),
    );
    let has_term = new.renewal_months.is_none() || new.ends_on.is_some();
    let problem = FieldErrorCode::Mismatch.problem("needs the last day of the first term");
    errors.expect(has_term, "renewal_months", problem);
}

/// Returns the activity's price on a day; `None` if it has none. Its VAT treatment is that of the
/// tax decision in force on that day, or on `today` if that is later: a decision applies to
/// invoices issued from its first day on, and none is issued before today.
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
    let found = fee_schedule::Entity::find()
        .filter(Column::ActivityId.eq(activity.id))
        .filter(Column::ValidFrom.lte(on))
        .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(on)))
        .order_by_asc(Column::Basis)
        .all(db)
        .await?;
    if found.len() > 1 {
        let bases: Vec<_> = found.iter().map(|price| price.basis.word().to_owned()).collect();
        let message = format!(
            "is needed, since the activity has several prices on {on}: {}",
            bases.join(", ")
        );
        errors.add("fee", FieldErrorCode::Required.problem(message).with("bases", bases));
    }
    let Some(price) = found.first() else { return Ok(None) };
    match TaxDecisions::on(db, on.max(today)).await?.rate_of(price) {
        Some(VatRate::Zero) => {
            errors.add("fee", FieldErrorCode::Required.problem(format!("is needed, since the activity's price on {on} has a VAT treatment that {NO_RATE_OF_ZERO}")));
            Ok(None)
        }
        Some(rate) => Ok(Some(Fee::priced(price, rate))),
        // Errors of the input take precedence.
        None if !errors.is_empty() => Ok(None),
        None => {
            Err(undecided(&format!("the price of {} from {}", activity.name, price.valid_from)))
        }
    }
}

/// Returns the default direction of payment: an assignment is a cost, and any other fee is income.
fn direction(kind: AgreementKind, fee: Option<Fee>) -> Direction {
    match (kind, fee) {
        (AgreementKind::Assignment, _) => Direction::Cost,
        (_, Some(_)) => Direction::Income,
        (_, None) => Direction::None,
    }
}
