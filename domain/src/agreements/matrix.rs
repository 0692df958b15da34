//! The matrix of members and activities, with the participation agreements between them as of a
//! day.

use ::entity::{
    activity,
    agreement::{Column, Model},
    id::{ActivityId, MemberId},
    member,
};
use chrono::NaiveDate;
use sea_orm::Order;

use super::{matrix_columns::Columns, select};
use crate::{
    activities::{self, coverage},
    activity_slugs,
    auth::viewer::Resource,
    context::Context,
    database::among,
    error::{Origin, Result, ValidationErrors},
    members,
    page::{PageRequest, Slice},
    query::{self, column},
    term_sql,
};

/// Returns the activities that run on `on`, in two statements; with `slugs`, only those with these
/// slugs. `columns` must include the id and the slug.
///
/// # Errors
/// INVALID with `errors`, those found in the other arguments, and with every slug of no activity.
pub async fn columns(
    ctx: Context<'_>,
    on: NaiveDate,
    slugs: &[String],
    columns: &[activity::Column],
    mut errors: ValidationErrors,
) -> Result<Columns> {
    let lists = [("activity_slugs", slugs)];
    activity_slugs::check_lists(ctx, Origin::Input, &lists, &mut errors).await?;
    errors.finish()?;
    let filter = activities::Filter { active_on: Some(on), ..activities::Filter::default() };
    let mut running = activities::all(ctx, &filter, columns).await?;
    running.retain(|activity| slugs.is_empty() || slugs.contains(&activity.slug));
    let ids: Vec<_> = running.iter().map(|activity| activity.id).collect();
    let funding = activities::funding_of(ctx.db.read(), &ids).await?;
    Ok(Columns::of(running, &funding, &ctx.viewer.visibility(Resource::Agreements)))
}

/// Returns the rows: a page of the members on the day that the viewer can read.
pub async fn members_on(
    ctx: Context<'_>,
    on: NaiveDate,
    page: &PageRequest<member::Model>,
) -> Result<Slice<member::Model>> {
    members::list(ctx, &coverage::present(on), page).await
}

/// Counts the rows.
pub async fn count(ctx: Context<'_>, on: NaiveDate) -> Result<i64> {
    members::count(ctx, &coverage::present(on), None).await
}

/// Returns the cells, in one statement: the participation agreements in force on `on` of these
/// members and about these activities that the viewer can read, the latest first day first.
/// `columns` must include the member and the activity.
pub async fn cells(
    ctx: Context<'_>,
    members: &[MemberId],
    activities: &[ActivityId],
    on: NaiveDate,
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select
        .and_where(term_sql::is_participation())
        .and_where(among(ctx.db.backend(), column(Column::ActivityId), activities.iter().copied()))
        .and_where(among(ctx.db.backend(), column(Column::MemberId), members.iter().copied()))
        .cond_where(term_sql::in_force(on))
        .order_by_expr(column(Column::StartsOn), Order::Desc)
        .order_by_expr(column(Column::Id), Order::Desc);
    query::rows(ctx.db.read(), select, columns).await
}
