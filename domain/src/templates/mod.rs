//! Templates (avtalsmallar): the library that agreements are made from, its versions and their
//! texts.

pub mod facts;
pub mod filters;
pub mod language;
pub mod layout;
pub mod library;
pub mod parameters;
pub mod placeholders;
pub mod preview;
pub mod rendering;
pub mod versions;

use std::collections::HashMap;

use ::entity::{
    id::{TemplateId, TemplateVersionId},
    kind::{AgreementKind, TemplateState},
    template::{Column, Entity, Model},
    template_text, template_version,
};
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use crate::{
    activities,
    auth::viewer::{Resource, Viewer},
    database::{Database, among, rows},
    error::{Error, Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    search::{self, Noun},
};

/// Which templates; every part narrows the others.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// For agreements of this kind.
    pub kind: Option<AgreementKind>,
    /// Made for the activity with this slug.
    pub activity: Option<String>,
    /// With all of these words, or their beginnings, in its title, its slug and its activity's
    /// name: see [`search`].
    pub search: Option<String>,
}

/// What a template asks for when an agreement is made from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the text.
    pub name: String,
    /// What people are asked.
    pub label: String,
    /// What is answered.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Whether an agreement needs it.
    pub required: bool,
    /// What stands there when nobody answers; null: nothing.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// The least value, for whole numbers and kronor; null: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<serde_json::Value>,
    /// The greatest value, for whole numbers and kronor; null: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<serde_json::Value>,
}

/// What a parameter of a template holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ParameterType {
    /// Text.
    Text,
    /// A day.
    Date,
    /// Kronor.
    Money,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
}

/// The parameters that a version declares, as its text's row holds them.
///
/// # Errors
/// INTERNAL when what is stored is no list of parameters.
pub fn parameters(stored: &str) -> Result<Vec<Parameter>> {
    serde_json::from_str(stored).map_err(Error::internal)
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

fn version_column(column: template_version::Column) -> SimpleExpr {
    Expr::col((template_version::Entity, column))
}

/// The order of templates: by title, in Swedish order.
#[must_use]
pub fn by_title() -> Order {
    Order {
        name: "TITLE",
        key: column(Column::TitleKey),
        key_type: KeyType::Text,
        id: column(Column::Id),
        descending: false,
    }
}

/// The versions that the viewer sees: those that were published, or all.
pub(crate) fn visible_version(viewer: &Viewer) -> Condition {
    if viewer.visibility(Resource::Templates).all {
        return Condition::all();
    }
    Condition::all().add(version_column(template_version::Column::State).ne(TemplateState::Draft))
}

/// The templates that the viewer sees: those with a version that was published, or all.
pub(crate) fn visible(viewer: &Viewer) -> Condition {
    if viewer.visibility(Resource::Templates).all {
        return Condition::all();
    }
    let seen = Query::select()
        .expr(Expr::cust("1"))
        .from(template_version::Entity)
        .and_where(version_column(template_version::Column::TemplateId).eq(column(Column::Id)))
        .cond_where(visible_version(viewer))
        .take();
    Condition::all().add(Expr::exists(seen))
}

fn select(viewer: &Viewer) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(viewer)).take()
}

fn matching(db: &Database, viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = select(viewer);
    if let Some(kind) = filter.kind {
        select.and_where(Column::Kind.eq(kind));
    }
    if let Some(slug) = &filter.activity {
        let slugs = std::slice::from_ref(slug);
        select.and_where(
            column(Column::ActivityId).in_subquery(activities::with_slugs(db.backend(), slugs)),
        );
    }
    if let Some(text) = &filter.search {
        select.and_where(search::found(db.backend(), Noun::Template, column(Column::Id), text));
    }
    select
}

/// A page of the templates that the viewer sees and the filter lets through, in order of title.
/// `errors` are those that reading the arguments has found; the page's own come to them.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    let order = by_title();
    page::select_rows(db.read(), matching(db, viewer, filter), columns, &order, args, errors).await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(db, viewer, filter)).await
}

