//! Replacement: how a signed agreement gets a successor with new terms.

use ::entity::{
    agreement::Model,
    id::{AgreementId, TemplateId, TemplateVersionId},
    kind::Direction,
    template, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Map, Value};

use super::{
    Counterparty,
    draft::{self, Fee, FeeOf, NewAgreement},
    lifecycle::{self, Transition},
};
use crate::{
    activities::decisions::NewDecision,
    audit,
    auth::viewer::{Permission, Viewer},
    config::Network,
    database::{Database, busy},
    error::{Result, ValidationErrors},
    idempotency::Outcome,
};

/// The terms of a successor; its counterparty and its activity are those of what it replaces.
#[derive(Clone, Debug, Default)]
pub struct Successor {
    /// What it replaces.
    pub agreement: AgreementId,
    /// What it is made from; null: the same template.
    pub template: Option<TemplateId>,
    /// The template's version; null: the current one.
    pub version: Option<TemplateVersionId>,
    /// Which way the money goes; null: as the kind and the fee have it.
    pub direction: Option<Direction>,
    /// What the text is filled in with; null: as before, when the template is the same.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Null: as before.
    pub notice_months: Option<i32>,
    /// Null: as before when there is a last day; `Some(None)`: it just ends.
    pub renewal_months: Option<Option<i32>>,
    /// Null: the activity's price on the first day when a member takes part, else as before;
    /// `Some(None)`: none.
    pub fee: Option<Option<Fee>>,
    /// Who decided it.
    pub decision: Option<NewDecision>,
}

/// Drafts a successor. What it replaces stays in force, and when both have signed the successor
/// until the day before that starts.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND, INVALID naming every bad field and
/// parameter, CONFLICT `NOT_SIGNED`, `ENDED`, `WITHDRAWN`, `ALREADY_REPLACED`, and those of
/// [`draft::draft`].
pub async fn replace(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    new: Successor,
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    viewer.require(Permission::ManageAgreements)?;
    if let Some(given) = &new.parameters {
        errors.settable_values("input.parameters", given, draft::MAX_PARAMETERS);
    }
    let id = AgreementId::new();
    for _ in 0..drafting::ATTEMPTS {
        let foreseen =
            planned(db.read(), viewer, id, new.clone(), db.clock.today(), &mut errors.clone())
                .await;
        let text = draft::check_text(db, viewer, network, foreseen).await?;
        let mut change = audit::begin(db, viewer, "agreementReplace").await?;
        let mut errors = errors.clone();
        let (wanted, row) =
            planned(change.tx(), viewer, id, new.clone(), db.clock.today(), &mut errors).await?;
        if draft::write(&mut change, viewer, &wanted, row, None, &text, errors).await?.is_some() {
            change.commit_with(Outcome::of(id).with(new.agreement)).await?;
            return Ok(id);
        }
    }
    Err(busy())
}

/// Reads what is replaced and returns what the successor is to say, and its row so far.
///
/// # Errors
/// NOT_FOUND or the conflict of an agreement that can't be replaced; INVALID with the faults so far
/// if there is no such agreement.
async fn planned(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: AgreementId,
    new: Successor,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<(NewAgreement, Model)> {
    let old = draft::found_or_errors(lifecycle::find(db, new.agreement).await, errors)?;
    lifecycle::allow(Transition::Replace, &old, today)?;
    draft::expect_later(&old, new.starts_on, errors);
    let own = match old.template_version_id {
        Some(version) => template_version::Entity::find_by_id(version)
            .one(db)
            .await?
            .map(|version| version.template_id),
        None => None,
    };
    errors.expect(
        new.template.is_some() || own.is_some(),
        "input.template",
        "is needed, since the agreement was made from none",
    );
    let template = new.template.or(own).unwrap_or_default();
    // The text's check refuses a template that the viewer can't see; its kind is as secret.
    if draft::is_template_visible(db, viewer, template).await?
        && let Some(found) = template::Entity::find_by_id(template)
            .one(db)
            .await?
            .filter(|found| found.kind != old.kind)
    {
        errors.add(
            "input.template",
            format!("is for {}, and {} is {}", found.kind, lifecycle::name(&old), old.kind),
        );
    }
    let parameters = match new.parameters {
        Some(given) => given,
        None if own == Some(template) => draft::stored_parameters(db, old.id).await?,
        None => Map::new(),
    };
    let counterparty = old
        .member_id
        .map(Counterparty::Member)
        .or(old.organisation_id.map(Counterparty::Organisation));
    let wanted = NewAgreement {
        template,
        version: new.version,
        activity: old.activity_id,
        counterparty: counterparty.unwrap_or(Counterparty::Member(Default::default())),
        direction: new.direction,
        parameters,
        starts_on: new.starts_on,
        ends_on: new.ends_on,
        notice_months: new.notice_months.or(Some(old.notice_months)),
        renewal_months: new
            .renewal_months
            .unwrap_or(old.renewal_months.filter(|_| new.ends_on.is_some())),
        fee: new.fee.map_or(FeeOf::Schedule(Fee::of(&old)), FeeOf::Given),
        decision: new.decision,
    };
    let row = Model { id, replaces_id: Some(old.id), ..Model::default() };
    Ok((wanted, row))
}
