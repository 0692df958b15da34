//! Counterparties that are no members: authorities, companies, universities, consultants.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::OrganisationId, number::OrgNumber, partial::partial};

/// A counterparty that is no member: authority, company, university, consultant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "organisation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrganisationId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// Its name.
    pub name: String,
    /// Its name folded for search and for Swedish order.
    pub name_key: String,
    /// Organisationsnummer; null if not known.
    pub org_number: Option<OrgNumber>,
    /// E-mail address for invoices.
    pub billing_email: Option<String>,
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

partial!(id: Id, import_key: ImportKey, name: Name, name_key: NameKey, org_number: OrgNumber, billing_email: BillingEmail, peppol_id: PeppolId, buyer_reference: BuyerReference, address_line: AddressLine, postal_code: PostalCode, city: City);
