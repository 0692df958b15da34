//! GraphQL type of organisations.

use ::entity::{id::OrganisationId, organisation};
use async_graphql::{Context, Description, ID, Object};

use crate::graphql::{
    agreements::{
        queries::{AgreementFilter, AgreementOrder, agreements_of},
        types::Agreement,
    },
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, every},
    cost::{cost, unversioned},
    members::types::BillingDetails,
    scalars::{DateTime, OrgNumber, node_id},
    times,
};
use domain::{
    agreements::Parent,
    error::Result,
    organisations::{self, billing::billing, remove, update},
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
    pub async fn name(&self) -> &str {
        &self.0.name
    }

    /// Organisation number (organisationsnummer); null when not known.
    pub async fn org_number(&self) -> Option<OrgNumber> {
        self.0.org_number.clone().map(OrgNumber)
    }

    /// Billing details, as the address of invoices; all null unless you see every member's billing
    /// details too.
    pub async fn billing(&self, ctx: &Context<'_>) -> BillingDetails {
        BillingDetails(billing(caller(ctx), &self.0))
    }

    /// Agreements with the organisation that you may see.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<AgreementOrder>,
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
            Parent::Organisation,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// `true` if you may change the organisation (`organisationUpdate`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        update::can_update(caller(ctx))
    }

    /// `true` if you may remove the organisation (`organisationRemove`): nothing refers to it.
    #[graphql(directive = cost::apply("5".into()), directive = unversioned::apply())]
    async fn viewer_can_remove(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || remove::removable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
    }
}

impl ConnectionNode for Organisation {
    type Row = organisation::Model;
    const NAME: &'static str = "Organisation";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        let columns: &'static [Column<Self::Row>] = match field {
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
            "id" | "createdAt" | "updatedAt" | "agreements" | "viewerCanUpdate"
            | "viewerCanRemove" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[organisation::Column::Id]
    }
}

/// Returns the organisation that each row of a batch refers to, if the viewer may see it.
pub async fn organisation_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<OrganisationId>,
) -> Result<Option<Organisation>> {
    connection::referenced::<Organisation, _, _>(
        ctx,
        row,
        id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(organisations::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Returns the organisation with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: OrganisationId) -> Result<Option<Organisation>> {
    let found = organisations::by_ids(caller(ctx), &[id], &every::<Organisation>()).await?;
    Ok(found.into_iter().next().map(|row| Organisation(BatchRow::single(row))))
}
