//! Replaces signed agreements: drafts a successor with new terms.

use std::collections::HashSet;

use ::entity::{
    agreement::{Column, Entity, Model},
    id::{AgreementId, TemplateId, TemplateVersionId},
    kind::Direction,
    template, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use serde_json::{Map, Value};

use super::{
    Counterparty,
    draft::{self},
    draft_input::{Fee, FeeSource, NewAgreement},
    draft_row,
    lifecycle::{self, Transition},
};
use crate::{
    activities::decisions::NewDecision,
    audit::{self, Action},
    auth::viewer::{Permission, Viewer},
    config::Network,
    context::Context,
    database::{among, busy},
    error::{FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
};

/// The terms of a successor. Its counterparty and its activity are those of its predecessor.
#[derive(Clone, Debug, Default)]
pub struct Successor {
    /// The agreement to replace.
    pub agreement: AgreementId,
    /// The template; null: the same template.
    pub template: Option<TemplateId>,
    /// The template's version; null: the current one.
    pub template_version: Option<TemplateVersionId>,
    /// Direction of payment; null: determined by the kind and the fee.
    pub direction: Option<Direction>,
    /// Values of the parameters; null: as before, if the template is the same.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice; null: as before.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; null: as before if there is a last day; `Some(None)`: no
    /// renewal.
    pub renewal_months: Option<Option<i32>>,
    /// The fee; null: for a participation the activity's price on the first day, otherwise as
    /// before; `Some(None)`: no fee.
    pub fee: Option<Option<Fee>>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

/// Drafts a successor. Its predecessor stays in force. When both parties have signed the successor,
/// the predecessor ends on the day before the successor starts.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field and
/// parameter, CONFLICT `NOT_SIGNED`, `ENDED`, `WITHDRAWN`, `ALREADY_REPLACED`, and those of
/// [`draft::draft`].
pub async fn replace(
    ctx: Context<'_>,
    network: &Network,
    new: Successor,
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    ctx.require(Permission::ManageAgreements)?;
    if let Some(values) = &new.parameters {
        errors.settable_values("parameters", values, draft::MAX_PARAMETERS);
    }
    let id = AgreementId::new();
    for _ in 0..draft::ATTEMPTS {
        let expected = planned(
            ctx.db.read(),
            ctx.viewer,
            id,
            new.clone(),
            ctx.clock.today(),
            &mut errors.clone(),
        )
        .await;
        let text = draft_row::check_text(ctx, network, expected).await?;
        let mut change = audit::begin(ctx, Action::AgreementReplace).await?;
        let mut errors = errors.clone();
        let (wanted, row) =
            planned(change.tx(), ctx.viewer, id, new.clone(), ctx.clock.today(), &mut errors)
                .await?;
        if draft_row::write(&mut change, ctx.viewer, &wanted, row, None, &text, errors)
            .await?
            .is_some()
        {
            change.commit_with(Outcome::of(id).with(new.agreement)).await?;
            return Ok(id);
        }
    }
    Err(busy())
}

/// Returns those of these agreements that the viewer may replace: they are signed, have not ended,
/// and have no successor, not even a draft. Their rows must have the columns of a term.
pub async fn replaceable(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<AgreementId>> {
    if !ctx.viewer.has(Permission::ManageAgreements) {
        return Ok(HashSet::new());
    }
    let theirs =
        among(ctx.db.backend(), Expr::col(Column::ReplacesId), rows.iter().map(|row| row.id));
    let replaced = Entity::find().select_only().column(Column::ReplacesId).filter(theirs);
    let replaced = replaced.into_tuple::<Option<AgreementId>>().all(ctx.db.read()).await?;
    let replaced: HashSet<_> = replaced.into_iter().flatten().collect();
    let today = ctx.clock.today();
    let can = |row: &&Model| {
        lifecycle::can(ctx.viewer, Transition::Replace, row, today) && !replaced.contains(&row.id)
    };
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
}

/// Loads the predecessor. Returns the input for the successor, and its row so far.
///
/// # Errors
/// NOT_FOUND or the conflict of an agreement that can't be replaced; INVALID with the errors so far
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
        "template_id",
        FieldErrorCode::Required.problem("is needed, since the agreement has no template"),
    );
    let template = new.template.or(own).unwrap_or_default();
    // The check of the text rejects a template that the viewer can't read; its kind must not be
    // revealed either.
    if draft_row::is_template_visible(db, viewer, template).await?
        && let Some(found) = template::Entity::find_by_id(template)
            .one(db)
            .await?
            .filter(|found| found.kind != old.kind)
    {
        errors.add(
            "template_id",
            FieldErrorCode::Mismatch.problem(format!(
                "is for {}, and {} is {}",
                found.kind,
                lifecycle::name(&old),
                old.kind
            )),
        );
    }
    let parameters = match new.parameters {
        Some(values) => values,
        None if own == Some(template) => draft::stored_parameters(db, old.id).await?,
        None => Map::new(),
    };
    let counterparty = old
        .member_id
        .map(Counterparty::Member)
        .or(old.organisation_id.map(Counterparty::Organisation));
    let wanted = NewAgreement {
        template,
        template_version: new.template_version,
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
        fee: new.fee.map_or(FeeSource::Schedule(Fee::of(&old)), FeeSource::Explicit),
        decision: new.decision,
    };
    let row = Model { id, replaces_id: Some(old.id), ..Model::default() };
    Ok((wanted, row))
}
