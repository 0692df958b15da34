//! Replaces signed agreements: drafts a successor with new terms.

use std::collections::HashSet;

use ::entity::{
    agreement::{Column, Entity, Model},
    id::AgreementId,
    template, template_version,
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use serde_json::Map;

use super::{
    draft_input::{NewAgreement, Successor},
    draft_plan::{check_kind, expect_later, successor, template_of},
    draft_row,
    draft_text::{ATTEMPTS, MAX_PARAMETERS},
    lifecycle::{self, Transition},
    loading::{self, found_or_errors},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::{among, busy},
    error::{Result, ValidationErrors},
    idempotency::Outcome,
};

/// Drafts a successor. Its predecessor stays in force. When both parties have signed the successor,
/// the predecessor ends on the day before the successor starts.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field and
/// parameter, CONFLICT `NOT_SIGNED`, `ENDED`, `WITHDRAWN`, `ALREADY_REPLACED`, and those of
/// [`draft`](super::draft::draft).
pub async fn replace(
    ctx: Context<'_>,
    network: &Network,
    new: Successor,
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    ctx.require(Permission::ManageAgreements)?;
    if let Some(values) = &new.parameters {
        errors.settable_values("parameters", values, MAX_PARAMETERS);
    }
    let id = AgreementId::new();
    for _ in 0..ATTEMPTS {
        let expected = planned(ctx, ctx.db.read(), id, new.clone(), &mut errors.clone()).await;
        let text = draft_row::check_text(ctx, network, expected).await?;
        let mut change = audit::begin(ctx, Action::AgreementReplace).await?;
        let mut errors = errors.clone();
        let (wanted, row) = planned(ctx, change.tx(), id, new.clone(), &mut errors).await?;
        if draft_row::write(ctx, &mut change, &wanted, row, None, &text, errors).await?.is_some() {
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
    let can =
        |row: &&Model| lifecycle::can(ctx, Transition::Replace, row) && !replaced.contains(&row.id);
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
}

/// Loads the predecessor. Returns the input for the successor, and its row so far.
///
/// # Errors
/// NOT_FOUND or the conflict of an agreement that can't be replaced; INVALID with the errors so far
/// if there is no such agreement.
async fn planned(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    id: AgreementId,
    new: Successor,
    errors: &mut ValidationErrors,
) -> Result<(NewAgreement, Model)> {
    let old = found_or_errors(loading::find(db, new.agreement).await, errors)?;
    lifecycle::allow(Transition::Replace, &old, ctx.clock.today())?;
    expect_later(&old, new.starts_on, errors);
    let own = match old.template_version_id {
        Some(version) => template_version::Entity::find_by_id(version)
            .one(db)
            .await?
            .map(|version| version.template_id),
        None => None,
    };
    let message = "is needed, since the agreement has no template";
    let template = template_of(new.template, own, message, errors);
    // The check of the text rejects a template that the viewer can't read; its kind must not be
    // revealed either.
    if draft_row::is_template_visible(ctx, db, template).await?
        && let Some(found) = template::Entity::find_by_id(template).one(db).await?
    {
        check_kind(&old, found.kind, errors);
    }
    let parameters = match &new.parameters {
        Some(values) => values.clone(),
        None if own == Some(template) => loading::stored_parameters(db, old.id).await?,
        None => Map::new(),
    };
    let row = Model { id, replaces_id: Some(old.id), ..Model::default() };
    Ok((successor(&old, new, template, parameters), row))
}
