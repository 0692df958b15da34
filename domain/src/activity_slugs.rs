//! Slugs of activities in filters: each must be that of an activity, so that a misspelled one is
//! not taken for an activity without rows.

use std::collections::HashSet;

use ::entity::activity::{Column, Entity};
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

/// Checks the slugs of lists of a filter, each with its path, in one statement; in none if they are
/// empty. Every viewer may know that an activity exists.
///
/// # Errors
/// INVALID naming every slug of no activity.
pub(crate) async fn check(
    ctx: Context<'_>,
    origin: Origin,
    lists: &[(&str, &[String])],
) -> Result<()> {
    let named = lists.iter().flat_map(|(path, slugs)| {
        slugs.iter().enumerate().map(move |(position, slug)| (format!("{path}[{position}]"), slug))
    });
    let named: Vec<_> = named.collect();
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
    let mut errors = ValidationErrors::of(origin);
    for (path, slug) in named {
        if !known.contains(slug) {
            errors.add(path, unknown(slug));
        }
    }
    errors.finish()
}

/// Returns the problem of a slug that no activity has.
pub(crate) fn unknown(slug: &str) -> FieldProblem {
    let slug: String = slug.chars().take(MAX_SHOWN).collect();
    FieldErrorCode::Unknown.problem(format!("is not the slug of an activity: {slug:?}"))
}
