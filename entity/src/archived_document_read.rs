//! Log of who opened files of archived documents, by day. It is stored for as long as the settings
//! say, and is not part of the audit trail's chain.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;

use crate::{
    id::{ArchivedDocumentId, ArchivedDocumentReadId},
    partial::partial,
};

/// A user's reads of an archived document on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "archived_document_read")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ArchivedDocumentReadId,
    /// Reader: the token's subject.
    pub reader: String,
    /// The document whose file was opened.
    pub document_id: ArchivedDocumentId,
    /// The day in Sweden.
    pub day: NaiveDate,
    /// Time of the first read that day.
    pub first_at: DateTimeUtc,
    /// Time of the last read that day.
    pub last_at: DateTimeUtc,
    /// Number of reads that day.
    pub times: i64,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, reader: Reader, document_id: DocumentId, day: Day, first_at: FirstAt, last_at: LastAt, times: Times);
