//! GraphQL mutations of organisations.

use ::entity::id::OrganisationId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{
    payloads::{OrganisationAddPayload, OrganisationRemovePayload, OrganisationUpdatePayload},
    types::{Organisation, node},
};
use crate::graphql::{
    members::mutations::BillingDetailsInput,
    mutation::mutation,
    scalars::{OrgNumber, Parsed, change, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    organisations::{add, remove, update},
    removal::Removed,
};

/// Input of `organisationAdd`.
#[derive(InputObject)]
pub struct OrganisationAddInput {
    /// Name.
    name: String,
    /// Organisation number (organisationsnummer); omit when not known.
    org_number: Option<Parsed<OrgNumber>>,
    /// Billing details, as the address of invoices.
    billing: Option<BillingDetailsInput>,
}

/// Input of `organisationUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct OrganisationUpdateInput {
    /// Id of the organisation.
    organisation_id: ID,
    /// New name.
    name: Option<String>,
    /// New organisation number; null removes it.
    org_number: MaybeUndefined<Parsed<OrgNumber>>,
    /// All billing details; replaces the present ones.
    billing: Option<BillingDetailsInput>,
}

/// Input of `organisationRemove`.
#[derive(InputObject)]
pub struct OrganisationRemoveInput {
    /// Id of the organisation.
    organisation_id: ID,
}

/// Mutations of organisations.
#[derive(Default)]
pub struct OrganisationMutation;

#[Object]
impl OrganisationMutation {
    /// Adds an organisation as a possible counterparty of agreements. CONFLICT with reason
    /// ORG_NUMBER_TAKEN when another organisation has the organisation number.
    ///
    /// Requires the role OFFICE.
    async fn organisation_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation to add.")] input: Box<OrganisationAddInput>,
    ) -> Option<Result<OrganisationAddPayload>> {
        let mut errors = ValidationErrors::default();
        let number = take(input.org_number, "org_number", &mut errors).map(|number| number.0);
        let billing = input.billing.map(Into::into).unwrap_or_default();
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    add::add(mutation.context(), &input.name, number, &billing, errors),
                    async |id| Ok(OrganisationAddPayload { organisation: changed(ctx, id).await? }),
                )
                .await,
        )
    }

    /// Changes an organisation. CONFLICT with reason ORG_NUMBER_TAKEN when another organisation has
    /// the organisation number.
    ///
    /// Requires the role OFFICE.
    async fn organisation_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<OrganisationUpdateInput>,
    ) -> Option<Result<OrganisationUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.organisation_id, "organisation_id", &mut errors);
        let number = change(input.org_number, "org_number", &mut errors)
            .map(|number| number.map(|number| number.0));
        let billing = input.billing.map(Into::into);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    update::update(
                        mutation.context(),
                        id,
                        input.name.as_deref(),
                        number,
                        billing.as_ref(),
                        errors,
                    ),
                    async |()| {
                        Ok(OrganisationUpdatePayload { organisation: changed(ctx, id).await? })
                    },
                )
                .await,
        )
    }
}

async fn changed(ctx: &Context<'_>, id: OrganisationId) -> Result<Organisation> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such organisation".into()))
}

/// The mutation that removes organisations. It is apart from the others so that it has its position
/// among the mutations of the schema.
#[derive(Default)]
pub struct OrganisationRemovalMutation;

#[Object]
impl OrganisationRemovalMutation {
    /// Removes an organisation that was added by mistake, while nothing refers to it; the audit
    /// trail retains it. CONFLICT with reason IN_USE lists the references; erased contacts are
    /// none.
    ///
    /// Requires the role OFFICE.
    async fn organisation_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation to remove.")] input: Box<OrganisationRemoveInput>,
    ) -> Option<Result<OrganisationRemovePayload>> {
        Some(Box::pin(remove(ctx, *input)).await)
    }
}

async fn remove(
    ctx: &Context<'_>,
    input: OrganisationRemoveInput,
) -> Result<OrganisationRemovePayload> {
    let mut errors = ValidationErrors::default();
    let id: OrganisationId = row_id(&input.organisation_id, "organisation_id", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |removed: Removed| {
        Ok(OrganisationRemovePayload { organisation_id: ID(removed.api_id) })
    };
    mutation.perform(remove::remove(mutation.context(), id, errors), payload).await
}
