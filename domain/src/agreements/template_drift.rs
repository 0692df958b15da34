//! Uniformity: which agreements in force are not what the template library would make today, why,
//! and what the texts differ in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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

use super::{Filter, documents, matching, order};
use crate::{
    auth::viewer::Viewer,
    database::Database,
    error::{Error, Result, ValidationErrors},
    page::{self, Slice},
    templates::{self, Parameter},
    term_sql, worker_pool,
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
    /// Names of parameters that it has otherwise than the current version would, in the order of
    /// the form: of another type than that takes, out of its bounds, or left to a default that is
    /// another one now.
    pub differing: Vec<String>,
}

/// The agreement was made from the current version of its template, with the parameters that this
/// takes: the second telling of [`reasons`].
fn is_uniform(backend: DbBackend) -> SimpleExpr {
    let published = TemplateState::Published;
    let given = "COALESCE((SELECT \"parameters\" FROM \"agreement_parameters\" WHERE \"agreement_id\" = \"agreement\".\"id\"), '{}')";
    let (unknown, missing, unfit) = if backend == DbBackend::Postgres {
        (
            format!(
                "SELECT 1 FROM jsonb_object_keys({given}::jsonb) AS g (key) \
                 WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) WHERE d.value ->> 'name' = g.key)"
            ),
            format!(
                "SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) \
                 WHERE (d.value ->> 'required')::boolean AND d.value ->> 'default' IS NULL AND {given}::jsonb ->> (d.value ->> 'name') IS NULL"
            ),
            format!(
                "SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) JOIN json_each({given}::json) AS g (key, value) \
                 ON g.key = d.value ->> 'name' WHERE json_typeof(g.value) <> 'null' AND NOT ({POSTGRES_FITS})"
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
            format!(
                "SELECT 1 FROM json_each(t.parameters) AS d JOIN json_each({given}) AS g ON g.key = d.value ->> '$.name' \
                 WHERE g.type <> 'null' AND NOT ({SQLITE_FITS})"
            ),
        )
    };
    Expr::cust(format!(
        "EXISTS (SELECT 1 FROM \"agreement_template_version\" AS v JOIN \"agreement_template_text\" AS t ON t.version_id = v.id \
         WHERE v.id = \"agreement\".\"template_version_id\" AND v.state = '{published}' \
         AND NOT EXISTS (SELECT 1 FROM \"agreement_template_version\" AS n \
         WHERE n.template_id = v.template_id AND n.state = '{published}' AND n.version > v.version) \
         AND NOT EXISTS ({unknown}) AND NOT EXISTS ({missing}) AND NOT EXISTS ({unfit}))"
    ))
}

/// A value `g` is of the declared parameter `d`'s type and within its bounds: the second telling of
/// [`templates::parameters::fits`].
const SQLITE_FITS: &str = "CASE d.value ->> '$.type' \
    WHEN 'TEXT' THEN g.type = 'text' AND length(g.value) <= 20000 \
        AND (NOT (d.value ->> '$.required') OR trim(g.value, ' ' || char(9, 10, 13)) <> '') \
    WHEN 'BOOLEAN' THEN g.type IN ('true', 'false') \
    WHEN 'INTEGER' THEN g.type = 'integer' AND g.value BETWEEN -1000000000000 AND 1000000000000 \
        AND g.value >= COALESCE(d.value ->> '$.minimum', g.value) AND g.value <= COALESCE(d.value ->> '$.maximum', g.value) \
    WHEN 'MONEY' THEN g.type = 'text' AND (g.value GLOB '[0-9]*' OR g.value GLOB '-[0-9]*') AND g.value GLOB '*[0-9]' \
        AND substr(g.value, 2) NOT GLOB '*[^0-9.]*' AND g.value NOT GLOB '*.*.*' AND g.value NOT GLOB '*.[0-9][0-9][0-9]*' \
        AND ABS(CAST(g.value AS REAL)) <= 10000000000.00 \
        AND ROUND(CAST(g.value AS REAL) * 100) >= COALESCE(ROUND(CAST(d.value ->> '$.minimum' AS REAL) * 100), -9.1e15) \
        AND ROUND(CAST(g.value AS REAL) * 100) <= COALESCE(ROUND(CAST(d.value ->> '$.maximum' AS REAL) * 100), 9.1e15) \
    WHEN 'DATE' THEN g.type = 'text' AND g.value GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' \
        AND date(g.value) IS g.value AND substr(g.value, 1, 4) BETWEEN '1900' AND '2999' \
    ELSE FALSE END";

/// The same on PostgreSQL, which must not read a text as a number or a day before it is known to be
/// one: hence the nested choices.
const POSTGRES_FITS: &str = "CASE d.value ->> 'type' \
    WHEN 'TEXT' THEN json_typeof(g.value) = 'string' AND char_length(g.value #>> '{}') <= 20000 \
        AND (NOT (d.value ->> 'required')::boolean OR btrim(g.value #>> '{}', E' \t\n\r') <> '') \
    WHEN 'BOOLEAN' THEN json_typeof(g.value) = 'boolean' \
    WHEN 'INTEGER' THEN CASE WHEN json_typeof(g.value) = 'number' AND g.value #>> '{}' ~ '^-?[0-9]{1,13}$' \
        THEN (g.value #>> '{}')::numeric BETWEEN -1000000000000 AND 1000000000000 \
            AND (g.value #>> '{}')::numeric >= COALESCE((d.value ->> 'minimum')::numeric, -1e13) \
            AND (g.value #>> '{}')::numeric <= COALESCE((d.value ->> 'maximum')::numeric, 1e13) ELSE FALSE END \
    WHEN 'MONEY' THEN CASE WHEN json_typeof(g.value) = 'string' AND g.value #>> '{}' ~ '^-?[0-9]+([.][0-9]{1,2})?$' \
        THEN ABS((g.value #>> '{}')::numeric) <= 10000000000.00 \
            AND (g.value #>> '{}')::numeric >= COALESCE((d.value ->> 'minimum')::numeric, -1e16) \
            AND (g.value #>> '{}')::numeric <= COALESCE((d.value ->> 'maximum')::numeric, 1e16) ELSE FALSE END \
    WHEN 'DATE' THEN CASE WHEN json_typeof(g.value) = 'string' AND g.value #>> '{}' ~ '^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-[0-9]{2}$' \
        THEN substr(g.value #>> '{}', 9)::int BETWEEN 1 AND EXTRACT(DAY FROM \
            make_date(substr(g.value #>> '{}', 1, 4)::int, substr(g.value #>> '{}', 6, 2)::int, 1) + interval '1 month' - interval '1 day') \
        ELSE FALSE END \
    ELSE FALSE END";

fn deviating(db: &Database, viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = matching(db, viewer, filter);
    let on = filter.as_of.unwrap_or_else(|| db.clock.today());
    select.cond_where(term_sql::in_force(on)).and_where(is_uniform(db.backend()).not());
    select
}

/// A page of the agreements that the viewer sees, that are in force on the filter's day and are not
/// what the library would make today; by number. `errors` are those that reading the arguments has
/// found. `columns` must have the id and the template version.
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
    let order = order(db, super::Field::Number, false);
    page::select_rows(db.read(), deviating(db, viewer, filter), columns, &order, args, errors).await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), deviating(db, viewer, filter)).await
}

