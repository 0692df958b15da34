//! GraphQL types of contacts, contact areas and the log of reads of contacts.

use ::entity::{
    contact, contact_area, contact_read,
    id::{ContactAreaId, ContactId},
};
use async_graphql::{Context, Description, Enum, ID, Object};
use futures_util::future::BoxFuture;

use crate::graphql::{
    batch::{BatchRow, distinct, grouped, listed},
    caller,
    connection::{
        self, Column, Connection, ConnectionNode, DIRECT, ListRequest, and, every, selected_columns,
    },
    cost::{cost, list_size, unversioned},
    database,
    members::types::{Member, member_of},
    organisations::types::{Organisation, organisation_of},
    scalars::{Date, DateTime, EmailAddress, node_id},
    times,
};
use domain::{
    contacts::{self, areas, erase, update},
    error::{Result, ValidationErrors},
    members,
};

/// Role of a contact at its member, organisation or contact area.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::ContactRole")]
pub enum ContactRole {
    /// Head of office (förbundschef).
    ChiefExecutive,
    /// Chair (ordförande).
    Chair,
    /// Finance (ekonomi).
    Finance,
    /// Member of the board (styrelseledamot).
    BoardMember,
    /// Contact for an activity.
    ActivityContact,
    /// Any other role.
    Other,
}

/// A contact person. Personal data: see the GDPR rules.
#[derive(Clone, Description)]
pub struct Contact(pub BatchRow<contact::Model>);

#[Object(use_type_description)]
impl Contact {
    /// Global id of the contact, opaque. Pass it to `node` and to inputs.
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

    /// Name; a pseudonym when the person was erased.
    #[graphql(directive = unversioned::apply())]
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Role of the person.
    async fn role(&self) -> ContactRole {
        self.0.role.into()
    }

    /// E-mail address; null when not known.
    #[graphql(directive = unversioned::apply())]
    async fn email(&self) -> Option<EmailAddress> {
        self.0.email.as_deref().map(EmailAddress::new)
    }

    /// Phone number; null when not known.
    #[graphql(directive = unversioned::apply())]
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// First day in the role; null when not known.
    async fn valid_from(&self) -> Option<Date> {
        self.0.valid_from.map(Date)
    }

    /// Last day in the role; null while the person has it.
    async fn valid_to(&self) -> Option<Date> {
        self.0.valid_to.map(Date)
    }

    /// Day on which the person agreed to be named to everyone with a token, as lead or board
    /// contact of an activity; null: the person did not agree.
    async fn name_published_on(&self) -> Option<Date> {
        self.0.name_published_on.map(Date)
    }

    /// Member that the person works for; null for other contacts.
    async fn member(&self, ctx: &Context<'_>) -> Option<Result<Member>> {
        member_of(ctx, &self.0, |row| row.member_id).await.transpose()
    }

    /// Organisation that the person works for; null for other contacts.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<Organisation>> {
        organisation_of(ctx, &self.0, |row| row.organisation_id).await.transpose()
    }

    /// Contact area that the person represents on the board; null for other contacts.
    async fn contact_area(&self, ctx: &Context<'_>) -> Option<Result<ContactArea>> {
        contact_area_of(ctx, &self.0, |row| row.contact_area_id).await.transpose()
    }

    /// `true` if you may change the contact (`contactUpdate`): it is not erased.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        update::can_update(caller(ctx), &self.0)
    }

    /// `true` if you may erase the contact (`contactErase`), also again.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_erase(&self, ctx: &Context<'_>) -> bool {
        erase::can_erase(caller(ctx))
    }
}

impl ConnectionNode for Contact {
    type Row = contact::Model;
    const NAME: &'static str = "Contact";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use contact::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "name" => &[C::Name],
            "role" => &[C::Role],
            "email" => &[C::Email],
            "phone" => &[C::Phone],
            "validFrom" => &[C::ValidFrom],
            "validTo" => &[C::ValidTo],
            "namePublishedOn" => &[C::NamePublishedOn],
            "member" => &[C::MemberId],
            "organisation" => &[C::OrganisationId],
            "contactArea" => &[C::ContactAreaId],
            "viewerCanUpdate" => &[C::ErasedAt],
            "id" | "createdAt" | "updatedAt" | "viewerCanErase" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact::Column::Id]
    }
}

