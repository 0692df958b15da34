//! Slugs of activities in filters: each must be that of an activity, so that a misspelled one is
//! not taken for an activity without rows.

use std::collections::HashSet;

use ::entity::activity::{Column, Entity};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use crate::{
    context::Context,
    database::among_words,
    error::{FieldErrorCode, FieldProblem, Origin, Result, ValidationErrors},
};

/// Maximum length of an unknown slug in a message, in characters.
const MAX_SHOWN: usize = 100;

/// The filter of a list. Its slugs are looked up before the list is read, and unknown ones are
/// reported together with every other error of the list's arguments.
pub trait ListFilter {
    /// Returns its lists of slugs, each with the name of its field.
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        Vec::new()
    }
}

impl ListFilter for () {}

/// The day of a list of all rows as of a day.
impl ListFilter for NaiveDate {}

/// Checks the slugs of a filter, in one statement; in none if it names no activity. Every viewer
/// may know that an activity exists. Adds an error to `errors`, which are those of the form of the
/// input, for every slug of no activity.
pub async fn check(
    ctx: Context<'_>,
    filter: &impl ListFilter,
    errors: &mut ValidationErrors,
) -> Result<()> {
    check_lists(ctx, Origin::Filter, &filter.slugs(), errors).await
}

/// Like [`check`], for lists of slugs of `origin`. Leaves out the slugs that have an error already:
/// a database can't look up every text.
pub(crate) async fn check_lists(
    ctx: Context<'_>,
    origin: Origin,
    lists: &[(&str, &[String])],
    errors: &mut ValidationErrors,
) -> Result<()> {
    let lists = lists.iter().filter(|(path, _)| !errors.has(path));
    let named = lists.flat_map(|(path, slugs)| {
        slugs.iter().enumerate().map(move |(position, slug)| (format!("{path}[{position}]"), slug))
    });
    let named: Vec<_> = named.filter(|(path, _)| !errors.has(path)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let slug = || Expr::col((Entity, Column::Slug));
    let select = Query::select()
        .expr(slug())
        .from(Entity)
        .and_where(among_words(ctx.db.backend(), slug(), named.iter().map(|(_, slug)| *slug)))
        .take();
    let found = ctx.db.read().query_all(&select).await?;
    let known = found.iter().map(|row| Ok(row.try_get_by_index(0)?));
    let known = known.collect::<Result<HashSet<String>>>()?;
    let former = errors.set_origin(origin);
    for (path, slug) in named {
        if !known.contains(slug) {
            errors.add(path, unknown(slug));
        }
    }
    errors.set_origin(former);
    Ok(())
}

/// Returns the problem of a slug that no activity has.
pub(crate) fn unknown(slug: &str) -> FieldProblem {
    let slug: String = slug.chars().take(MAX_SHOWN).collect();
    FieldErrorCode::Unknown.problem(format!("is not the slug of an activity: {slug:?}"))
}
