//! GraphQL mutations of contacts.

use ::entity::id::ContactId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use chrono::NaiveDate;

use super::{
    payloads::{ContactAddPayload, ContactErasePayload, ContactUpdatePayload},
    types::{Contact, ContactRole, node},
};
use crate::graphql::{
    errors,
    mutation::mutation,
    scalars::{Date, EmailAddress, Parsed, change, plain_change, row_id, take},
};
use domain::{
    contacts::{add, changes::ContactChanges, erase, update},
    error::{Error, Result, ValidationErrors},
};

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
        let new = add::NewContact {
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
                .perform(add::add(mutation.context(), new, errors), async |id| {
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
        let changes = ContactChanges {
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
                .perform(update::update(mutation.context(), id, changes, errors), async |()| {
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
                .perform(erase::erase(mutation.context(), id), async |()| {
                    Ok(ContactErasePayload { contact: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

async fn changed(ctx: &Context<'_>, id: ContactId) -> Result<Contact> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such contact".into()))
}

fn day(date: Option<Date>) -> Option<NaiveDate> {
    date.map(|date| date.0)
}
