//! The closing of the books: the day through which nothing more is booked.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::BooksClosingId, partial::partial};

/// The closing of the books. There is one row, from the first closing on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "books_closing")]
pub struct Model {
    /// Identifier, the same in every register.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BooksClosingId,
    /// Last day on which nothing is booked any more; null: every day is open.
    pub closed_through: Option<NaiveDate>,
    /// Reason for the last reopening; null if the books were closed since.
    pub reason: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, closed_through: ClosedThrough, reason: Reason);
