//! Uniformity: which agreements in force are not what the template library would make today, why, and what the texts differ in.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ::entity::{
    agreement::{Column, Model},
    id::{AgreementId, TemplateVersionId},
    kind::TemplateState,
    template_text, template_version,
};
use sea_orm::{
    DbBackend, ExprTrait,
    sea_query::{Expr, SelectStatement, SimpleExpr},
};
use serde_json::{Map, Value};
use similar::TextDiff;

use super::{Filter, contents, matching, order};
use crate::{
    auth::viewer::Viewer,
    database::Database,
    error::{Error, Faults, Result},
    page::{self, Slice},
    templates::{self, Parameter},
    terms,
};

/// Why an agreement is not what the library would make today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was made from no template.
    NoTemplate,
    /// Its template has a newer published version.
    OldVersion,
    /// Its template has no published version any more.
    NoCurrentVersion,
    /// Its parameters are not those that the current version takes.
    Parameters,
}

/// What an agreement is, beside what it would be today.
#[derive(Clone, Debug, Default)]
pub struct Deviation {
    /// Why it is on the list, in the order of the reasons.
    pub reasons: Vec<Reason>,
    /// The version that it was made from; null: none.
    pub version: Option<template_version::Model>,
    /// The version that it would be made from; null: none.
    pub current: Option<template_version::Model>,
    /// Names of parameters that the current version needs and it lacks, in the order of the form.
    pub missing: Vec<String>,
    /// Names of parameters that it has and the current version does not take, in order.
    pub unknown: Vec<String>,
}

/// The agreement was made from the current version of its template, with the parameters that this takes: the second telling of [`reasons`].
fn is_uniform(backend: DbBackend) -> SimpleExpr {
    let published = TemplateState::Published;
    let given = "COALESCE((SELECT \"parameters\" FROM \"agreement_parameters\" WHERE \"agreement_id\" = \"agreement\".\"id\"), '{}')";
    let (unknown, missing) = if backend == DbBackend::Postgres {
        (
            format!(
                "SELECT 1 FROM jsonb_object_keys({given}::jsonb) AS g (key) \
                 WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) WHERE d.value ->> 'name' = g.key)"
            ),
            format!(
                "SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) \
                 WHERE (d.value ->> 'required')::boolean AND d.value ->> 'default' IS NULL AND {given}::jsonb ->> (d.value ->> 'name') IS NULL"
            ),
        )
    } else {
        (
            format!(
                "SELECT 1 FROM json_each({given}) AS g \
                 WHERE NOT EXISTS (SELECT 1 FROM json_each(t.parameters) AS d WHERE d.value ->> '$.name' = g.key)"
            ),
            format!(
                "SELECT 1 FROM json_each(t.parameters) AS d WHERE d.value ->> '$.required' AND d.value ->> '$.default' IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM json_each({given}) AS g WHERE g.key = d.value ->> '$.name' AND g.type <> 'null')"
            ),
        )
    };
    Expr::cust(format!(
        "EXISTS (SELECT 1 FROM \"agreement_template_version\" AS v JOIN \"agreement_template_text\" AS t ON t.version_id = v.id \
         WHERE v.id = \"agreement\".\"template_version_id\" AND v.state = '{published}' \
         AND NOT EXISTS (SELECT 1 FROM \"agreement_template_version\" AS n \
         WHERE n.template_id = v.template_id AND n.state = '{published}' AND n.version > v.version) \
         AND NOT EXISTS ({unknown}) AND NOT EXISTS ({missing}))"
    ))
}

fn deviating(db: &Database, viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = matching(db, viewer, filter);
    let on = filter.as_of.unwrap_or_else(|| db.clock.today());
    select.cond_where(terms::in_force(on)).and_where(is_uniform(db.backend()).not());
    select
}

/// A page of the agreements that the viewer sees, that are in force on the filter's day and are not what the library would make today; by
/// number. `faults` are those that reading the arguments has found. `columns` must have the id and the template version.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
    mut faults: Faults,
) -> Result<Slice<Model>> {
    let order = order(db, super::Field::Number, false);
    let page = page::Page::check(args, &order, &mut faults);
    faults.finish()?;
    page::fetch(db.read(), deviating(db, viewer, filter), columns, &order, &page).await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), deviating(db, viewer, filter)).await
}

