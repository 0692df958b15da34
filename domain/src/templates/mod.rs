//! Templates (avtalsmallar): the library from which agreements are made, with its versions and
//! texts.

pub mod analysis;
pub mod create;
pub mod datum;
pub mod draft_version;
pub mod facts;
pub mod filters;
pub mod language;
pub mod layout;
pub mod library;
pub mod load;
pub mod parameters;
pub mod placeholders;
pub mod preview;
pub mod preview_loading;
pub mod publish_version;
pub mod rendering;
pub mod retire_version;
pub mod typeset;
mod version_rows;
pub mod version_text;
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
    sea_query::{Expr, Query, SelectStatement},
};
use serde::{Deserialize, Serialize};

use crate::{
    activities,
    activity_slugs::ListFilter,
    auth::viewer::Resource,
    context::Context,
    database::{among, among_words},
    error::{Error, Result},
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// Filter of templates; a template must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds of agreement, one of which it makes; empty: any.
    pub kinds: Vec<AgreementKind>,
    /// Slugs of activities, one of which it is made for; empty: any.
    pub activities: Vec<String>,
    /// Words, or beginnings of words, that must all occur in the title, the slug and the name of
    /// the activity: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// A parameter: a value that a user enters when making an agreement from a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name in the text.
    pub name: String,
    /// Label shown to users.
    pub label: String,
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// `true` if an agreement needs a value.
    pub required: bool,
    /// Default value; null: none.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// Minimum, for whole numbers and amounts; null: no minimum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<serde_json::Value>,
    /// Maximum, for whole numbers and amounts; null: no maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<serde_json::Value>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ParameterType {
    /// Text.
    Text,
    /// A day.
    Date,
    /// An amount in kronor.
    Money,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
}

/// Parses the declared parameters of a version, in the stored form.
///
/// # Errors
/// INTERNAL when the stored text is not a list of parameters.
pub fn parameters(stored: &str) -> Result<Vec<Parameter>> {
    serde_json::from_str(stored).map_err(Error::internal)
}

/// A field that templates can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Title, in Swedish order.
    Title,
    /// Slug.
    Slug,
}

/// Returns an order of templates.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key) = match field {
        Field::Title => ("TITLE", Column::TitleKey),
        Field::Slug => ("SLUG", Column::Slug),
    };
    Order { name, key: column(key), key_type: KeyType::Text, id: column(Column::Id), descending }
}

/// Selects the versions that the viewer can read: all, or only those that were published.
pub(crate) fn visible_version(ctx: Context<'_>) -> Condition {
    if ctx.viewer.visibility(Resource::Templates).all {
        return Condition::all();
    }
    Condition::all().add(column(template_version::Column::State).ne(TemplateState::Draft))
}

/// Selects the templates that the viewer can read: all, or only those with a version that was
/// published.
pub(crate) fn visible(ctx: Context<'_>) -> Condition {
    if ctx.viewer.visibility(Resource::Templates).all {
        return Condition::all();
    }
    let seen = Query::select()
        .expr(Expr::cust("1"))
        .from(template_version::Entity)
        .and_where(column(template_version::Column::TemplateId).eq(column(Column::Id)))
        .cond_where(visible_version(ctx))
        .take();
    Condition::all().add(Expr::exists(seen))
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx);
    if !filter.kinds.is_empty() {
        let kinds = filter.kinds.iter().map(|kind| kind.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Kind), kinds));
    }
    if !filter.activities.is_empty() {
        let theirs = activities::with_slugs(ctx.db.backend(), &filter.activities);
        select.and_where(column(Column::ActivityId).in_subquery(theirs));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Template,
        column(Column::Id),
        text,
    ));
    select
}

/// Returns a page of the templates that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the templates that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns those of these templates that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[TemplateId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

/// Returns the template with this slug, if the viewer can read it.
pub async fn by_slug(ctx: Context<'_>, slug: &str, columns: &[Column]) -> Result<Option<Model>> {
    query::row(ctx.db, select(ctx), Column::Slug.eq(slug), columns).await
}

fn select_versions(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(template_version::Entity).cond_where(visible_version(ctx)).take()
}

/// Returns those of these versions that the viewer can read, in no particular order.
pub async fn versions_by_ids(
    ctx: Context<'_>,
    ids: &[TemplateVersionId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    let (select, key) = (select_versions(ctx), template_version::Column::Id);
    query::rows_among(ctx.db, select, key, ids, &[], columns).await
}

/// Returns the versions of these templates that the viewer can read, in ascending order.
pub async fn versions_of(
    ctx: Context<'_>,
    templates: &[TemplateId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    use template_version::Column as C;
    let select = select_versions(ctx);
    query::rows_among(ctx.db, select, C::TemplateId, templates, &[C::Version], columns).await
}

/// Returns the newest version of each of these templates that is published and not retired. New
/// agreements use that version.
pub async fn current_of(
    ctx: Context<'_>,
    templates: &[TemplateId],
    columns: &[template_version::Column],
) -> Result<Vec<template_version::Model>> {
    let newest = Query::select()
        .expr(column(template_version::Column::TemplateId))
        .expr(column(template_version::Column::Version).max())
        .from(template_version::Entity)
        .and_where(among(
            ctx.db.backend(),
            column(template_version::Column::TemplateId),
            templates.iter().copied(),
        ))
        .and_where(template_version::Column::State.eq(TemplateState::Published))
        .add_group_by([column(template_version::Column::TemplateId)])
        .take();
    let position =
        [column(template_version::Column::TemplateId), column(template_version::Column::Version)];
    let mut select = select_versions(ctx);
    select.and_where(Expr::tuple(position).in_subquery(newest));
    query::rows(ctx.db.read(), select, columns).await
}

/// Returns the texts of these versions. The caller has checked that the viewer can read them.
pub async fn texts_of(
    ctx: Context<'_>,
    versions: &[TemplateVersionId],
    columns: &[template_text::Column],
) -> Result<HashMap<TemplateVersionId, template_text::Model>> {
    let select = Query::select().from(template_text::Entity).take();
    let key = template_text::Column::VersionId;
    let found: Vec<template_text::Model> =
        query::rows_among(ctx.db, select, key, versions, &[], columns).await?;
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
