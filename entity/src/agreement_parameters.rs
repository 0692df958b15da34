//! What an agreement's text was filled in with.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::AgreementId, partial::partial};

/// What an agreement's text was filled in with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_parameters")]
pub struct Model {
    /// The agreement.
    #[sea_orm(primary_key, auto_increment = false)]
    pub agreement_id: AgreementId,
    /// A JSON object.
    pub parameters: String,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(agreement_id: AgreementId, parameters: Parameters);
