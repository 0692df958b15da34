//! GraphQL queries of contacts and contact areas: lists, filters and orders.

use ::entity::{contact, contact_area};
use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::{
    OrderDirection,
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, ListRequest, and},
    contacts::{Contact, ContactArea, ContactRole},
    cost::cost,
    database,
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    members::{contact_areas, contact_list},
};

/// Filter of contacts. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct ContactFilter {
    /// Has one of these roles.
    role: Option<Vec<ContactRole>>,
    /// Id of the member that the person works for.
    member_id: Option<ID>,
    /// Id of the organisation that the person works for.
    organisation_id: Option<ID>,
    /// Id of the contact area that the person represents on the board.
    contact_area_id: Option<ID>,
    /// Has the role on this day. A role without a known first or last day is open at that end.
    valid_on: Option<Parsed<Date>>,
    /// All of these words occur in the name or the e-mail address. A word may be the beginning of a
    /// longer one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ContactFilter {
    fn check(self, errors: &mut ValidationErrors) -> contact_list::Filter {
        contact_list::Filter {
            roles: self.role.into_iter().flatten().map(Into::into).collect(),
            member: self.member_id.map(|id| row_id(&id, "filter.memberId", errors)),
            organisation: self
                .organisation_id
                .map(|id| row_id(&id, "filter.organisationId", errors)),
            contact_area: self
                .contact_area_id
                .map(|id| row_id(&id, "filter.contactAreaId", errors)),
            valid_on: take(self.valid_on, "filter.validOn", errors).map(|day| day.0),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that contacts are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "contact_list::Field")]
pub enum ContactOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
    /// By role, in alphabetical order of the values of `ContactRole`, then by name.
    Role,
}

/// Order of contacts. Ties are ordered by id.
#[derive(InputObject)]
pub struct ContactOrder {
    /// Field to order by.
    field: ContactOrderField,
    /// Direction of the order.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// Filter of contact areas. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ContactAreaFilter {
    /// All of these words occur in the name. A word may be the beginning of a longer one. Case and
    /// accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ConnectionNode for ContactArea {
    type Row = contact_area::Model;
    const NAME: &'static str = "ContactArea";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        match field {
            "name" => &[contact_area::Column::Name],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact_area::Column::Id]
    }
}

/// Returns `true` if the selection of a connection includes cursors.
fn shows_cursors(ctx: &Context<'_>) -> bool {
    let look_ahead = ctx.look_ahead();
    let page = look_ahead.field("pageInfo");
    look_ahead.field("edges").field("cursor").exists()
        || page.field("startCursor").exists()
        || page.field("endCursor").exists()
}

/// Queries of lists of contacts and contact areas.
#[derive(Default)]
pub struct ContactListQuery;

#[Object]
impl ContactListQuery {
    /// Present and past contacts that you may see, by name unless `orderBy` says otherwise. A
    /// MEMBER sees those of its own association. Personal data: a read of a name, an e-mail
    /// address, a phone number or a cursor is logged (`contactReads`).
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<ContactFilter>>,
        #[graphql(desc = "Order; by name when omitted.")] order_by: Option<ContactOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Contact>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order_by.map_or((contact_list::Field::Name, false), |order| {
            (order.field.into(), order.direction.is_descending())
        });
        let order = contact_list::order(field, descending);
        let args = connection::args(first, after, last, before);
        let mut request = ListRequest::<Contact, _>::new(ctx, filter, order, args);
        if shows_cursors(ctx) {
            request.columns = and(request.columns, contact::Column::Name);
        }
        connection::connection(
            ctx,
            request,
            errors,
            |ctx, list| {
                Box::pin(contact_list::list(
                    caller(ctx),
                    &list.filter,
                    &list.order,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
            |ctx, filter| Box::pin(contact_list::count(caller(ctx), filter)),
        )
        .await
    }

    /// Contact areas (kontaktmannaskap), by name.
    async fn contact_areas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ContactAreaFilter>,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<ContactArea>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default();
        let filter = contact_areas::Filter {
            search: errors.optional_text("filter.search", filter.search.as_deref(), LINE),
        };
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ContactArea, _>::new(ctx, filter, contact_areas::by_name(), args),
            errors,
            |ctx, list| {
                Box::pin(contact_areas::list(
                    database(ctx),
                    &list.filter,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
            |ctx, filter| Box::pin(contact_areas::count(database(ctx), filter)),
        )
        .await
    }
}
