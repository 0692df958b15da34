//! GraphQL types, query and mutations of contacts and contact areas.

use ::entity::{
    contact, contact_area,
    id::{ContactAreaId, ContactId},
    member,
};
use async_graphql::{
    Context, Description, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject,
};
use chrono::NaiveDate;

use super::{
    batch::{BatchRow, distinct, grouped, listed, take_rows},
    caller,
    connection::{Column, ConnectionNode, DIRECT, and, every, selected_columns},
    cost::{cost, list_size, unversioned},
    database, errors,
    members::{Member, member_of},
    mutation::mutation,
    organisation_queries::organisation_of,
    organisations::Organisation,
    scalars::{
        Date, DateTime, EmailAddress, Json, Parsed, change, node_id, plain_change, row_id, take,
    },
    times,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    members::{self, contacts, subject_access},
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
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Role of the person.
    async fn role(&self) -> ContactRole {
        self.0.role.into()
    }

    /// E-mail address; null when not known.
    async fn email(&self) -> Option<EmailAddress> {
        self.0.email.as_deref().map(EmailAddress::new)
    }

    /// Phone number; null when not known.
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

    /// Day on which the person agreed to be named to everyone with a token, as lead or board contact
    /// of an activity; null: the person did not agree.
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
}

impl ConnectionNode for Contact {
    type Row = contact::Model;
    const NAME: &'static str = "Contact";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use contact::Column as C;
        match field {
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
            _ => &[],
        }
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
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "contact", || async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let rows =
                contacts::by_ids(caller(ctx), &ids, &selected_columns::<Contact>(ctx, DIRECT))
                    .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(Contact))
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

    /// Present and former members in the area, in order of name.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let rows = self
            .0
            .load(ctx, "", || async {
                let columns =
                    and(selected_columns::<Member>(ctx, DIRECT), member::Column::ContactAreaId);
                let areas: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
                let rows = members::of_areas(caller(ctx), &areas, &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.contact_area_id))
            })
            .await?;
        let rows = rows.get(&Some(self.0.id)).map(Vec::as_slice).unwrap_or_default();
        take_rows(ctx, rows.len())?;
        Ok(rows.iter().cloned().map(Member).collect())
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
            let rows = members::areas_by_ids(database(ctx), &ids).await?;
            Ok(grouped(BatchRow::each(rows.into_values().collect()), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(ContactArea))
}

/// Returns the contact with this id, if the viewer may see it.
async fn node(ctx: &Context<'_>, id: ContactId) -> Result<Option<Contact>> {
    let found = contacts::by_ids(caller(ctx), &[id], &every::<Contact>()).await?;
    Ok(found.into_iter().next().map(|row| Contact(BatchRow::single(row))))
}

async fn changed(ctx: &Context<'_>, id: ContactId) -> Result<Contact> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such contact".into()))
}

/// Input of `contactAdd`. Set at most one of `memberId`, `organisationId` and `contactAreaId`.
#[derive(InputObject)]
pub struct ContactAddInput {
    /// Id of the member that the person works for.
    member_id: Option<ID>,
    /// Id of the organisation that the person works for.
    organisation_id: Option<ID>,
    /// Id of the contact area that the person serves on the board.
    contact_area_id: Option<ID>,
    /// Role of the person.
    role: ContactRole,
    /// Name.
    name: String,
    /// E-mail address.
    email: Option<EmailAddress>,
    /// Phone number.
    phone: Option<String>,
    /// First day in the role.
    valid_from: Option<Parsed<Date>>,
    /// Last day in the role.
    valid_to: Option<Parsed<Date>>,
    /// `true` if the person agreed to be named to everyone with a token, as lead or board contact
    /// of an activity.
    #[graphql(default)]
    name_published: bool,
}

