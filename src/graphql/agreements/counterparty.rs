//! GraphQL interface of counterparties: members, and organisations that are not members.

use std::{collections::HashMap, sync::Arc};

use ::entity::id::{MemberId, OrganisationId};
use async_graphql::{Context, ID, Interface};

use crate::graphql::{
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{DIRECT, selected_columns},
    members::types::{BillingDetails, Member},
    organisations::types::Organisation,
    scalars::OrgNumber,
};
use domain::{
    error::{Error, Result},
    members, organisations,
};

/// Counterparty of an agreement, buyer on an invoice, or supplier of a cost.
#[derive(Clone, Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Global id, opaque. Pass it to `node` and to inputs."),
    field(name = "name", ty = "String", desc = "Present name."),
    field(
        name = "org_number",
        ty = "Option<OrgNumber>",
        desc = "Organisation number (organisationsnummer); null when not known."
    ),
    field(
        name = "billing",
        ty = "BillingDetails",
        desc = "Billing details, as the address of invoices; all null if you may not see them."
    )
)]
pub enum Counterparty {
    /// A member of the network.
    Member(Member),
    /// An organisation that is not a member.
    Organisation(Organisation),
}

/// Ids of a counterparty: one of them is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterpartyIds {
    /// The member.
    pub member: Option<MemberId>,
    /// The organisation that is not a member.
    pub organisation: Option<OrganisationId>,
}

/// Counterparties of a batch by their ids.
struct Counterparties {
    members: HashMap<MemberId, Vec<Member>>,
    organisations: HashMap<OrganisationId, Vec<Organisation>>,
}

/// Returns the counterparty of a row by the id of its member or organisation. Loads all members of
/// the batch with one statement, and all organisations with another.
pub async fn counterparty_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    ids: fn(&M) -> CounterpartyIds,
) -> Result<Counterparty> {
    let found: Arc<Counterparties> = row
        .load(ctx, "counterparty", || async {
            let caller = caller(ctx);
            let of_members = distinct(row.batch_rows().iter().filter_map(|row| ids(row).member));
            let of_others =
                distinct(row.batch_rows().iter().filter_map(|row| ids(row).organisation));
            let (mut members, mut others) = (Vec::new(), Vec::new());
            if !of_members.is_empty() {
                members =
                    members::by_ids(caller, &of_members, &selected_columns::<Member>(ctx, DIRECT))
                        .await?;
            }
            if !of_others.is_empty() {
                others = organisations::by_ids(
                    caller,
                    &of_others,
                    &selected_columns::<Organisation>(ctx, DIRECT),
                )
                .await?;
            }
            let members = BatchRow::each(members).into_iter().map(Member);
            let others = BatchRow::each(others).into_iter().map(Organisation);
            Ok(Counterparties {
                members: grouped(members, |member| member.0.id),
                organisations: grouped(others, |other| other.0.id),
            })
        })
        .await?;
    let CounterpartyIds { member, organisation } = ids(row);
    let member = member.and_then(|id| found.members.get(&id)?.first().cloned());
    let organisation =
        || organisation.and_then(|id| found.organisations.get(&id)?.first().cloned());
    let member = member.map(Counterparty::Member);
    member
        .or_else(|| organisation().map(Counterparty::Organisation))
        .ok_or_else(|| Error::NotFound("there is no such counterparty".into()))
}
