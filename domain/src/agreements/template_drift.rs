//! Template drift: agreements in force that differ from an agreement made from the template library
//! today, with the reasons and the differences of the texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use ::entity::{
    agreement::Model,
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

use super::{
    Filter, matching, parameters,
    template_deviation::{Deviation, differences, reasons},
};
use crate::{
    context::Context,
    error::{Error, Result},
    page::{self, PageRequest, Slice},
    templates, term_sql, worker_pool,
};

/// SQL predicate: the agreement was made from the current version of its template, with parameters
/// that fit it. It must agree with [`reasons`].
fn is_uniform(backend: DbBackend) -> SimpleExpr {
    let published = TemplateState::Published;
    let values = "COALESCE((SELECT \"parameters\" FROM \"agreement_parameters\" WHERE \"agreement_id\" = \"agreement\".\"id\"), '{}')";
    let (unknown, missing, unfit) = if backend == DbBackend::Postgres {
        (
            format!(
                "SELECT 1 FROM jsonb_object_keys({values}::jsonb) AS g (key) \
                 WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) WHERE d.value ->> 'name' = g.key)"
            ),
            format!(
                "SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) \
                 WHERE (d.value ->> 'required')::boolean AND d.value ->> 'default' IS NULL AND {values}::jsonb ->> (d.value ->> 'name') IS NULL"
            ),
            format!(
                "SELECT 1 FROM jsonb_array_elements(t.parameters::jsonb) AS d (value) JOIN json_each({values}::json) AS g (key, value) \
                 ON g.key = d.value ->> 'name' WHERE json_typeof(g.value) <> 'null' AND NOT ({POSTGRES_FITS})"
            ),
        )
    } else {
        (
            format!(
                "SELECT 1 FROM json_each({values}) AS g \
                 WHERE NOT EXISTS (SELECT 1 FROM json_each(t.parameters) AS d WHERE d.value ->> '$.name' = g.key)"
            ),
            format!(
                "SELECT 1 FROM json_each(t.parameters) AS d WHERE d.value ->> '$.required' AND d.value ->> '$.default' IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM json_each({values}) AS g WHERE g.key = d.value ->> '$.name' AND g.type <> 'null')"
            ),
            format!(
                "SELECT 1 FROM json_each(t.parameters) AS d JOIN json_each({values}) AS g ON g.key = d.value ->> '$.name' \
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

/// SQL predicate: a value `g` has the type of the declared parameter `d` and is within its bounds.
/// It must agree with [`templates::parameters::fits`].
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

/// The predicate for PostgreSQL. It must not cast a text to a number or a date before the text is
/// known to be one, hence the nested CASE expressions.
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

fn deviating(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = matching(ctx, filter);
    let on = filter.as_of.unwrap_or_else(|| ctx.clock.today());
    select.cond_where(term_sql::in_force(on)).and_where(is_uniform(ctx.db.backend()).not());
    select
}

/// Returns a page of the agreements that the viewer can read, that are in force on the filter's day
/// and that differ from one made today, ordered by number. `columns` must include the id and the
/// template version.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), deviating(ctx, filter), page).await
}

/// Counts the agreements that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), deviating(ctx, filter)).await
}

/// Returns the differences of these agreements, in four statements in total. The caller has checked
/// that the viewer can read the agreements. `columns` are those of the versions and must include
/// the id, the template and the version number.
pub async fn deviations_of(
    ctx: Context<'_>,
    agreements: &[(AgreementId, Option<TemplateVersionId>)],
    columns: &[template_version::Column],
) -> Result<HashMap<AgreementId, Deviation>> {
    let ids: Vec<_> = agreements.iter().filter_map(|(_, version)| *version).collect();
    let versions = templates::versions_by_ids(ctx, &ids, columns).await?;
    let of_templates: Vec<_> = versions.iter().map(|version| version.template_id).collect();
    let currents = templates::current_of(ctx, &of_templates, columns).await?;
    // Both the agreement's version and the current one, since their declarations may differ.
    let ids: BTreeSet<_> = versions.iter().chain(&currents).map(|version| version.id).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let texts = templates::texts_of(
        ctx,
        &ids,
        &[template_text::Column::VersionId, template_text::Column::Parameters],
    )
    .await?;
    let ids: Vec<_> = agreements.iter().map(|(id, _)| *id).collect();
    let values = parameters::parameters_of(ctx.db.read(), &ids).await?;

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
        let values: Map<String, Value> = values
            .get(id)
            .map(|stored| serde_json::from_str(stored))
            .transpose()
            .map_err(Error::internal)?
            .unwrap_or_default();
        let of = |version: &Option<template_version::Model>| {
            declared.get(&version.as_ref()?.id).map(Vec::as_slice)
        };
        let mut found = of(&current)
            .map(|now| differences(of(&version).unwrap_or(now), now, &values))
            .unwrap_or_default();
        (found.version, found.current) = (version, current);
        found.reasons = reasons(&found);
        Ok((*id, found))
    };
    agreements.iter().map(deviation).collect()
}

/// Time limit for comparing two texts line by line; after it, the comparison is coarser.
const TIME_LIMIT: Duration = Duration::from_millis(200);

/// Differences of the texts of pairs of versions, in the unified diff format.
pub type Diffs = BTreeMap<(TemplateVersionId, TemplateVersionId), String>;

/// Returns the differences of the texts of these pairs of versions, in one statement. The caller
/// has checked that the viewer can read them.
pub async fn diffs(
    ctx: Context<'_>,
    pairs: &[(&template_version::Model, &template_version::Model)],
) -> Result<Diffs> {
    let pairs: BTreeMap<_, _> =
        pairs.iter().map(|(old, new)| ((old.id, new.id), (old.version, new.version))).collect();
    let ids: Vec<_> = pairs.keys().flat_map(|(old, new)| [*old, *new]).collect();
    let texts = templates::texts_of(
        ctx,
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
        diffs.insert((old, new), worker_pool::run(&ctx.viewer.subject, diff).await?);
    }
    Ok(diffs)
}
