//! Log of who read contacts, by day. It is stored for as long as the settings say, and is not part
//! of the audit trail's chain.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ContactId, ContactReadId},
    partial::partial,
};

/// A user's reads of a contact on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "contact_read")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContactReadId,
    /// Reader: the token's subject.
    pub reader: String,
    /// The contact whose name, e-mail or phone was read.
    pub contact_id: ContactId,
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

partial!(id: Id, reader: Reader, contact_id: ContactId, day: Day, first_at: FirstAt, last_at: LastAt, times: Times);
