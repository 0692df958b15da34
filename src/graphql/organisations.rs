//! GraphQL type and mutations of organisations.

use ::entity::{id::OrganisationId, organisation};
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::{
    agreements::{Agreement, agreements_of},
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, every},
    cost::cost,
    members::{BillingDetails, mutations::BillingDetailsInput},
    mutation::mutation,
    scalars::{DateTime, OrgNumber, Parsed, node_id, row_id, take},
    times, viewer,
};
use domain::{
    agreements::Of,
    error::{Error, Result, ValidationErrors},
    organisations,
};

/// A counterparty that is not a member: an authority, a company, a university, a consultant.
#[derive(Clone, Description)]
pub struct Organisation(pub BatchRow<organisation::Model>);

#[Object(use_type_description)]
impl Organisation {
    /// Global id of the organisation, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Organisation number (organisationsnummer); null when not known.
    async fn org_number(&self) -> Option<OrgNumber> {
        self.0.org_number.clone().map(OrgNumber)
    }

    /// Billing details, as the address of invoices; all null unless you see every member's billing
    /// details too.
    async fn billing(&self, ctx: &Context<'_>) -> BillingDetails {
        BillingDetails(organisations::billing(viewer(ctx), &self.0))
    }

    /// Agreements with the organisation that you may see.
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        agreements_of(
            ctx,
            &self.0,
            Of::Organisation,
            |row| row.id.0,
            None,
            None,
            connection::args(first, after, last, before),
        )
        .await
    }
}

impl ConnectionNode for Organisation {
    type Row = organisation::Model;
    const NAME: &'static str = "Organisation";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        match field {
            "name" => &[organisation::Column::Name],
            "orgNumber" => &[organisation::Column::OrgNumber],
            "billing" => {
                use organisation::Column as C;
                &[
                    C::BillingEmail,
                    C::PeppolId,
                    C::BuyerReference,
                    C::AddressLine,
                    C::PostalCode,
                    C::City,
                ]
            }
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[organisation::Column::Id]
    }
}

/// Returns the organisation with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: OrganisationId) -> Result<Option<Organisation>> {
    let found = organisations::by_ids(caller(ctx), &[id], &every::<Organisation>()).await?;
    Ok(found.into_iter().next().map(|row| Organisation(BatchRow::single(row))))
}

async fn changed(ctx: &Context<'_>, id: OrganisationId) -> Result<Organisation> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such organisation".into()))
}

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

/// Payload of `organisationAdd`.
#[derive(SimpleObject)]
pub struct OrganisationAddPayload {
    /// The organisation.
    organisation: Organisation,
}

/// Payload of `organisationUpdate`.
#[derive(SimpleObject)]
pub struct OrganisationUpdatePayload {
    /// The organisation.
    organisation: Organisation,
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
                    organisations::add(mutation.context(), &input.name, number, &billing, errors),
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
        let number = super::scalars::change(input.org_number, "org_number", &mut errors)
            .map(|number| number.map(|number| number.0));
        let billing = input.billing.map(Into::into);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    organisations::update(
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
