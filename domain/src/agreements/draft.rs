//! Drafts agreements from templates.

use ::entity::{agreement::Model, id::AgreementId};
use futures_util::future::BoxFuture;

use super::{
    draft_input::NewAgreement,
    draft_row::{check_text, write},
    draft_text::{ATTEMPTS, CheckedText, MAX_PARAMETERS},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    bulk::{ItemRule, NewItem, Rejected},
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
    errors: ValidationErrors,
) -> Result<AgreementId> {
    ctx.require(Permission::ManageAgreements)?;
    let checked = Checked::of(ctx, network, &new).await?;
    store(ctx, network, (&new, &checked), errors).await
}

/// A draft that is not stored yet, with its checked text.
#[derive(Debug)]
struct Checked {
    row: Model,
    text: CheckedText,
}

impl Checked {
    async fn of(ctx: Context<'_>, network: &Network, new: &NewAgreement) -> Result<Self> {
        let row = Model { id: AgreementId::new(), ..Model::default() };
        let text = check_text(ctx, network, Ok((new.clone(), row.clone()))).await?;
        Ok(Self { row, text })
    }
}

/// Stores a draft whose text was checked.
async fn store(
    ctx: Context<'_>,
    network: &Network,
    (new, checked): (&NewAgreement, &Checked),
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    errors.settable_values("parameters", &new.parameters, MAX_PARAMETERS);
    let (row, mut again) = (&checked.row, None);
    for _ in 0..ATTEMPTS {
        let text = again.as_ref().unwrap_or(&checked.text);
        let mut change = audit::begin(ctx, Action::AgreementDraft).await?;
        if let Some(id) =
            write(ctx, &mut change, new, row.clone(), None, text, errors.clone()).await?
        {
            change.commit_with(id).await?;
            return Ok(id);
        }
        drop(change);
        again = Some(check_text(ctx, network, Ok((new.clone(), row.clone()))).await?);
    }
    Err(busy())
}

/// Drafts many agreements: [`draft`] for each.
#[derive(Debug)]
pub struct DraftEach<'n> {
    network: &'n Network,
    /// The items whose text was checked before the common transaction, in their order.
    checked: Vec<Checked>,
}

impl<'n> DraftEach<'n> {
    /// Returns the rule with the settings of the network.
    #[must_use]
    pub fn new(network: &'n Network) -> Self {
        Self { network, checked: Vec::new() }
    }
}

impl ItemRule for DraftEach<'_> {
    type Item = NewAgreement;
    type Output = AgreementId;
    const PERMISSION: Permission = Permission::ManageAgreements;

    fn prepare<'a>(
        &'a mut self,
        ctx: Context<'a>,
        items: &'a [NewItem<NewAgreement>],
    ) -> BoxFuture<'a, Result<Vec<Rejected>>> {
        Box::pin(async move {
            for new in items {
                let checked = Checked::of(ctx, self.network, &new.item).await?;
                self.checked.push(checked);
            }
            Ok(Vec::new())
        })
    }

    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        position: usize,
        NewItem { item, errors }: NewItem<NewAgreement>,
    ) -> BoxFuture<'a, Result<AgreementId>> {
        Box::pin(async move {
            match self.checked.get(position) {
                Some(checked) => store(ctx, self.network, (&item, checked), errors).await,
                None => draft(ctx, self.network, item, errors).await,
            }
        })
    }
}
