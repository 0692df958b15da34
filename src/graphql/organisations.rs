//! Organisations as the API tells of them.

use ::entity::{id::OrganisationId, organisation};
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object};

use super::{
    agreements::{Agreement, agreements_of},
    batch::BatchRow,
    connection::{self, Column, Connection, ConnectionNode, every},
    database,
    members::{BillingDetails, mutations::BillingDetailsInput},
    mutation::mutation,
    scalars::{OrgNumber, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    agreements::Of,
    error::{Error, Result, ValidationErrors},
    organisations,
};

/// A counterparty that is no member: an authority, a company, a university, a consultant.
#[derive(Clone, Description)]
pub struct Organisation(pub BatchRow<organisation::Model>);

#[Object(use_type_description)]
impl Organisation {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("organisation", self.0.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its organisation number (organisationsnummer); null when not known.
    async fn org_number(&self) -> Option<OrgNumber> {
        self.0.org_number.clone().map(OrgNumber)
    }

    /// Where its invoices go; nothing unless you see every member's billing details too.
    async fn billing(&self, ctx: &Context<'_>) -> BillingDetails {
        BillingDetails(organisations::billing(viewer(ctx), &self.0))
    }

    /// The agreements with it.
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
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

/// The organisation with this id, if you may see it.
pub async fn node(ctx: &Context<'_>, id: OrganisationId) -> Result<Option<Organisation>> {
    let found =
        organisations::by_ids(database(ctx), viewer(ctx), &[id], &every::<Organisation>()).await?;
    Ok(found.into_iter().next().map(|row| Organisation(BatchRow::single(row))))
}

async fn changed(ctx: &Context<'_>, id: OrganisationId) -> Result<Organisation> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such organisation".into()))
}

/// An organisation to be added.
#[derive(InputObject)]
pub struct OrganisationAddInput {
    /// Its name.
    name: String,
    /// Null when not known.
    org_number: Option<Parsed<OrgNumber>>,
    /// Where its invoices go.
    billing: Option<BillingDetailsInput>,
}

/// What changes about an organisation; what is left out stays as it is.
#[derive(InputObject)]
pub struct OrganisationUpdateInput {
    /// Which.
    organisation: ID,
    /// A new name.
    name: Option<String>,
    /// Null: no longer known.
    org_number: MaybeUndefined<Parsed<OrgNumber>>,
    /// All of its billing details.
    billing: Option<BillingDetailsInput>,
}

/// Deeds on organisations.
#[derive(Default)]
pub struct OrganisationMutation;

#[Object]
impl OrganisationMutation {
    /// Adds an organisation that the network can make agreements with.
    async fn organisation_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: OrganisationAddInput,
    ) -> Result<Organisation> {
        let mut errors = ValidationErrors::default();
        let number = take(input.org_number, "input.orgNumber", &mut errors).map(|number| number.0);
        let billing = input.billing.map(Into::into).unwrap_or_default();
        let mutation = mutation(ctx);
        mutation
            .perform(
                organisations::add(
                    mutation.db(),
                    viewer(ctx),
                    &input.name,
                    number,
                    &billing,
                    errors,
                ),
                |id| changed(ctx, id),
            )
            .await
    }

    /// Changes what is known of an organisation.
    async fn organisation_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: OrganisationUpdateInput,
    ) -> Result<Organisation> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.organisation, "organisation", "input.organisation", &mut errors);
        let number = super::scalars::change(input.org_number, "input.orgNumber", &mut errors)
            .map(|number| number.map(|number| number.0));
        let billing = input.billing.map(Into::into);
        let mutation = mutation(ctx);
        mutation
            .perform(
                organisations::update(
                    mutation.db(),
                    viewer(ctx),
                    id,
                    input.name.as_deref(),
                    number,
                    billing.as_ref(),
                    errors,
                ),
                |()| changed(ctx, id),
            )
            .await
    }
}