/// What each of these agreements, which the viewer must be known to see, has and would have; by four statements whatever their number.
/// `columns` are those of the versions and must have the id, the template and the version's number.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn deviations_of(
    db: &Database,
    viewer: &Viewer,
    agreements: &[(AgreementId, Option<TemplateVersionId>)],
    columns: &[template_version::Column],
) -> Result<HashMap<AgreementId, Deviation>> {
    let ids: Vec<_> = agreements.iter().filter_map(|(_, version)| *version).collect();
    let versions = templates::versions_by_ids(db, viewer, &ids, columns).await?;
    let of_templates: Vec<_> = versions.iter().map(|version| version.template_id).collect();
    let currents = templates::current_of(db, viewer, &of_templates, columns).await?;
    let ids: Vec<_> = currents.iter().map(|version| version.id).collect();
    let texts = templates::texts_of(db, &ids, &[template_text::Column::VersionId, template_text::Column::Parameters]).await?;
    let ids: Vec<_> = agreements.iter().map(|(id, _)| *id).collect();
    let given = contents::parameters_of(db.read(), &ids).await?;

    let versions: HashMap<_, _> = versions.into_iter().map(|version| (version.id, version)).collect();
    let currents: HashMap<_, _> = currents.into_iter().map(|version| (version.template_id, version)).collect();
    let declared: HashMap<_, _> =
        texts.into_iter().map(|(id, text)| Ok((id, templates::parameters(&text.parameters)?))).collect::<Result<_>>()?;
    let deviation = |(id, version): &(AgreementId, Option<TemplateVersionId>)| {
        let version = version.and_then(|version| versions.get(&version)).cloned();
        let current = version.as_ref().and_then(|version| currents.get(&version.template_id)).cloned();
        let given: Map<String, Value> =
            given.get(id).map(|stored| serde_json::from_str(stored)).transpose().map_err(Error::internal)?.unwrap_or_default();
        let declared = current.as_ref().and_then(|current| declared.get(&current.id));
        let (missing, unknown) = declared.map(|declared| differences(declared, &given)).unwrap_or_default();
        let mut found = Deviation { version, current, missing, unknown, reasons: Vec::new() };
        found.reasons = reasons(&found);
        Ok((*id, found))
    };
    agreements.iter().map(deviation).collect()
}

/// The parameters that are missing and those that are unknown.
fn differences(declared: &[Parameter], given: &Map<String, Value>) -> (Vec<String>, Vec<String>) {
    let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
    let is_missing = |parameter: &&Parameter| {
        let has_default = parameter.default.as_ref().is_some_and(|value| !value.is_null());
        parameter.required && !has_default && !is_given(&parameter.name)
    };
    let missing = declared.iter().filter(is_missing).map(|parameter| parameter.name.clone());
    let unknown = given.keys().filter(|name| declared.iter().all(|parameter| parameter.name != **name)).cloned();
    (missing.collect(), unknown.collect())
}

fn reasons(found: &Deviation) -> Vec<Reason> {
    let parameters = !found.missing.is_empty() || !found.unknown.is_empty();
    let of_version = match (&found.version, &found.current) {
        (None, _) => Some(Reason::NoTemplate),
        (Some(_), None) => Some(Reason::NoCurrentVersion),
        (Some(version), Some(current)) => (version.id != current.id).then_some(Reason::OldVersion),
    };
    of_version.into_iter().chain(parameters.then_some(Reason::Parameters)).collect()
}

/// How long two texts are compared line by line before larger pieces will do.
const PATIENCE: Duration = Duration::from_millis(200);

/// Two versions of a template and what their texts differ in, in the unified format.
pub type Diffs = BTreeMap<(TemplateVersionId, TemplateVersionId), String>;

/// What the texts of each of these pairs of versions, which the viewer must be known to see, differ in, by one statement.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn diffs(db: &Database, pairs: &[(&template_version::Model, &template_version::Model)]) -> Result<Diffs> {
    let pairs: BTreeMap<_, _> = pairs.iter().map(|(old, new)| ((old.id, new.id), (old.version, new.version))).collect();
    let ids: Vec<_> = pairs.keys().flat_map(|(old, new)| [*old, *new]).collect();
    let texts = templates::texts_of(db, &ids, &[template_text::Column::VersionId, template_text::Column::Body]).await?;
    let diff = |((old, new), (from, to)): (&(TemplateVersionId, TemplateVersionId), &(i32, i32))| {
        let [old_body, new_body] = [old, new].map(|id| texts.get(id).map(|text| text.body.as_str()).unwrap_or_default());
        let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old_body, new_body);
        let text = diff.unified_diff().header(&format!("version {from}"), &format!("version {to}")).to_string();
        ((*old, *new), text)
    };
    Ok(pairs.iter().map(diff).collect())
}
