//! Updates drafts of agreements until they are offered.

use ::entity::{agreement::Model, id::AgreementId, template_version};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{
    draft_input::{DraftChanges, NewAgreement},
    draft_plan::{check_successor, template_of, updated},
    draft_row::{check_text, write},
    draft_text::{ATTEMPTS, MAX_PARAMETERS},
    lifecycle::{self, Transition},
    loading::{self, found_or_errors},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::busy,
    error::{Result, ValidationErrors},
};

/// Updates a draft.
///
/// # Errors
/// As [`draft`](super::draft::draft), and the conflicts of an agreement that is not a draft.
pub async fn update_draft(
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
        if write(ctx, &mut change, &new, row, before, &text, errors).await?.is_some() {
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
    let row = found_or_errors(loading::find(db, id).await, errors)?;
    lifecycle::allow(Transition::Update, &row, today)?;
    let own = match row.template_version_id {
        Some(version) => template_version::Entity::find_by_id(version).one(db).await?,
        None => None,
    };
    let own_template = own.as_ref().map(|version| version.template_id);
    let message = "is needed, since the draft has no template";
    let template = template_of(changes.template, own_template, message, errors);
    let own_version = own.map(|version| version.id).filter(|_| own_template == Some(template));
    let parameters = match &changes.parameters {
        Some(values) => values.clone(),
        None => loading::stored_parameters(db, id).await?,
    };
    let new = updated(&row, changes, (template, own_version), parameters);
    if let Some(replaced) = row.replaces_id {
        check_successor(&row, &loading::find(db, replaced).await?, &new, errors);
    }
    Ok((new, row))
}
