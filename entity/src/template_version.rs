//! Versions of templates. A published version never changes.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{TemplateId, TemplateVersionId},
    kind::TemplateState,
    partial::partial,
};

/// A version of a template. A published version never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_template_version")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TemplateVersionId,
    /// The template.
    pub template_id: TemplateId,
    /// 1, 2, 3 …
    pub version: i32,
    /// State of the version.
    pub state: TemplateState,
    /// BCP 47 tag, as `sv`.
    pub language: String,
    /// Time of publication.
    pub published_at: Option<DateTimeUtc>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, template_id: TemplateId, version: Version, state: State, language: Language, published_at: PublishedAt);
