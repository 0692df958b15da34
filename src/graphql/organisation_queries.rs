//! GraphQL queries of organisations.

use ::entity::id::OrganisationId;
use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};

use super::{
    OrderDirection,
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::cost,
    organisations::Organisation,
    scalars::{OrgNumber, Parsed, row_id},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    organisations,
};

/// Returns the organisation that each row of a batch refers to, if the viewer may see it.
pub async fn organisation_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<OrganisationId>,
) -> Result<Option<Organisation>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "organisation", || async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let columns = selected_columns::<Organisation>(ctx, DIRECT);
            let rows = organisations::by_ids(caller(ctx), &ids, &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(Organisation))
}

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

/// Order of organisations. Ties are ordered by id.
#[derive(InputObject)]
pub struct OrganisationOrder {
    /// Field to order by.
    field: OrganisationOrderField,
    /// Direction of the order.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
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
        let (field, descending) = order_by.map_or((organisations::Field::Name, false), |order| {
            (order.field.into(), order.direction.is_descending())
        });
        let order = organisations::order(field, descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<Organisation, _>::new(ctx, filter, order, args),
            errors,
            |ctx, list| {
                Box::pin(organisations::list(
                    caller(ctx),
                    &list.filter,
                    &list.order,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
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
