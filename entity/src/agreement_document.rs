//! Documents of agreements, frozen when they were offered.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::AgreementId, partial::partial};

/// The document of an agreement, frozen when it was offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_document")]
pub struct Model {
    /// The agreement.
    #[sea_orm(primary_key, auto_increment = false)]
    pub agreement_id: AgreementId,
    /// SHA-256 of the PDF's bytes, in hexadecimal.
    pub sha256: String,
    /// The document as HTML.
    pub html: String,
    /// The PDF's bytes.
    pub pdf: Option<Vec<u8>>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(agreement_id: AgreementId, sha256: Sha256, html: Html, pdf: Pdf);
