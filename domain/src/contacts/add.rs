//! Adds contacts.

use ::entity::{
    contact::Model,
    contact_area,
    id::{ContactAreaId, ContactId, MemberId, OrganisationId},
    kind::ContactRole,
    member, organisation,
};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::details::check;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
};

/// Input for adding a contact. It belongs to at most one of a member, an organisation and a contact
/// area.
#[derive(Clone, Debug, Default)]
pub struct NewContact {
    /// The member that the contact works for.
    pub member: Option<MemberId>,
    /// The organisation that the contact works for.
    pub organisation: Option<OrganisationId>,
    /// The contact area that the contact represents on the board.
    pub contact_area: Option<ContactAreaId>,
    /// Role of the contact.
    pub role: ContactRole,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// First day in the role.
    pub valid_from: Option<NaiveDate>,
    /// Last day in the role.
    pub valid_to: Option<NaiveDate>,
    /// `true` if the person agreed to be named to everyone with a token.
    pub name_published: bool,
}

/// Adds a contact.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND for its member, organisation or
/// contact area, INVALID naming every bad field.
pub async fn add(
    ctx: Context<'_>,
    new: NewContact,
    mut errors: ValidationErrors,
) -> Result<ContactId> {
    ctx.require(Permission::ManageRegister)?;
    let owners = [new.member.is_some(), new.organisation.is_some(), new.contact_area.is_some()]
        .into_iter()
        .filter(|is_named| *is_named)
        .count();
    errors.expect(
        owners <= 1,
        "",
        FieldErrorCode::NotAllowed
            .problem("must name at most one of member, organisation and contact area"),
    );
    let mut row = Model {
        id: ContactId::new(),
        member_id: new.member,
        organisation_id: new.organisation,
        contact_area_id: new.contact_area,
        role: new.role,
        name: new.name,
        email: new.email,
        phone: new.phone,
        valid_from: new.valid_from,
        valid_to: new.valid_to,
        name_published_on: new.name_published.then(|| ctx.clock.today()),
        ..Model::default()
    };
    check(&mut row, None, &mut errors);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::ContactAdd).await?;
    let (path, owner_exists) = match (row.member_id, row.organisation_id, row.contact_area_id) {
        (Some(id), ..) => {
            ("member_id", member::Entity::find_by_id(id).one(change.tx()).await?.is_some())
        }
        (_, Some(id), _) => {
            let found = organisation::Entity::find_by_id(id).one(change.tx()).await?;
            ("organisation_id", found.is_some())
        }
        (.., Some(id)) => {
            let found = contact_area::Entity::find_by_id(id).one(change.tx()).await?;
            ("contact_area_id", found.is_some())
        }
        _ => ("", true),
    };
    if !owner_exists {
        return Err(Error::missing(
            path,
            "the member, organisation or contact area of the contact does not exist",
        ));
    }
    audit::insert(&change, row.clone()).await?;
    change.record(None, Some(&row))?;
    change.commit_with(row.id).await?;
    Ok(row.id)
}
