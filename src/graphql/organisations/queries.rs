//! GraphQL queries of organisations.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};

use super::types::Organisation;
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::cost,
    order::{self, order_input},
    scalars::{OrgNumber, Parsed, row_id},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    organisations,
};

/// Names an organisation by exactly one of its keys.
#[derive(OneofObject)]
pub enum OrganisationBy {
    /// Global id.
    Id(ID),
    /// Organisation number (organisationsnummer), as `202100-2114`.
    OrgNumber(Parsed<OrgNumber>),
}

/// Filter of organisations. All conditions must hold.
#[derive(InputObject, Default)]
pub struct OrganisationFilter {
    /// `true`: has agreements that you may see. `false`: has none.
    has_agreements: Option<bool>,
    /// All of these words occur in the name or the organisation number. A word may be the beginning
    /// of a longer one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl OrganisationFilter {
    fn check(self, errors: &mut ValidationErrors) -> organisations::Filter {
        organisations::Filter {
            has_agreements: self.has_agreements,
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that organisations are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "organisations::Field")]
pub enum OrganisationOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
    /// By organisation number; organisations without one first.
    OrgNumber,
}

order_input! {
    /// Order of organisations. Ties are ordered by id.
    OrganisationOrder by OrganisationOrderField
}

/// Queries of organisations.
#[derive(Default)]
pub struct OrganisationQuery;

#[Object]
impl OrganisationQuery {
    /// Organisations that you may see, by name unless `orderBy` says otherwise. An ACTIVITY_LEAD
    /// sees the counterparties of agreements about its activities, a MEMBER none.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn organisations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<OrganisationFilter>,
        >,
        #[graphql(desc = "Order; by name when omitted.")] order_by: Option<OrganisationOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Organisation>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (organisations::Field::Name, false));
        let order = organisations::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Organisation, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(organisations::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(organisations::count(caller(ctx), filter)),
        )
        .await
    }

    /// An organisation by its id or organisation number; null when there is none, or you may not
    /// see it.
    async fn organisation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id or organisation number.")] by: OrganisationBy,
    ) -> Option<Result<Organisation>> {
        Box::pin(find(ctx, by)).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: OrganisationBy) -> Result<Option<Organisation>> {
    let columns = selected_columns::<Organisation>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let caller = caller(ctx);
    let found = match by {
        OrganisationBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            organisations::by_ids(caller, &[id], &columns).await?.pop()
        }
        OrganisationBy::OrgNumber(number) => {
            let number = number.take("by.orgNumber", &mut errors);
            errors.finish()?;
            organisations::by_org_number(caller, &number.0, &columns).await?
        }
    };
    Ok(found.map(|row| Organisation(BatchRow::single(row))))
}