/// Input of `contactUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct ContactUpdateInput {
    /// Id of the contact.
    contact_id: ID,
    /// New role.
    role: Option<ContactRole>,
    /// New name.
    name: Option<String>,
    /// New e-mail address; null removes it.
    email: MaybeUndefined<EmailAddress>,
    /// New phone number; null removes it.
    phone: MaybeUndefined<String>,
    /// First day in the role; null: not known.
    valid_from: MaybeUndefined<Parsed<Date>>,
    /// Last day in the role; null: the person still has it.
    valid_to: MaybeUndefined<Parsed<Date>>,
    /// `true` if the person agreed to be named to everyone with a token; `false` withdraws it.
    name_published: Option<bool>,
}

/// Input of `contactErase`.
#[derive(InputObject)]
pub struct ContactEraseInput {
    /// Id of the contact.
    contact_id: ID,
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
}

async fn export(ctx: &Context<'_>, contact: &ID) -> Result<Json> {
    let mut errors = ValidationErrors::default();
    let id = row_id(contact, "contact_id", &mut errors);
    errors.finish()?;
    Ok(Json(subject_access::export(caller(ctx), id).await?))
}

/// Payload of `contactAdd`.
#[derive(SimpleObject)]
pub struct ContactAddPayload {
    /// The contact.
    contact: Contact,
}

/// Payload of `contactUpdate`.
#[derive(SimpleObject)]
pub struct ContactUpdatePayload {
    /// The contact.
    contact: Contact,
}

/// Payload of `contactErase`.
#[derive(SimpleObject)]
pub struct ContactErasePayload {
    /// The contact without personal data.
    contact: Contact,
}

/// Mutations of contacts.
#[derive(Default)]
pub struct ContactMutation;

#[Object]
impl ContactMutation {
    /// Adds a contact.
    ///
    /// Requires the role OFFICE.
    async fn contact_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact to add.")] input: Box<ContactAddInput>,
    ) -> Option<Result<ContactAddPayload>> {
        let mut errors = ValidationErrors::default();
        let new = contacts::NewContact {
            member: input.member_id.map(|id| row_id(&id, "member_id", &mut errors)),
            organisation: input
                .organisation_id
                .map(|id| row_id(&id, "organisation_id", &mut errors)),
            contact_area: input
                .contact_area_id
                .map(|id| row_id(&id, "contact_area_id", &mut errors)),
            role: input.role.into(),
            name: input.name,
            email: input.email.map(|email| email.0),
            phone: input.phone,
            valid_from: day(take(input.valid_from, "valid_from", &mut errors)),
            valid_to: day(take(input.valid_to, "valid_to", &mut errors)),
            name_published: input.name_published,
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(contacts::add(mutation.context(), new, errors), async |id| {
                    Ok(ContactAddPayload { contact: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes a contact. CONFLICT with reason ERASED when the contact was erased.
    ///
    /// Requires the role OFFICE.
    async fn contact_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<ContactUpdateInput>,
    ) -> Option<Result<ContactUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.contact_id, "contact_id", &mut errors);
        let changes = contacts::ContactChanges {
            role: input.role.map(Into::into),
            name: input.name,
            email: plain_change(input.email).map(|email| email.map(|email| email.0)),
            phone: plain_change(input.phone),
            valid_from: change(input.valid_from, "valid_from", &mut errors).map(day),
            valid_to: change(input.valid_to, "valid_to", &mut errors).map(day),
            name_published: input.name_published,
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(contacts::update(mutation.context(), id, changes, errors), async |()| {
                    Ok(ContactUpdatePayload { contact: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Erases a person (GDPR art. 17): a pseudonym replaces the name, e-mail and phone are deleted,
    /// and the audit trail no longer shows them. Issued documents retain their text (art. 17.3 b).
    ///
    /// Requires the role OFFICE.
    async fn contact_erase(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact to erase.")] input: Box<ContactEraseInput>,
    ) -> Option<Result<ContactErasePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.contact_id, "contact_id", &mut errors);
        if let Err(error) = errors.finish() {
            return Some(Err(errors::within_input(error)));
        }
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(contacts::erase(mutation.context(), id), async |()| {
                    Ok(ContactErasePayload { contact: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

fn day(date: Option<Date>) -> Option<NaiveDate> {
    date.map(|date| date.0)
}
