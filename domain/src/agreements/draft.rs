//! Drafts agreements from templates.

use ::entity::{agreement::Model, id::AgreementId};

use super::{
    draft_input::NewAgreement,
    draft_row::{check_text, write},
    draft_text::{ATTEMPTS, MAX_PARAMETERS},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::busy,
    error::{Result, ValidationErrors},
};

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
            write(ctx, &mut change, &new, row.clone(), None, &text, errors.clone()).await?
        {
            change.commit_with(id).await?;
            return Ok(id);
        }
    }
    Err(busy())
}
