//! Billing details of members.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::MemberId, partial::partial};

/// The billing details of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "member_billing")]
pub struct Model {
    /// The member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: MemberId,
    /// E-mail address for invoices.
    pub email: Option<String>,
    /// Peppol participant, `0007:2220001834`.
    pub peppol_id: Option<String>,
    /// Er referens.
    pub buyer_reference: Option<String>,
    /// Street or box.
    pub address_line: Option<String>,
    /// Postnummer.
    pub postal_code: Option<String>,
    /// Postort.
    pub city: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(member_id: MemberId, email: Email, peppol_id: PeppolId, buyer_reference: BuyerReference, address_line: AddressLine, postal_code: PostalCode, city: City);
