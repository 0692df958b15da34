//! Contacts: persons at work with name, role, e-mail and phone; personal data.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ContactAreaId, ContactId, MemberId, OrganisationId},
    kind::ContactRole,
    partial::partial,
};

/// A contact: a person at work with name, role, e-mail and phone; personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContactId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// The member that it belongs to.
    pub member_id: Option<MemberId>,
    /// The organisation that it belongs to.
    pub organisation_id: Option<OrganisationId>,
    /// The contact area that it serves on the board.
    pub contact_area_id: Option<ContactAreaId>,
    /// Role of the person there.
    pub role: ContactRole,
    /// Name.
    pub name: String,
    /// Name folded for search and for Swedish order.
    pub name_key: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// First day in the role; null: not known.
    pub valid_from: Option<NaiveDate>,
    /// Last day in the role; null: still in it.
    pub valid_to: Option<NaiveDate>,
    /// Time at which the person was erased; the row then holds a pseudonym.
    pub erased_at: Option<DateTimeUtc>,
    /// Day on which the person agreed to be named to everyone with a token; null: has not.
    pub name_published_on: Option<NaiveDate>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, member_id: MemberId, organisation_id: OrganisationId, contact_area_id: ContactAreaId, role: Role, name: Name, name_key: NameKey, email: Email, phone: Phone, valid_from: ValidFrom, valid_to: ValidTo, erased_at: ErasedAt, name_published_on: NamePublishedOn);