/// Returns the contact that each row of a batch refers to, if the viewer may see it.
pub async fn contact_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<ContactId>,
) -> Result<Option<Contact>> {
    connection::referenced::<Contact, _, _>(
        ctx,
        row,
        id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(contacts::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Returns the contact with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: ContactId) -> Result<Option<Contact>> {
    let found = contacts::by_ids(caller(ctx), &[id], &every::<Contact>()).await?;
    Ok(found.into_iter().next().map(|row| Contact(BatchRow::single(row))))
}

/// One of the geographic areas that share board contacts (kontaktmannaskap).
#[derive(Clone, Description)]
pub struct ContactArea(pub BatchRow<contact_area::Model>);

#[Object(use_type_description)]
impl ContactArea {
    /// Global id of the contact area, opaque.
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

    /// Name of the area.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Board contacts of its members. Personal data: see the GDPR rules.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn board_contacts(&self, ctx: &Context<'_>) -> Result<Vec<Contact>> {
        let rows = self
            .0
            .load(ctx, "", || async {
                let columns =
                    and(selected_columns::<Contact>(ctx, DIRECT), contact::Column::ContactAreaId);
                let areas: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
                let rows = contacts::of_areas(caller(ctx), &areas, &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.contact_area_id))
            })
            .await?;
        listed(ctx, rows.get(&Some(self.0.id)), Contact)
    }

    /// Present and former members in the area that you may see, in order of name.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Member>> {
        members_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }
}

/// Returns the same page of members for each row of a batch of contact areas.
fn members_of<'c>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<contact_area::Model>,
    args: domain::page::Args,
) -> BoxFuture<'c, Result<Connection<Member>>> {
    let order = members::order(database(ctx).backend(), members::Field::Name, false);
    connection::nested_connection(
        ctx,
        row,
        |row| row.id,
        ListRequest::new((), order, args, ValidationErrors::default()),
        |ctx, areas, (), page| Box::pin(members::of_each_area(caller(ctx), areas, page)),
        |ctx, areas, ()| Box::pin(members::count_each_area(caller(ctx), areas)),
    )
}

impl ConnectionNode for ContactArea {
    type Row = contact_area::Model;
    const NAME: &'static str = "ContactArea";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        let columns: &'static [Column<Self::Row>] = match field {
            "name" => &[contact_area::Column::Name],
            "id" | "createdAt" | "updatedAt" | "boardContacts" | "members" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact_area::Column::Id]
    }
}

/// Returns the contact area that each row of a batch refers to.
pub async fn contact_area_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<ContactAreaId>,
) -> Result<Option<ContactArea>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "", || async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let rows = areas::by_ids(caller(ctx), &ids).await?;
            Ok(grouped(BatchRow::each(rows.into_values().collect()), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(ContactArea))
}

/// Reads of a contact's name, e-mail or phone by one reader on one day, including reads through the
/// audit trail.
#[derive(Clone, Description)]
pub struct ContactRead(pub BatchRow<contact_read::Model>);

#[Object(use_type_description)]
impl ContactRead {
    /// Reader: the subject of the token, or the command on the server.
    async fn reader(&self) -> &str {
        &self.0.reader
    }

    /// Contact that was read; null when you may not see contacts. Reading it here is logged as
    /// well.
    async fn contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| Some(row.contact_id)).await.transpose()
    }

    /// Day of the reads, in Swedish time.
    async fn read_on(&self) -> Date {
        Date(self.0.day)
    }

    /// Time of the first read on that day.
    async fn first_at(&self) -> DateTime {
        DateTime(self.0.first_at)
    }

    /// Time of the last read on that day.
    async fn last_at(&self) -> DateTime {
        DateTime(self.0.last_at)
    }

    /// Number of reads on that day; each position of an answer counts.
    async fn read_count(&self) -> i64 {
        self.0.times
    }
}

impl ConnectionNode for ContactRead {
    type Row = contact_read::Model;
    const NAME: &'static str = "ContactRead";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use contact_read::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "reader" => &[C::Reader],
            "contact" => &[C::ContactId],
            "readOn" => &[C::Day],
            "firstAt" => &[C::FirstAt],
            "lastAt" => &[C::LastAt],
            "readCount" => &[C::Times],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[contact_read::Column::Id]
    }
}
