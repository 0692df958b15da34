//! The template library (mallbibliotek).

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, TemplateId},
    kind::AgreementKind,
    partial::partial,
};

/// A template of the template library (mallbibliotek).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement_template")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TemplateId,
    /// Short name, unique.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Title folded for search and for Swedish order.
    pub title_key: String,
    /// Kind of agreement that it is for.
    pub kind: AgreementKind,
    /// The activity that it is for; null: any.
    pub activity_id: Option<ActivityId>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, slug: Slug, title: Title, title_key: TitleKey, kind: Kind, activity_id: ActivityId);