/// Those of these templates that the viewer sees, in no order.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &Database,
    viewer: &Viewer,
    ids: &[TemplateId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(db.read(), &select, columns).await
}

/// The template with this slug, if the viewer sees it.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_slug(
    db: &Database,
    viewer: &Viewer,
    slug: &str,
    columns: &[Column],
) -> Result<Option<Model>> {
    let mut select = select(viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(Column::Slug.eq(slug));
    Ok(rows(db.read(), &select, columns).await?.pop())
}

fn select_versions(viewer: &Viewer, columns: &[template_version::Column]) -> SelectStatement {
    Query::select()
        .from(template_version::Entity)
        .columns(columns.iter().map(|column| (template_version::Entity, *column)))
        .cond_where(visible_version(viewer))
        .take()
}

/// Those of these versions that the viewer sees, in no order.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn versions_by_ids(
    db: &Database,
    viewer: &Viewer,
    ids: &[TemplateVersionId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    let mut select = select_versions(viewer, columns);
    select.and_where(among(
        db.backend(),
        version_column(template_version::Column::Id),
        ids.iter().copied(),
    ));
    rows(db.read(), &select, columns).await
}

/// The versions of each of these templates that the viewer sees, the first one first.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn versions_of(
    db: &Database,
    viewer: &Viewer,
    templates: &[TemplateId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    let mut select = select_versions(viewer, columns);
    select
        .and_where(among(
            db.backend(),
            version_column(template_version::Column::TemplateId),
            templates.iter().copied(),
        ))
        .order_by_expr(version_column(template_version::Column::Version), sea_orm::Order::Asc);
    rows(db.read(), &select, columns).await
}

/// The newest version of each of these templates that is published and not retired: the one that
/// new agreements get.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn current_of(
    db: &Database,
    viewer: &Viewer,
    templates: &[TemplateId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    let newest = Query::select()
        .expr(version_column(template_version::Column::TemplateId))
        .expr(version_column(template_version::Column::Version).max())
        .from(template_version::Entity)
        .and_where(among(
            db.backend(),
            version_column(template_version::Column::TemplateId),
            templates.iter().copied(),
        ))
        .and_where(template_version::Column::State.eq(TemplateState::Published))
        .add_group_by([version_column(template_version::Column::TemplateId)])
        .take();
    let position = [
        version_column(template_version::Column::TemplateId),
        version_column(template_version::Column::Version),
    ];
    let mut select = select_versions(viewer, columns);
    select.and_where(Expr::tuple(position).in_subquery(newest));
    rows(db.read(), &select, columns).await
}

/// The texts of these versions, which the viewer must be known to see.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn texts_of(
    db: &Database,
    versions: &[TemplateVersionId],
    columns: &[template_text::Column],
) -> Result<HashMap<TemplateVersionId, template_text::Model>> {
    let column = |column| Expr::col((template_text::Entity, column));
    let select = Query::select()
        .from(template_text::Entity)
        .columns(columns.iter().map(|column| (template_text::Entity, *column)))
        .and_where(among(
            db.backend(),
            column(template_text::Column::VersionId),
            versions.iter().copied(),
        ))
        .take();
    let found: Vec<template_text::Model> = rows(db.read(), &select, columns).await?;
    Ok(found.into_iter().map(|row| (row.version_id, row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_read_as_they_are_imported() {
        let stored = r#"[{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true, "default": 14 },
                         { "name": "note", "label": "Not", "type": "TEXT", "required": false }]"#;
        let read = parameters(stored).unwrap();
        assert_eq!(
            (read[0].kind, read[0].default.clone()),
            (ParameterType::Integer, Some(14.into()))
        );
        assert_eq!((read[1].required, read[1].default.clone()), (false, None));
        assert!(
            parameters(r#"[{ "name": "x", "label": "X", "type": "COLOUR", "required": true }]"#)
                .is_err()
        );
        assert!(parameters("{}").is_err());
    }
}
