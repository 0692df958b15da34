//! Yearly allocations (tilldelning) of members.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{AllocationId, MemberId},
    kind::AllocationBasis,
    money::Money,
    partial::partial,
};

/// A member's yearly allocation (tilldelning).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "allocation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AllocationId,
    /// The member.
    pub member_id: MemberId,
    /// Calendar year.
    pub year: i32,
    /// Parties whose money it includes.
    pub basis: AllocationBasis,
    /// Öre, 0 or more.
    pub amount: Money,
    /// Source of the figure.
    pub source: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, member_id: MemberId, year: Year, basis: Basis, amount: Amount, source: Source);
