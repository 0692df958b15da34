//! Reference rates (referensränta) of half-years that users have added.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::ReferenceRateId, partial::partial};

/// A reference rate (referensränta) of a half-year that a user has added. The rates in the program
/// have no row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "reference_rate")]
pub struct Model {
    /// Identifier, derived from the half-year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReferenceRateId,
    /// First day of the half-year: 1 January or 1 July.
    pub valid_from: NaiveDate,
    /// Hundredths of a per cent.
    pub hundredths: i64,
    /// Publication of the rate.
    pub source: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, valid_from: ValidFrom, hundredths: Hundredths, source: Source);
