//! GraphQL queries of contacts, contact areas and the log of reads of contacts.

use ::entity::contact;
use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::{Contact, ContactArea, ContactRead, ContactRole};
use crate::graphql::{
    caller,
    connection::{self, CONNECTION, Connection, ListRequest, and, selected_columns},
    cost::{cost, unversioned},
    database,
    order::{self, OrderInput as _, order_input},
    scalars::{Date, Json, Parsed, day_range, row_id, take},
};
use domain::{
    audit::reads,
    contacts::{self, areas, subject_access},
    error::{LINE, Result, ValidationErrors},
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
    fn check(self, errors: &mut ValidationErrors) -> contacts::Filter {
        contacts::Filter {
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
#[graphql(remote = "contacts::Field")]
pub enum ContactOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
    /// By role, in alphabetical order of the values of `ContactRole`, then by name.
    Role,
    /// By first day in the role; contacts without a known one first.
    ValidFrom,
}

order_input! {
    /// Order of contacts. Ties are ordered by id.
    ContactOrder by ContactOrderField
}

/// Filter of contact areas. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ContactAreaFilter {
    /// All of these words occur in the name. A word may be the beginning of a longer one. Case and
    /// accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

/// Filter of the log. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ContactReadFilter {
    /// Id of the contact that was read.
    contact_id: Option<ID>,
    /// Read by this token subject, exactly.
    reader: Option<String>,
    /// `readOn` is this day or later.
    read_from: Option<Parsed<Date>>,
    /// `readOn` is this day or earlier.
    read_to: Option<Parsed<Date>>,
}

impl ContactReadFilter {
    fn check(self, errors: &mut ValidationErrors) -> reads::Filter {
        let [from, to] = day_range("read", self.read_from, self.read_to, errors);
        reads::Filter {
            contact: self.contact_id.map(|id| row_id(&id, "filter.contactId", errors)),
            reader: errors.optional_text("filter.reader", self.reader.as_deref(), LINE),
            from,
            to,
        }
    }
}

/// Field to order contact areas by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum ContactAreaOrderField {
    /// By name, in Swedish alphabetical order.
    Name,
}

order_input! {
    /// Order of contact areas.
    ContactAreaOrder by ContactAreaOrderField
}

/// Field to order the log by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum ContactReadOrderField {
    /// By day of the reads.
    ReadOn,
}

order_input! {
    /// Order of the log. Ties are ordered by id.
    ContactReadOrder by ContactReadOrderField
}

/// Returns `true` if the selection of a connection includes cursors.
fn shows_cursors(ctx: &Context<'_>) -> bool {
    let look_ahead = ctx.look_ahead();
    let page = look_ahead.field("pageInfo");
    look_ahead.field("edges").field("cursor").exists()
        || page.field("startCursor").exists()
        || page.field("endCursor").exists()
}

/// Queries of contacts.
#[derive(Default)]
pub struct ContactQuery;

#[Object]
impl ContactQuery {
    /// All stored data about a contact (registerutdrag, GDPR art. 15), for the OFFICE: `contact` is
    /// its row, `of` the object that it belongs to, `activities` those that name it, `trail` its
    /// data in the audit trail, `readBy` its readers and the times, and `sameNameOrEmail` rows of
    /// other tables with the same name or e-mail, which may concern another person. Free texts are
    /// not searched. FORBIDDEN to other roles; NOT_FOUND.
    #[graphql(directive = cost::apply("500".into()), directive = unversioned::apply())]
    async fn contact_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the contact.")] contact_id: ID,
    ) -> Option<Result<Json>> {
        Some(Box::pin(export(ctx, &contact_id)).await)
    }

    /// Log of reads of contacts, the latest day first unless `orderBy` says otherwise; empty unless
    /// you may read it (OFFICE, AUDITOR). Reads of the last seconds may be missing, and lines older
    /// than the network's retention period are deleted.
    #[graphql(directive = unversioned::apply())]
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn contact_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ContactReadFilter>,
        >,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            ContactReadOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<ContactRead>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let is_descending = order_by.is_none_or(|order| match order.parts() {
            (ContactReadOrderField::ReadOn, is_descending) => is_descending,
        });
        let order = reads::order(is_descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ContactRead, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(reads::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(reads::count(caller(ctx), filter)),
        )
        .await
    }

    /// Present and past contacts that you may see, by name unless `orderBy` says otherwise. A
    /// MEMBER sees those of its own association. Personal data: a read of a name, an e-mail
    /// address, a phone number or a cursor is logged (`contactReads`).
    #[graphql(directive = unversioned::apply())]
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
        let (field, descending) = order::chosen(order_by, (contacts::Field::Name, false));
        let order = contacts::order(database(ctx).backend(), field, descending);
        let args = connection::args(first, after, last, before);
        let request = ListRequest::<Contact, _> {
            columns: |ctx| {
                let columns = selected_columns::<Contact>(ctx, CONNECTION);
                if shows_cursors(ctx) { and(columns, contact::Column::Name) } else { columns }
            },
            ..ListRequest::new(filter, order, args, errors)
        };
        connection::connection(
            ctx,
            request,
            |ctx, filter, page| Box::pin(contacts::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(contacts::count(caller(ctx), filter)),
        )
        .await
    }

    /// Contact areas (kontaktmannaskap), by name unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn contact_areas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<
            Box<ContactAreaFilter>,
        >,
        #[graphql(desc = "Order; by name when omitted.")] order_by: Option<ContactAreaOrder>,
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
        let filter = areas::Filter {
            search: errors.optional_text("filter.search", filter.search.as_deref(), LINE),
        };
        let is_descending = order_by.is_some_and(|order| match order.parts() {
            (ContactAreaOrderField::Name, is_descending) => is_descending,
        });
        let order = areas::by_name(is_descending);
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<ContactArea, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(areas::list(caller(ctx), filter, page)),
            |ctx, filter| Box::pin(areas::count(caller(ctx), filter)),
        )
        .await
    }
}

async fn export(ctx: &Context<'_>, contact: &ID) -> Result<Json> {
    let mut errors = ValidationErrors::default();
    let id = row_id(contact, "contact_id", &mut errors);
    errors.finish()?;
    Ok(Json(subject_access::export(caller(ctx), id).await?))
}
