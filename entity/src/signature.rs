//! Signatures of agreements.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AgreementId, SignatureId},
    kind::{SignatureMethod, SignatureParty},
    partial::partial,
};

/// A party's signature on an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_signature")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SignatureId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The party that signed.
    pub party: SignatureParty,
    /// Name of the signatory.
    pub name: String,
    /// Title of the signatory.
    pub title: Option<String>,
    /// Day of the signature.
    pub signed_on: NaiveDate,
    /// Method of the signature.
    pub method: SignatureMethod,
    /// SHA-256 of the document that was signed.
    pub document_sha256: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, agreement_id: AgreementId, party: Party, name: Name, title: Title, signed_on: SignedOn, method: Method, document_sha256: DocumentSha256);
