//! Rows of the list of documents. It has no table of its own: a statement unites the tables of the
//! documents under this name.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;

use crate::partial::partial;

/// A document that exists as a PDF.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "listed_document")]
pub struct Model {
    /// Identifier of its subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Type of its subject, as the word in global ids.
    pub node_type: String,
    /// Day of its creation.
    pub created_on: NaiveDate,
    /// Name of its kind in Swedish.
    pub label: String,
    /// Number of its subject, or of the invoice of a reminder.
    pub number: String,
    /// SHA-256 of the PDF's bytes, in hexadecimal; null: the PDF is not stored.
    pub sha256: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, node_type: NodeType, created_on: CreatedOn, label: Label, number: Number, sha256: Sha256);
