//! A party's signature under an agreement.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AgreementId, SignatureId},
    kind::{SignatureMethod, SignatureParty},
    partial::partial,
};

/// A party's signature under an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_signature")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SignatureId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Which side.
    pub party: SignatureParty,
    /// Who signed.
    pub name: String,
    /// As what.
    pub title: Option<String>,
    /// When.
    pub signed_on: NaiveDate,
    /// How.
    pub method: SignatureMethod,
    /// The document that was signed.
    pub document_sha256: String,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, agreement_id: AgreementId, party: Party, name: Name, title: Title, signed_on: SignedOn, method: Method, document_sha256: DocumentSha256);