/// What each of these agreements, which the viewer must be known to see, has and would have; by
/// four statements whatever their number. `columns` are those of the versions and must have the id,
/// the template and the version's number.
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
    // Both the own ones and the current ones, since they may ask for the same otherwise.
    let ids: BTreeSet<_> = versions.iter().chain(&currents).map(|version| version.id).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let texts = templates::texts_of(
        db,
        &ids,
        &[template_text::Column::VersionId, template_text::Column::Parameters],
    )
    .await?;
    let ids: Vec<_> = agreements.iter().map(|(id, _)| *id).collect();
    let given = documents::parameters_of(db.read(), &ids).await?;

    let versions: HashMap<_, _> =
        versions.into_iter().map(|version| (version.id, version)).collect();
    let currents: HashMap<_, _> =
        currents.into_iter().map(|version| (version.template_id, version)).collect();
    let declared: HashMap<_, _> = texts
        .into_iter()
        .map(|(id, text)| Ok((id, templates::parameters(&text.parameters)?)))
        .collect::<Result<_>>()?;
    let deviation = |(id, version): &(AgreementId, Option<TemplateVersionId>)| {
        let version = version.and_then(|version| versions.get(&version)).cloned();
        let current =
            version.as_ref().and_then(|version| currents.get(&version.template_id)).cloned();
        let given: Map<String, Value> = given
            .get(id)
            .map(|stored| serde_json::from_str(stored))
            .transpose()
            .map_err(Error::internal)?
            .unwrap_or_default();
        let of = |version: &Option<template_version::Model>| {
            declared.get(&version.as_ref()?.id).map(Vec::as_slice)
        };
        let mut found = of(&current)
            .map(|now| differences(of(&version).unwrap_or(now), now, &given))
            .unwrap_or_default();
        (found.version, found.current) = (version, current);
        found.reasons = reasons(&found);
        Ok((*id, found))
    };
    agreements.iter().map(deviation).collect()
}

