//! Values of the template parameters of agreements.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::AgreementId, partial::partial};

/// The values of the template parameters of an agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_parameters")]
pub struct Model {
    /// The agreement.
    #[sea_orm(primary_key, auto_increment = false)]
    pub agreement_id: AgreementId,
    /// A JSON object.
    pub parameters: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(agreement_id: AgreementId, parameters: Parameters);
