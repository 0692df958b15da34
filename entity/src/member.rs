//! Members (medlemmar): samordningsförbund that are, were or will be members.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ContactAreaId, MemberId},
    number::OrgNumber,
    partial::partial,
};

/// A member (medlem): a samordningsförbund that is, was or will be one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "member")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MemberId,
    /// The importer's own identifier; null if admitted through the API.
    pub import_key: Option<String>,
    /// Its current name.
    pub name: String,
    /// Its name folded for search and for Swedish order.
    pub name_key: String,
    /// Organisationsnummer; null if not known.
    pub org_number: Option<OrgNumber>,
    /// Län.
    pub county: Option<String>,
    /// Its contact area.
    pub contact_area_id: Option<ContactAreaId>,
    /// First day of membership.
    pub joined_on: NaiveDate,
    /// Last day of membership; null: still a member.
    pub left_on: Option<NaiveDate>,
    /// Reason for leaving.
    pub leaving_reason: Option<String>,
    /// The member that it was merged into.
    pub successor_id: Option<MemberId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, name: Name, name_key: NameKey, org_number: OrgNumber, county: County, contact_area_id: ContactAreaId, joined_on: JoinedOn, left_on: LeftOn, leaving_reason: LeavingReason, successor_id: SuccessorId);
