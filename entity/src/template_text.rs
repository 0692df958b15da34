//! Texts of template versions, in a separate table so that lists do not load them.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::TemplateVersionId, partial::partial};

/// The text of a template version, in a separate table so that lists do not load it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_template_text")]
pub struct Model {
    /// The version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version_id: TemplateVersionId,
    /// Markdown with placeholders.
    pub body: String,
    /// The declared parameters: a JSON list of name, label, type, required, default.
    pub parameters: String,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(version_id: VersionId, body: Body, parameters: Parameters);