/// What the parameters of an agreement, made from a version that declared some, differ in from what
/// is declared now.
fn differences(then: &[Parameter], now: &[Parameter], given: &Map<String, Value>) -> Deviation {
    let of = |name: &str| given.get(name).filter(|value| !value.is_null());
    let default =
        |parameter: &Parameter| parameter.default.clone().filter(|value| !value.is_null());
    let is_missing = |parameter: &&Parameter| {
        parameter.required && default(parameter).is_none() && of(&parameter.name).is_none()
    };
    let differs = |parameter: &&Parameter| match of(&parameter.name) {
        Some(value) => !templates::parameters::fits(parameter, value),
        None => then
            .iter()
            .find(|before| before.name == parameter.name)
            .is_some_and(|before| default(before) != default(parameter)),
    };
    let names = |found: Vec<&Parameter>| {
        found.into_iter().map(|parameter| parameter.name.clone()).collect()
    };
    Deviation {
        missing: names(now.iter().filter(is_missing).collect()),
        unknown: given
            .keys()
            .filter(|name| now.iter().all(|parameter| parameter.name != **name))
            .cloned()
            .collect(),
        differing: names(
            now.iter().filter(|parameter| !is_missing(parameter)).filter(differs).collect(),
        ),
        ..Deviation::default()
    }
}

fn reasons(found: &Deviation) -> Vec<Reason> {
    let parameters = [&found.missing, &found.unknown, &found.differing]
        .into_iter()
        .any(|names| !names.is_empty());
    let of_version = match (&found.version, &found.current) {
        (None, _) => Some(Reason::NoTemplate),
        (Some(_), None) => Some(Reason::NoCurrentVersion),
        (Some(version), Some(current)) => (version.id != current.id).then_some(Reason::OldVersion),
    };
    of_version.into_iter().chain(parameters.then_some(Reason::Parameters)).collect()
}

/// How long two texts are compared line by line before larger pieces will do.
const TIME_LIMIT: Duration = Duration::from_millis(200);

/// Two versions of a template and what their texts differ in, in the unified format.
pub type Diffs = BTreeMap<(TemplateVersionId, TemplateVersionId), String>;

/// What the texts of each of these pairs of versions, which the viewer must be known to see, differ
/// in, by one statement.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn diffs(
    db: &Database,
    viewer: &Viewer,
    pairs: &[(&template_version::Model, &template_version::Model)],
) -> Result<Diffs> {
    let pairs: BTreeMap<_, _> =
        pairs.iter().map(|(old, new)| ((old.id, new.id), (old.version, new.version))).collect();
    let ids: Vec<_> = pairs.keys().flat_map(|(old, new)| [*old, *new]).collect();
    let texts = templates::texts_of(
        db,
        &ids,
        &[template_text::Column::VersionId, template_text::Column::Body],
    )
    .await?;
    let mut diffs = Diffs::new();
    for ((old, new), (from, to)) in pairs {
        let [old_body, new_body] =
            [old, new].map(|id| texts.get(&id).map(|text| text.body.clone()).unwrap_or_default());
        let diff = move || {
            let diff = TextDiff::configure().timeout(TIME_LIMIT).diff_lines(&old_body, &new_body);
            Ok(diff
                .unified_diff()
                .header(&format!("version {from}"), &format!("version {to}"))
                .to_string())
        };
        diffs.insert((old, new), worker_pool::run(&viewer.subject, diff).await?);
    }
    Ok(diffs)
}
