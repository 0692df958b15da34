//! That somebody read a contact on a day; kept for as long as the settings say, and no part of the
//! audit trail's chain.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ContactId, ContactReadId},
    partial::partial,
};

/// That somebody read a contact on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "contact_read")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContactReadId,
    /// Who: the token's subject.
    pub reader: String,
    /// Whose name, e-mail or phone was read.
    pub contact_id: ContactId,
    /// The day in Sweden.
    pub day: NaiveDate,
    /// The first time that day.
    pub first_at: DateTimeUtc,
    /// The last time that day.
    pub last_at: DateTimeUtc,
    /// How many times that day.
    pub times: i64,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, reader: Reader, contact_id: ContactId, day: Day, first_at: FirstAt, last_at: LastAt, times: Times);
